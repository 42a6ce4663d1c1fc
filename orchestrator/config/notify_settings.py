"""`[notify.NAME]` of `orchestrator.toml`: webhooks that receive what happens to bases and environments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, cast, get_args

from pulumi_django.rules.text import as_written

Form = Literal["json", "slack", "teams", "apprise"]
Happening = Literal["created", "deployed", "failed", "expiring", "slept", "woke", "reaped", "destroyed"]
FORMS: tuple[Form, ...] = get_args(Form)
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)
REFERENCE = "env:"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook, and the events that it receives."""

    url: str
    """`env:VARIABLE`, the environment variable with the URL. A URL without a secret may be written itself."""

    format: Form = "json"
    """`json` (the document `notice`), `slack`, `teams`, or `apprise`: any service of the package `apprise`."""

    events: tuple[Happening, ...] = HAPPENINGS
    """`created`, `deployed`, `failed`, `expiring`, `slept`, `woke`, `reaped`, `destroyed`. By default all."""

    names: tuple[str, ...] = ("*",)
    """Patterns of names of bases and environments, such as `pr-*`."""

    def wants(self, event: Happening, name: str) -> bool:
        """Whether it receives this event."""
        return event in self.events and any(fnmatchcase(name, pattern) for pattern in self.names)

    def address(self) -> str | None:
        """The URL; None when its variable is not set."""
        if self.url.startswith(REFERENCE):
            return os.environ.get(self.url.removeprefix(REFERENCE), "").strip() or None
        return self.url


class InvalidWebhookError(ValueError):
    """A value of a table is invalid: `key` is its key, and the message continues a sentence that begins with it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def read(values: Mapping[str, Any]) -> Webhook:
    """Check a table that has only known keys. Raises InvalidWebhookError."""
    url, form = values.get("url"), values.get("format", "json")
    if form not in FORMS:
        raise InvalidWebhookError("format", f"is {as_written(form)}: it must be one of {', '.join(FORMS)}")
    if not isinstance(url, str) or not url:
        raise InvalidWebhookError("url", "is missing: write `env:VARIABLE`, the environment variable with the URL")
    if not url.startswith((REFERENCE, "https://", "http://localhost", "http://127.0.0.1")) and form != "apprise":
        raise InvalidWebhookError("url", "is not `env:VARIABLE` and not an https URL")
    events = _texts(values, "events", HAPPENINGS)
    for event in events:
        if event not in HAPPENINGS:
            raise InvalidWebhookError("events", f"contains {as_written(event)}: events are {', '.join(HAPPENINGS)}")
    return Webhook(
        url=url, format=form, events=cast(tuple[Happening, ...], events), names=_texts(values, "names", ("*",))
    )


def _texts(values: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found: Any = values.get(key, list(default))
    if not isinstance(found, list) or not all(isinstance(item, str) for item in cast(list[Any], found)):
        raise InvalidWebhookError(key, "is not a list of texts")
    return tuple(cast(list[str], found))
