"""The events of an operation, for its observer. Operations never print, prompt or exit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Note:
    """A remark for the user."""

    text: str
    severity: Literal["info", "warning"] = "info"


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line of a container's log."""

    service: str
    """Short name of the service or of the one-off task."""

    text: str
    """Printable text without the line end."""

    task: str | None = None
    """Short id of the task."""

    at: datetime | None = None
    """The time of the line, if known."""


@dataclass(frozen=True, kw_only=True)
class TaskMoved:
    """A task of the operation reached another state."""

    service: str
    task: str
    """Short id."""

    status: str
    """PROVISIONING, PENDING, RUNNING, ... STOPPED."""


@dataclass(frozen=True, kw_only=True)
class RolloutMoved:
    """The rollout of a service made progress."""

    service: str
    version: str
    """Image, or family and revision, of the rollout."""

    desired: int
    running: int
    pending: int
    healthy: int | None
    """Tasks whose health check passes; None without a health check."""

    failed: int
    """Tasks of this deployment that failed."""

    state: str
    """State in ECS: IN_PROGRESS, COMPLETED or FAILED."""


Event = Note | LogLine | TaskMoved | RolloutMoved


class Observer(Protocol):
    """Receives the events of an operation, possibly from several threads; must not raise and must return quickly."""

    def __call__(self, event: Event, /) -> None: ...


def ignore(_event: Event) -> None:
    """Ignore the event."""
