"""Reads a docker compose file far enough to refuse what cannot run, and to know which of its images are in ECR. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_ECR_IMAGE = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com)/(?P<repository>[a-z0-9._/-]+)"
)


@dataclass(frozen=True, kw_only=True)
class ComposeFile:
    """A compose file that has been checked."""

    text: str
    """As it stands on disk."""

    ecr_registries: tuple[str, ...]
    """Host names of the ECR registries that images come from."""

    ecr_repository_arns: tuple[str, ...]
    """ARNs of the ECR repositories that images come from."""


def read(path: str) -> ComposeFile:
    """The compose file at `path`; ValueError when there is none, it is not YAML, or it names no service."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"compose_file is {path!r}: it cannot be read ({(error.strerror or str(error)).lower()})"
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"compose_file is {path!r}: it is no text in UTF-8") from None
    images = [str(service.get("image", "")) for service in _services(path, text).values()]
    found = [match for image in images if (match := _ECR_IMAGE.match(image))]
    return ComposeFile(
        text=text,
        ecr_registries=tuple(sorted({match["registry"] for match in found})),
        ecr_repository_arns=tuple(
            sorted({f"arn:aws:ecr:{m['region']}:{m['account']}:repository/{m['repository']}" for m in found})
        ),
    )


def _services(path: str, text: str) -> dict[str, dict[str, Any]]:
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"compose_file is {path!r}: it is not YAML{where} ({error.problem})") from None
    except YAMLError as error:
        raise ValueError(f"compose_file is {path!r}: it is not YAML ({str(error).splitlines()[0]})") from None
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(services, dict) or not services:
        raise ValueError(f"compose_file is {path!r}: it has no services")
    for name, service in services.items():
        if not isinstance(service, dict):
            raise ValueError(f"compose_file is {path!r}: its service {name!r} is no mapping")
        if "image" not in service:
            raise ValueError(
                f"compose_file is {path!r}: its service {name!r} has no image, and sources are not on the host"
            )
    return services
