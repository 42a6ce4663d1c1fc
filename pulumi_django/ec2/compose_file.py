"""Reads a docker compose file far enough to refuse what cannot run, and to know which of its images are in ECR. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pulumi_django.ec2 import compose_checks, compose_document, ecr_images
from pulumi_django.ec2.compose_variables import UNKNOWN


@dataclass(frozen=True, kw_only=True)
class ComposeFile:
    """A compose file that has been checked."""

    text: str
    """As it stands on disk."""

    ecr_registries: tuple[str, ...]
    """Host names of the ECR registries that images come from."""

    ecr_repository_arns: tuple[str, ...]
    """ARNs of the ECR repositories that images come from."""


def read(
    path: str, *, host_has_variables: bool = True, ecr_repository_arns: Sequence[str] | None = None
) -> ComposeFile:
    """The compose file at `path`; ValueError when there is none, or a host cannot run it.

    `host_has_variables`: whether the host has values for the file's variables. `ecr_repository_arns`: repositories in
    ECR of images whose names are variables; None when there is no such image.
    """
    text = _text(path)
    try:
        document = compose_document.load(text, host_has_variables=host_has_variables)
        services = compose_document.services(document)
        compose_checks.check(document, services, host_has_variables=host_has_variables)
        images = {name: str(service["image"]) for name, service in services.items() if service.get("image")}
        if ecr_repository_arns is None:
            _refuse_undetermined(images)
        found = [it for image in images.values() if (it := _repository(image))]
    except ValueError as error:
        raise ValueError(f"compose_file is {path!r}: {error}") from None
    found += ecr_images.declared(ecr_repository_arns or ())
    return ComposeFile(
        text=text,
        ecr_registries=tuple(sorted({it.registry for it in found})),
        ecr_repository_arns=tuple(sorted({it.arn for it in found})),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise ValueError(f"compose_file is {path!r}: it is no text in UTF-8") from None
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ValueError(f"compose_file is {path!r}: it cannot be read ({reason})") from None


def _repository(image: str) -> ecr_images.EcrRepository | None:
    return None if ecr_images.is_undetermined(image) else ecr_images.repository(image)


def _refuse_undetermined(images: dict[str, str]) -> None:
    for name, image in images.items():
        if ecr_images.is_undetermined(image):
            raise ValueError(
                f"its service {name!r} has the image {image.replace(UNKNOWN, '${...}')!r}, and the host's rights depend "
                "on its repository: write the repository and keep the variable for the tag, or give ecr_repository_arns "
                "([] when it is not in ECR)"
            )
