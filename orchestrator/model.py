"""The data types of the orchestrator: units, records, stacks, changes, results, reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pulumi_django.rules.kinds import Kind as Kind
from pulumi_django.rules.wire import UNKNOWN as UNKNOWN

SECRET_MASK = "[secret]"


class Scope(StrEnum):
    """The kind of stacks that a project has: bases or environments."""

    BASE = "base"
    ENVIRONMENT = "environment"


class Operation(StrEnum):
    """An operation of an engine on one unit."""

    UP = "up"
    PREVIEW = "preview"
    DESTROY = "destroy"
    REFRESH = "refresh"
    """Update the state to match AWS."""

    DRIFT = "drift"
    """Compare the state with AWS and change nothing."""


class Status(StrEnum):
    """The result of one unit of a run."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, order=True)
class Unit:
    """One stack of one project: a node of the dependency graph. Written `app/alpha` in messages and documents."""

    project: str
    """Key of the project in `orchestrator.toml`, for example `app`."""

    stack: str
    """Name of the base or of the environment, for example `dev` or `alpha`."""

    def __str__(self) -> str:
        return f"{self.project}/{self.stack}"

    def among(self, others: Iterable[Unit]) -> str:
        """The name of the base or environment; with its project where several of these units have this name."""
        return str(self) if sum(other.stack == self.stack for other in {self, *others}) > 1 else self.stack


@dataclass(frozen=True, kw_only=True)
class Record:
    """Facts about a stack that the orchestrator keeps in the stack's tags and nowhere else."""

    kind: Kind
    base: str | None = None
    """The base of an environment; None for a base."""

    owner: str | None = None
    created: datetime | None = None
    expires: datetime | None = None
    ttl: timedelta | None = None
    """Lifetime of an environment after its last deployment; None for an environment that does not expire."""

    pinned: bool = False
    listener_slot: int | None = None
    commit: str | None = None
    branch: str | None = None
    warned: str | None = None
    """The last notice about its expiry: `2d` or `2h`, and the time of expiry."""

    open_until: datetime | None = None
    """Time until which `wake` opened it outside its office hours."""


class ChangeOp(StrEnum):
    """The change of one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"
    READ = "read"
    REFRESH = "refresh"


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """A change of one resource in an operation."""

    urn: str
    type: str
    name: str
    op: ChangeOp
    properties: tuple[str, ...] = ()
    """Paths of the changed inputs, for updates and replacements."""

    parent: str | None = None
    """URN of the parent; None when the engine does not report it."""


@dataclass(frozen=True, kw_only=True)
class ChangeCounts:
    """Numbers of resources that an operation changed, or would change."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    same: int = 0

    @property
    def changed(self) -> int:
        """Number of resources that are not `same`."""
        return self.create + self.update + self.replace + self.delete

    @property
    def total(self) -> int:
        """Number of all resources."""
        return self.changed + self.same


@dataclass(frozen=True, kw_only=True)
class OutputValue:
    """A stack output. The `value` of a secret is not in `repr` and must be masked wherever it is displayed."""

    value: Any = field(repr=False)
    secret: bool = False

    def shown(self) -> Any:
        """The value for display: masked when secret, None when not known yet."""
        if self.secret:
            return SECRET_MASK
        return None if self.value == UNKNOWN else self.value


Outputs = Mapping[str, OutputValue]


@dataclass(frozen=True, kw_only=True)
class StackResource:
    """A resource in the state."""

    urn: str
    type: str
    name: str
    id: str | None = None
    parent: str | None = None
    dependencies: tuple[str, ...] = ()
    protect: bool = False
    retain_on_delete: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Plain inputs; secret values are masked."""


class StackStatus(StrEnum):
    """Status of a stack according to the backend."""

    READY = "ready"
    EMPTY = "empty"
    """The stack has no resources: created without an update, or destroyed and not removed."""

    FAILED = "failed"
    """The last operation failed. Running it again continues."""

    UPDATING = "updating"
    """Locked by a running operation."""

    INCOMPLETE = "incomplete"
    """An operation was killed and left pending operations in the state."""

    DAMAGED = "damaged"
    """The state does not have the format that the engine writes."""

    UNREADABLE = "unreadable"
    """The state cannot be read, for example because of its permissions. It may be intact."""


@dataclass(frozen=True, kw_only=True)
class StackSummary:
    """A stack according to its state, tags and locks."""

    unit: Unit
    status: StackStatus
    record: Record | None
    """None for a stack without tags of the orchestrator, such as one created with `pulumi`."""

    outputs: Outputs = field(default_factory=dict[str, OutputValue], repr=False)
    resource_count: int = 0
    last_update: datetime | None = None
    problem: str | None = None
    """The reason of DAMAGED or UNREADABLE, or the pending operations."""

    references: tuple[str, ...] = ()
    """Names of the stacks that this one reads by StackReference, from its state."""

    record_lost: bool = False
    """Whether the stack may have a record that cannot be read: its tags are damaged, or its state and its tags are unusable."""

    finished: bool = True
    """Whether an update of the stack ever succeeded. A first update that failed may have left outputs."""

    going: bool = False
    """Whether destroying it failed or was cut off. Outputs may still exist when their resources do not."""


@dataclass(frozen=True, kw_only=True)
class UnitOutcome:
    """The result of a successful operation on one unit."""

    counts: ChangeCounts
    changes: tuple[ResourceChange, ...] = ()
    """Every resource that is not `same`, in the order of the changes."""

    outputs: Outputs = field(default_factory=dict[str, OutputValue], repr=False)
    warnings: tuple[str, ...] = ()
    planned: tuple[StackResource, ...] = field(default=(), repr=False)
    """For a preview: the resources that the stack would have."""


@dataclass(frozen=True, kw_only=True)
class UnitResult:
    """The result of one unit of a run."""

    unit: Unit
    operation: Operation
    status: Status
    reason: str | None = None
    """The cause, for a unit that failed or was skipped or cancelled."""

    hint: str | None = None
    unavailable: bool = False
    """Whether it failed because the engine or AWS cannot be used at all, for example without credentials."""

    duration_seconds: float = 0.0
    counts: ChangeCounts = ChangeCounts()
    changes: tuple[ResourceChange, ...] = ()
    outputs: Outputs = field(default_factory=dict[str, OutputValue], repr=False)
    warnings: tuple[str, ...] = ()
    planned: tuple[StackResource, ...] = field(default=(), repr=False)
    """For a preview: the resources that the stack would have."""

    rehearsed: tuple[StackResource, ...] = field(default=(), repr=False)
    """For a preview with unknown values: the same resources from a simulation, in which every value is known."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The report of a run. The table, the JSON document and the exit code are made from it."""

    command: str
    """The command, for example `create-env`."""

    engine: str
    notice: str | None
    """A sentence that every output of a simulated run contains; None for a real run."""

    started: datetime
    ended: datetime
    results: tuple[UnitResult, ...]
    """One result for each unit of the plan, in plan order."""

    @property
    def exit_code(self) -> Literal[0, 1, 130]:
        """0 done or nothing to do, 1 something failed, 130 interrupted."""
        statuses = {result.status for result in self.results}
        if Status.CANCELLED in statuses:
            return 130
        return 1 if statuses & {Status.FAILED, Status.SKIPPED} else 0

    def result(self, unit: Unit) -> UnitResult:
        """The result of one unit; KeyError when the plan has no such unit."""
        for candidate in self.results:
            if candidate.unit == unit:
                return candidate
        raise KeyError(str(unit))
