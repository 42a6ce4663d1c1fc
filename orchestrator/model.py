"""The words of the orchestrator as data: units, records, stacks, changes, results, reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pulumi_django.rules.kinds import Kind as Kind

# sdk/go/common/resource/sig/sig.go and sdk/python/lib/pulumi/runtime/rpc.py
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's wire sentinel for a value that is known only after an update."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key that marks an object on Pulumi's wire as a special value; the value of the key says which."""

SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
"""Value of the SIGNATURE key of a secret."""

SECRET_MASK = "[secret]"


class Scope(StrEnum):
    """What a project belongs to: its stacks are named after bases or after environments."""

    BASE = "base"
    ENVIRONMENT = "environment"


class Operation(StrEnum):
    """What an engine carries out on one unit."""

    UP = "up"
    PREVIEW = "preview"
    DESTROY = "destroy"
    REFRESH = "refresh"
    """Bring the state in line with what is in AWS."""

    DRIFT = "drift"
    """Compare the state with what is in AWS; nothing is changed."""


class Status(StrEnum):
    """How one unit of a run ended."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, order=True)
class Unit:
    """One stack of one project: a node of the dependency graph."""

    project: str
    """Key of the project in `orchestrator.toml`, for example `app`."""

    stack: str
    """Name of the base or of the environment, for example `dev` or `alpha`."""

    def __str__(self) -> str:
        return f"{self.project}/{self.stack}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the orchestrator remembers of a stack; kept as the stack's tags, never anywhere else."""

    kind: Kind
    base: str | None = None
    """The base an environment stands on; None on a base."""

    owner: str | None = None
    created: datetime | None = None
    expires: datetime | None = None
    ttl: timedelta | None = None
    """How long an environment lives after it was last deployed; None: until somebody destroys it."""

    pinned: bool = False
    listener_slot: int | None = None
    commit: str | None = None
    branch: str | None = None


class ChangeOp(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"
    READ = "read"
    REFRESH = "refresh"


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """One resource of an operation."""

    urn: str
    type: str
    name: str
    op: ChangeOp
    properties: tuple[str, ...] = ()
    """Paths of the changed inputs, for updates and replacements."""

    parent: str | None = None
    """URN of the parent, when the engine tells."""


@dataclass(frozen=True, kw_only=True)
class ChangeCounts:
    """How many resources an operation touched, or would touch."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    same: int = 0

    @property
    def changed(self) -> int:
        """Resources that are not `same`."""
        return self.create + self.update + self.replace + self.delete

    @property
    def total(self) -> int:
        """All resources that were looked at."""
        return self.changed + self.same


@dataclass(frozen=True, kw_only=True)
class OutputValue:
    """A stack output. `value` of a secret is kept out of `repr` and must be masked wherever it is shown."""

    value: Any = field(repr=False)
    secret: bool = False

    def shown(self) -> Any:
        """The value for people and reports: masked when secret, None when not known yet."""
        if self.secret:
            return SECRET_MASK
        return None if self.value == UNKNOWN else self.value


Outputs = Mapping[str, OutputValue]


@dataclass(frozen=True, kw_only=True)
class StackResource:
    """A resource as the state holds it."""

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
    """State of a stack as the backend shows it."""

    READY = "ready"
    EMPTY = "empty"
    """Initialized, or destroyed and not removed: no resources."""

    FAILED = "failed"
    """The last operation failed; running it again continues."""

    UPDATING = "updating"
    """Locked by a running operation."""

    INCOMPLETE = "incomplete"
    """An operation was killed: the state holds pending operations."""

    DAMAGED = "damaged"
    """The state is not what the engine writes."""

    UNREADABLE = "unreadable"
    """This user may not read the state, or cannot now: it may be whole."""


@dataclass(frozen=True, kw_only=True)
class StackSummary:
    """What is known of one stack without running anything."""

    unit: Unit
    status: StackStatus
    record: Record | None
    """None for a stack that was made without the orchestrator and has no tags."""

    outputs: Outputs = field(default_factory=dict[str, OutputValue], repr=False)
    resource_count: int = 0
    last_update: datetime | None = None
    problem: str | None = None
    """Why the status is DAMAGED or UNREADABLE, or what is pending."""

    references: tuple[str, ...] = ()
    """Names of the stacks that this one reads by StackReference, as recorded in its state."""

    going: bool = False
    """Whether it was being destroyed when that failed or its engine died: outputs may be there, resources are not."""


@dataclass(frozen=True, kw_only=True)
class UnitOutcome:
    """What an engine returns when an operation on one unit succeeded."""

    counts: ChangeCounts
    changes: tuple[ResourceChange, ...] = ()
    """Every resource that is not `same`, in the order in which it was touched."""

    outputs: Outputs = field(default_factory=dict[str, OutputValue], repr=False)
    warnings: tuple[str, ...] = ()
    planned: tuple[StackResource, ...] = field(default=(), repr=False)
    """Of a preview: the resources that the stack would have."""


@dataclass(frozen=True, kw_only=True)
class UnitResult:
    """How one unit of a run ended."""

    unit: Unit
    operation: Operation
    status: Status
    reason: str | None = None
    """Why it failed, was skipped or cancelled; names the cause."""

    hint: str | None = None
    duration_seconds: float = 0.0
    counts: ChangeCounts = ChangeCounts()
    changes: tuple[ResourceChange, ...] = ()
    outputs: Outputs = field(default_factory=dict[str, OutputValue], repr=False)
    warnings: tuple[str, ...] = ()
    planned: tuple[StackResource, ...] = field(default=(), repr=False)
    """Of a preview: the resources that the stack would have."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """A whole run. The table, the JSON document and the exit code are views of it."""

    command: str
    """The use case, for example `create-env`."""

    engine: str
    notice: str | None
    """Said in every output of a run that does not touch AWS."""

    started: datetime
    ended: datetime
    results: tuple[UnitResult, ...]
    """One per unit of the plan, in plan order, none lost."""

    @property
    def exit_code(self) -> int:
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
