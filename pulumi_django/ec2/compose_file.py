"""A checked docker compose file, and the ECR repositories of its images. Pure."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulumi_django.ec2 import compose_checks, compose_document
from pulumi_django.ec2.compose_document import UNKNOWN

MOST_BYTES = 1024**2
"""Largest compose file that is read. The user data of an instance has room for 16 KiB."""

# Partitions by suffix of the registries' host names that Ubuntu 24.04's credential helper supports.
# https://github.com/awslabs/amazon-ecr-credential-helper/blob/v0.7.1/ecr-login/api/client.go
_PARTITIONS = {
    "amazonaws.com": "aws",
    "amazonaws.com.cn": "aws-cn",
    "c2s.ic.gov": "aws-iso",
    "sc2s.sgov.gov": "aws-iso-b",
    "cloud.adc-e.uk": "aws-iso-e",
    "csp.hci.ic.gov": "aws-iso-f",
}
_GOVCLOUD = "us-gov-"
_REGISTRY = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):ecr:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):repository/\S+")


@dataclass(frozen=True, kw_only=True)
class EcrRepository:
    """A repository of images in ECR."""

    registry: str
    """Host name of its registry."""

    arn: str
    """ARN of the repository."""


def repository(image: str) -> EcrRepository | None:
    """Return the repository of an image in ECR; None for an image from another registry.

    Raises ValueError for an ECR registry to which a host cannot log in.
    """
    registry, _, rest = image.partition("/")
    found = _REGISTRY.fullmatch(registry)
    if not found:
        return None
    suffix, region = found["suffix"], found["region"]
    if suffix not in _PARTITIONS or "dkr-ecr" in registry:
        raise ValueError(
            f"{registry} is a registry to which the host cannot log in: it supports registries such as "
            f"{found['account']}.dkr.ecr.{region}.amazonaws.com"
        )
    name = re.split(r"[:@]", rest, maxsplit=1)[0]
    if not _REPOSITORY.fullmatch(name):
        raise ValueError(f"{image!r} does not name a repository")
    partition = "aws-us-gov" if region.startswith(_GOVCLOUD) else _PARTITIONS[suffix]
    return EcrRepository(registry=registry, arn=f"arn:{partition}:ecr:{region}:{found['account']}:repository/{name}")


def is_undetermined(image: str) -> bool:
    """Return whether the repository of an image depends on variables. Variables in the tag or digest do not matter."""
    last = image.rindex("/") if "/" in image else 0
    tag = re.search(r"[:@]", image[last:])
    return UNKNOWN in (image[: last + tag.start()] if tag else image)


def declared(arns: Iterable[str]) -> list[EcrRepository]:
    """Return the repositories with these ARNs. Raises ValueError for text that is no ARN of a repository."""
    found: list[EcrRepository] = []
    for arn in arns:
        parts = _ARN.fullmatch(arn)
        suffixes = {partition: suffix for suffix, partition in _PARTITIONS.items()} | {"aws-us-gov": "amazonaws.com"}
        if not parts or parts["partition"] not in suffixes:
            raise ValueError(
                f"ecr_repository_arns has {arn!r}: it must be written like "
                "'arn:aws:ecr:us-east-1:123456789012:repository/shop'"
            )
        host = f"{parts['account']}.dkr.ecr.{parts['region']}.{suffixes[parts['partition']]}"
        found.append(EcrRepository(registry=host, arn=arn))
    return found


@dataclass(frozen=True, kw_only=True)
class ComposeFile:
    """A checked compose file."""

    text: str
    """Content of the file."""

    ecr_registries: tuple[str, ...]
    """Host names of the ECR registries of its images."""

    ecr_repository_arns: tuple[str, ...]
    """ARNs of the ECR repositories of its images."""


def read(
    path: str, *, host_has_variables: bool = True, ecr_repository_arns: Sequence[str] | None = None
) -> ComposeFile:
    """Return the compose file at `path`. Raises ValueError when it does not exist, or when a host cannot run it.

    `host_has_variables` means that the host has values for the file's variables. `ecr_repository_arns` are the ECR
    repositories of images whose names are variables; None when no such image exists.
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
    found += declared(ecr_repository_arns or ())
    return ComposeFile(
        text=text,
        ecr_registries=tuple(sorted({it.registry for it in found})),
        ecr_repository_arns=tuple(sorted({it.arn for it in found})),
    )


def _content(path: Path) -> bytes:
    """Return the content of a regular file. Raises OSError for a device or a pipe, ValueError for one that is too large."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is not a regular file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    return content


def _text(path: str) -> str:
    try:
        return _content(Path(path)).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise ValueError(f"compose_file is {path!r}: it is not UTF-8 text") from None
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ValueError(f"compose_file is {path!r}: it cannot be read ({reason})") from None


def _repository(image: str) -> EcrRepository | None:
    return None if is_undetermined(image) else repository(image)


def _refuse_undetermined(images: dict[str, str]) -> None:
    for name, image in images.items():
        if is_undetermined(image):
            raise ValueError(
                f"its service {name!r} has the image {image.replace(UNKNOWN, '${...}')!r}, and the host's "
                "permissions depend on its repository: write the repository and keep the variable for the tag, or set "
                "ecr_repository_arns ([] when it is not in ECR)"
            )
