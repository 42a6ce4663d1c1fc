"""Results of `pr sync`, `pr close`, `pr reap` and `pr status`; their fields are the JSON documents too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """The result for one pull request."""

    CREATED = "created"
    UPDATED = "updated"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It gets no environment, or a newer commit gets it."""

    DESTROYED = "destroyed"
    ABSENT = "absent"
    """It has no environment."""


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """The environment of a pull request after `sync` or `close`."""

    number: int
    environment: str
    outcome: Outcome
    reason: str | None = None
    """The cause of FAILED and SKIPPED."""

    commit: str | None = None
    """Commit of the pull request when the run began."""

    url: str | None = None
    expires: datetime | None = None
    monthly_cost: float | None = None
    """US dollars a month while the environment merely exists; None when it was not computed."""

    put_to_sleep: tuple[str, ...] = ()
    """Environments that were put to sleep to make room."""

    comment: str | None = None
    """Address of the comment."""

    notes: tuple[str, ...] = ()
    """Failures that did not stop the run, such as a comment that the forge did not take."""

    exit_code: int = 0


class ReapReason(StrEnum):
    """Why `pr reap` destroys an environment."""

    CLOSED = "its pull request is closed"
    EXPIRED = "it has expired"


@dataclass(frozen=True, kw_only=True)
class Reaped:
    """An environment that `pr reap` destroys, or would destroy."""

    environment: str
    number: int
    reason: ReapReason


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An environment that stays although a rule would destroy it."""

    environment: str
    number: int
    reason: str


class OrphanReason(StrEnum):
    """Why `pr reap` reports something that it does not destroy."""

    UNNUMBERED = "no pull request has its number"
    UNRECORDED = "no command of the orchestrator created its stack"
    EMPTY = "its stack is empty and has no record"
    LOST = "its record cannot be read"
    OWNERLESS = "its record names no owner"
    ENTRY = "a deployment entry without an environment"


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """An environment, a stack or a deployment entry with a name of pull requests that no pull request explains."""

    name: str
    number: int | None
    """Number of the pull request in its name; None for a name of another pattern."""

    reason: OrphanReason


@dataclass(frozen=True, kw_only=True)
class ReapResult:
    """The environments of pull requests that `pr reap` found."""

    executed: bool
    destroy: tuple[Reaped, ...]
    sleep: tuple[str, ...]
    """Environments beyond the largest number of awake ones."""

    keep: tuple[Kept, ...]
    orphans: tuple[Orphan, ...] = ()
    """Things that are reported and never destroyed."""

    notes: tuple[str, ...] = ()
    """Failures that did not stop the run, such as deployment entries that the token may not list."""

    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class PreviewStatus:
    """The environment of a pull request, as it exists."""

    number: int
    environment: str
    status: str
    awake: bool
    owner: str | None
    url: str | None
    commit: str | None
    """Commit of the checkout that created or updated it."""

    last_update: datetime | None
    expires: datetime | None
