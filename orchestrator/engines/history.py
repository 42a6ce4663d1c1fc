"""The history of a stack as its backend keeps it: one entry for each operation that ended.

Pulumi records an operation with its time, message, configuration and environment, but not the reason of a failure. The
engines keep that in a tag of the stack, for the newest failures only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.config.values import is_secret
from orchestrator.model import SECRET_MASK

UPDATE = "update"
"""Kind of an update; other kinds are `refresh`, `destroy`, `import`."""

SUCCEEDED, FAILED, DAMAGED = "succeeded", "failed", "damaged"
REASON_TAG = "orchestrator-failed:"
"""Prefix of the tags with the reasons of failures; the rest is the start of the operation in seconds since 1970."""

REASONS_KEPT = 10
# https://www.pulumi.com/docs/iac/concepts/stacks/#stack-tags
REASON_LIMIT = 256

_MESSAGE = re.compile(r"orchestrator (?P<command>\S+) (?P<stack>\S+)(?: by (?P<who>.+))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One operation on a stack."""

    number: int
    """Position in the history, from 1. Entries that a retention rule deleted no longer count."""

    id: str
    """A text that stays when older entries are deleted."""

    kind: str = UPDATE
    started: datetime | None = None
    ended: datetime | None = None
    result: str = SUCCEEDED
    """`succeeded`, `failed`, or `damaged` when the entry cannot be read."""

    message: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Facts about the process, such as `git.head`."""

    config: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """The configuration by full key, with SECRET_MASK in place of encrypted values."""

    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """A digest of each encrypted value by full key: equal digests are equal values."""

    changes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Numbers of resources by change: `create`, `update`, `same`."""

    reason: str | None = None
    """The reason of a failure, shortened; None when it is not known."""

    @property
    def command(self) -> str:
        """The command of the orchestrator, for example `deploy`; `pulumi up` for an update without it."""
        match = _MESSAGE.fullmatch(self.message)
        return match["command"] if match else f"pulumi {'up' if self.kind == UPDATE else self.kind}"

    @property
    def operator(self) -> str | None:
        """The user who ran it; without one in the message, the author of the commit."""
        match = _MESSAGE.fullmatch(self.message)
        return (match and match["who"]) or self.environment.get("git.author") or None

    @property
    def commit(self) -> str | None:
        """Full hash of the commit of the project folder."""
        return self.environment.get("git.head") or None

    @property
    def seconds(self) -> float | None:
        """Duration in seconds; None when it is unknown, as after a clock that was set back meanwhile."""
        if self.started is None or self.ended is None or self.ended < self.started:
            return None
        return (self.ended - self.started).total_seconds()


def message(command: str, stack: str, operator: str | None) -> str:
    """The message of an operation, from which `Entry` reads the command and the user."""
    return f"orchestrator {command} {stack}{f' by {operator}' if operator else ''}"


def masked(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A configuration from a history without its secrets, and the digests of the secrets."""
    plain = {key: _plain(value) for key, value in config.items()}
    secrets = {key: _digest(value) for key, value in config.items() if plain[key] != value}
    return plain, secrets


def _plain(value: Any) -> Any:
    if is_secret(value):
        return SECRET_MASK
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def with_reason(tags: Mapping[str, str], started: int, reason: str) -> dict[str, str]:
    """The tags with the reason of a failure, and without the oldest reasons."""
    one_line = " ".join(reason.split())
    found = {**tags, f"{REASON_TAG}{started}": one_line[:REASON_LIMIT]}
    names = sorted((name for name in found if name.startswith(REASON_TAG)), key=lambda name: (len(name), name))
    for name in names[:-REASONS_KEPT]:
        del found[name]
    return found


def reason_in(tags: Mapping[str, str], started: datetime | None) -> str | None:
    """The reason of the failure that started then; None when no tag has it."""
    return tags.get(f"{REASON_TAG}{int(started.timestamp())}") if started else None
