"""`[images.NAME]` of `orchestrator.toml`: how an image is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.config import table_values
from orchestrator.config.table_values import InvalidValueError
from pulumi_django.rules.text import as_written

PLATFORMS = ("linux/amd64", "linux/arm64")
"""Platforms of Fargate. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-arm64.html"""

_SECRET = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)", re.DOTALL)
_SECRET_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_REPOSITORY = re.compile(r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """The build of an image, and the repository to which it is pushed."""

    context: str = "."
    """Folder with the source, relative to the folder of `orchestrator.toml`. The image gets the files that git tracks or
    would track, without those that `.dockerignore` excludes."""

    dockerfile: str = "Dockerfile"
    """Dockerfile, relative to the context."""

    target: str | None = None
    """Stage of the Dockerfile; None: the last one."""

    args: Mapping[str, str] = field(default_factory=dict[str, str])
    """Build arguments by name. They stay in the image's history: pass credentials in `secrets`."""

    platforms: tuple[str, ...] = ()
    """Platforms, `linux/amd64` and `linux/arm64`. Empty: the platform of the environment's `architecture`."""

    include: tuple[str, ...] = ()
    """Patterns of files that git ignores and the image needs, such as `frontend/dist`, in the form of `.dockerignore`."""

    cache: bool | str = True
    """Whether layers are kept in the registry for the next build: true keeps them under the tag `cache` of the repository,
    a text in that repository. With podman and buildah, true keeps layers on this machine only."""

    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Secrets of `RUN --mount=type=secret,id=ID`: `env:VARIABLE` or `file:PATH` by id. They reach no layer and no log."""

    repository: str | None = None
    """Repository of the image: `registry.example.com/shop/backend`, or the name of a repository in ECR. None: that of the
    image in the environment's configuration, else the repository of the bootstrap whose name ends with the image's name."""


def read_all(tables: Mapping[str, Any]) -> dict[str, ImageSettings]:
    """Check the tables by name of the image. Raises InvalidValueError; unknown keys are checked before."""
    for name in tables:
        if not _NAME.fullmatch(name):
            raise InvalidValueError(name, "is not the name of an image: use lower-case letters, digits, _ and -")
    return {name: _read(name, values) for name, values in tables.items()}


def _read(name: str, values: Mapping[str, Any]) -> ImageSettings:
    given = {key: _READERS[key](f"{name}.{key}", value) for key, value in values.items()}
    return ImageSettings(**given)


def _platforms(key: str, value: Any) -> tuple[str, ...]:
    found = table_values.texts(key, value)
    wrong = next((each for each in found if each not in PLATFORMS), None)
    if wrong is not None:
        raise InvalidValueError(key, f"contains {as_written(wrong)}: platforms are {' and '.join(PLATFORMS)}")
    return tuple(sorted(set(found)))


def _args(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidValueError(key, "is not a table of texts")
    for name, item in value.items():
        if not _ARGUMENT.fullmatch(name):
            raise InvalidValueError(f"{key}.{name}", "is not the name of a build argument")
        if not isinstance(item, str) or "\0" in item:
            raise InvalidValueError(f"{key}.{name}", "is not text")
    return {str(name): str(item) for name, item in value.items()}


def _secrets(key: str, value: Any) -> dict[str, str]:
    found = table_values.texts_by_name(key, value)
    for name, reference in found.items():
        if not _SECRET_ID.fullmatch(name):
            raise InvalidValueError(f"{key}.{name}", "is not the id of a secret: use letters, digits, _, . and -")
        if not _SECRET.fullmatch(reference):
            # The value may be the secret itself, so it is not shown.
            raise InvalidValueError(f"{key}.{name}", "is neither env:VARIABLE nor file:PATH; never write a secret here")
    return found


def _cache(key: str, value: Any) -> bool | str:
    return value if isinstance(value, bool) else _repository(key, value)


def _repository(key: str, value: Any) -> str:
    text = table_values.text(key, value)
    if not _REPOSITORY.fullmatch(text):
        raise InvalidValueError(
            key, f"is {text!r}: it must be a repository without a tag, such as registry.example.com/shop/backend"
        )
    return text


_READERS: Mapping[str, Any] = {
    "context": table_values.text,
    "dockerfile": table_values.text,
    "target": table_values.text,
    "args": _args,
    "platforms": _platforms,
    "include": table_values.texts,
    "cache": _cache,
    "secrets": _secrets,
    "repository": _repository,
}
