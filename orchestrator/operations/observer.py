"""What an observer hears while an operation works. Operations never print, prompt or exit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth knowing."""

    text: str
    severity: Literal["info", "warning"] = "info"


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line that a container logged."""

    service: str
    """Short name of the service, or of the task that is run once."""

    text: str
    """Printable, without its line end."""

    task: str | None = None
    """Short id of the task."""

    at: datetime | None = None
    """When the container wrote it, where that is known."""


@dataclass(frozen=True, kw_only=True)
class TaskMoved:
    """A task that the operation runs reached another state."""

    service: str
    task: str
    """Short id."""

    status: str
    """PROVISIONING, PENDING, RUNNING, ... STOPPED."""


@dataclass(frozen=True, kw_only=True)
class RolloutMoved:
    """The rollout of a service got somewhere."""

    service: str
    version: str
    """Image, or family and revision, that is rolled out."""

    desired: int
    running: int
    pending: int
    healthy: int | None
    """Tasks whose health check passes; None where nothing checks."""

    failed: int
    """Tasks of this deployment that failed."""

    state: str
    """ECS's word: IN_PROGRESS, COMPLETED or FAILED."""


Event = Note | LogLine | TaskMoved | RolloutMoved


class Observer(Protocol):
    """Hears the events of an operation, perhaps from several threads; must not raise and must return quickly."""

    def __call__(self, event: Event, /) -> None: ...


def ignore(_event: Event) -> None:
    """The observer of those who only want the result."""
