"""`[pull_requests]` of `orchestrator.toml`: the environment that each pull request gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, get_args

from orchestrator.config import table_values
from orchestrator.config.durations import parse_duration
from orchestrator.config.table_values import InvalidValueError
from orchestrator.errors import UsageError

AtCap = Literal["sleep", "refuse"]
_FIELD = re.compile(r"\{([^{}]*)\}")
_IMAGE_FIELDS = ("commit", "number", "branch")


@dataclass(frozen=True, kw_only=True)
class PullRequestSettings:
    """The pull requests that get an environment, and how it differs from its template."""

    base: str | None = None
    """Base of the environments; None: the base in the configuration of the template."""

    name: str = "pr-{number}"
    """Name of an environment. `{number}` is required. `{branch}`, behind it, is the branch as lower-case letters, digits and
    hyphens. Names have at most 20 characters, and a longer one is cut."""

    label: str | None = None
    """Label that a pull request needs to get an environment; None: every pull request gets one."""

    paths: tuple[str, ...] = ()
    """Patterns of files, such as `backend/**`. A pull request that changes none of them gets no environment. Empty: any file."""

    drafts: bool = False
    """Whether drafts get an environment."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """References of images with `{commit}`, `{number}` or `{branch}`, for example
    `backend = "registry.example.com/shop:{commit}"`. Empty: the images of the template."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Configuration values by key that differ from the template, for example `"web.cpu_units" = 256`."""

    secrets: tuple[str, ...] = ()
    """Variables of `extra_secrets` that the environments get from the template. The others are left out."""

    seed: tuple[str, ...] = ()
    """Command that runs once in a new environment, after its first release, for example `["python", "manage.py",
    "loaddata", "demo"]`."""

    smoke: bool = False
    """Whether the checks of `smoke` run after each update."""

    ttl: timedelta = timedelta(days=3)
    """Time from the last push until the environment expires."""

    most: int = 10
    """Largest number of these environments that are awake."""

    at_most: AtCap = "sleep"
    """The reaction when another one is needed: `sleep` puts the one that was updated longest ago to sleep, `refuse` fails."""


def read(values: Mapping[str, Any]) -> PullRequestSettings:
    """Check a table that has only known keys. Raises InvalidValueError."""
    given: dict[str, Any] = {key: _READERS[key](key, value) for key, value in values.items()}
    return PullRequestSettings(**given)


def _name(key: str, value: Any) -> str:
    text = table_values.text(key, value)
    before, number, after = text.partition("{number}")
    plain = before + after.replace("{branch}", "", 1)
    if (
        not number
        or not re.fullmatch(r"[a-z][a-z0-9-]*", before)
        or not re.fullmatch(r"[a-z0-9-]*", plain[len(before) :])
    ):
        raise InvalidValueError(
            key,
            f"is '{text}': it must begin with a letter, have lower-case letters, digits and hyphens, and contain {{number}} "
            "once; {branch} may follow",
        )
    return text


def _images(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidValueError(key, "is not a table of image references")
    images = {str(name): table_values.text(f"{key}.{name}", reference) for name, reference in value.items()}
    for name, reference in images.items():
        wrong = next((each for each in _FIELD.findall(reference) if each not in _IMAGE_FIELDS), None)
        if wrong is not None:
            raise InvalidValueError(
                f"{key}.{name}", f"contains {{{wrong}}}: only {{commit}}, {{number}} and {{branch}} are replaced"
            )
    return images


def _values(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValueError(key, "is not a table of configuration values")
    return {str(name): item for name, item in value.items()}


def _duration(key: str, value: Any) -> timedelta:
    try:
        return parse_duration(table_values.text(key, value))
    except UsageError as error:
        raise InvalidValueError(key, f"cannot be used: {error.message}") from None


def _most(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise InvalidValueError(key, "is not a whole number from 1 to 1000")
    return value


def _at_most(key: str, value: Any) -> AtCap:
    choices: tuple[AtCap, ...] = get_args(AtCap)
    if value not in choices:
        raise InvalidValueError(key, f"is neither {' nor '.join(choices)}")
    return value


_READERS: Mapping[str, Any] = {
    "base": table_values.text,
    "name": _name,
    "label": table_values.text,
    "paths": table_values.texts,
    "drafts": table_values.flag,
    "images": _images,
    "values": _values,
    "secrets": table_values.texts,
    "seed": table_values.texts,
    "smoke": table_values.flag,
    "ttl": _duration,
    "most": _most,
    "at_most": _at_most,
}
