"""The JSON documents on stacks, runs and errors. `schema` takes the JSON Schemas from these definitions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from orchestrator.lifecycle.diagrams import Node
from orchestrator.model import ChangeCounts, ChangeOp, Kind, Operation, Scope, StackStatus, Status
from orchestrator.operations.releases.history import Release

SCHEMA_VERSION: Final = 1
"""Version of the documents. Within one version a name keeps its place and its meaning; only new names are added."""


@dataclass(frozen=True, kw_only=True)
class Versioned:
    """The first name of every document except that of an error."""

    version: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True, kw_only=True)
class Document(Versioned):
    """The first names of a whole document; the notice is that of the simulation."""

    notice: str | None


@dataclass(frozen=True, kw_only=True)
class ErrorDetail:
    """An error: what happened, what to do about it, and the exit code of the command."""

    message: str
    hint: str | None
    code: int


@dataclass(frozen=True, kw_only=True)
class ErrorDocument(Document):
    """The document of a command that fails before it has a result."""

    error: ErrorDetail


@dataclass(frozen=True, kw_only=True)
class NamedUnit:
    """A stack by its project and name."""

    project: str
    stack: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """A resource that changes, with the properties that cause it."""

    urn: str
    type: str
    name: str
    op: ChangeOp
    properties: list[str]


@dataclass(frozen=True, kw_only=True)
class CostChange:
    """US dollars a month before and after the run."""

    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class UnitReport(NamedUnit):
    """The result of a run in one stack."""

    operation: Operation
    status: Status
    reason: str | None
    hint: str | None
    duration_seconds: float
    counts: ChangeCounts
    changes: list[Change]
    outputs: Mapping[str, Any]
    warnings: list[str]
    monthly_cost: CostChange | None


@dataclass(frozen=True, kw_only=True)
class Report(Document):
    """A run: the command, the result of each stack, the exit code."""

    timespec: ClassVar[str] = "seconds"
    command: str
    engine: str
    started: datetime
    ended: datetime
    exit_code: Literal[0, 1, 130]
    units: list[UnitReport]


@dataclass(frozen=True, kw_only=True)
class PreviewDocument(Document):
    """A preview for an agent: the changes, and the plan that carries out exactly them."""

    plan: str | None
    """The name of the plan; None when the preview failed."""

    report: Report


@dataclass(frozen=True, kw_only=True)
class EventLine(Versioned):
    """The first names of every line of `--events`."""

    time: datetime


@dataclass(frozen=True, kw_only=True)
class PlannedUnit(NamedUnit):
    """A stack of a plan."""

    exists: bool


@dataclass(frozen=True, kw_only=True)
class PlanEvent(EventLine):
    """The run begins."""

    event: Literal["plan"] = "plan"
    operation: Operation
    units: list[PlannedUnit]


@dataclass(frozen=True, kw_only=True)
class StartedEvent(NamedUnit, EventLine):
    """The work on a stack begins."""

    event: Literal["started"] = "started"
    operation: Operation
    expected: int | None


@dataclass(frozen=True, kw_only=True)
class ResourceChanged(NamedUnit, EventLine):
    """The work on a resource begins or ends."""

    event: Literal["resource"] = "resource"
    urn: str
    type: str
    name: str
    op: ChangeOp
    phase: Literal["started", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class MessageEvent(EventLine):
    """A message, which may belong to one stack."""

    event: Literal["message"] = "message"
    project: str | None
    stack: str | None
    severity: Literal["info", "warning", "error"]
    message: str


@dataclass(frozen=True, kw_only=True)
class FinishedEvent(UnitReport, EventLine):
    """The work on a stack ends."""

    event: Literal["finished"] = "finished"


@dataclass(frozen=True, kw_only=True)
class OutputsDocument(Document):
    """The outputs of one base or environment."""

    name: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ListedDeployment:
    """A base or an environment in a list."""

    timespec: ClassVar[str] = "seconds"
    name: str
    scope: Scope
    kind: Kind
    base: str | None
    status: StackStatus
    owner: str | None
    created: datetime | None
    expires: datetime | None
    pinned: bool
    asleep: bool
    maintenance: str | None
    """Time since which the load balancer answers 503; null when requests reach the services."""

    closed_until: datetime | None
    """Time at which its office hours open it; null when it is open."""

    waits_for_approval: bool

    commit: str | None
    branch: str | None
    last_update: datetime | None
    resources: int
    url: str | None
    monthly_cost: float | None
    recorded: bool


@dataclass(frozen=True, kw_only=True)
class StackState(NamedUnit):
    """A stack of a base or an environment."""

    timespec: ClassVar[str] = "seconds"
    status: StackStatus
    resources: int
    last_update: datetime | None
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class ShownDeployment(ListedDeployment, Document):
    """One base or environment, with its stacks and outputs."""

    environments: list[str]
    listener_slot: int | None
    missing: list[str]
    stacks: list[StackState]
    outputs: Mapping[str, Any]
    release: Release | None
    """The release whose version the services run; null for a base, and when the history does not have it."""


@dataclass(frozen=True, kw_only=True)
class ListDocument(Document):
    """All bases and environments."""

    deployments: list[ListedDeployment]


@dataclass(frozen=True, kw_only=True)
class PriceSource:
    """Region and day of the price table."""

    region: str
    date: str


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """The monthly cost of one resource in US dollars."""

    type: str
    name: str
    dollars: float
    detail: str


@dataclass(frozen=True, kw_only=True)
class NamedCost:
    """The monthly cost of one base or environment in US dollars."""

    name: str
    dollars: float
    lines: list[CostLine]
    unpriced: list[str]
    by_use: list[str]


@dataclass(frozen=True, kw_only=True)
class CostDocument(Document):
    """Monthly costs by name, with the lines that they consist of."""

    currency: Literal["USD"] = "USD"
    per: Literal["month"] = "month"
    prices: PriceSource
    costs: list[NamedCost]


DiagramEdge = TypedDict("DiagramEdge", {"from": str, "to": str})


@dataclass(frozen=True, kw_only=True)
class GraphDocument(Document):
    """A diagram: `to` of an edge depends on `from`."""

    nodes: list[Node]
    edges: list[DiagramEdge]


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """The time at which an environment expires."""

    timespec: ClassVar[str] = "seconds"
    name: str
    expires: datetime | None
    ttl_seconds: int | None
    pinned: bool


@dataclass(frozen=True, kw_only=True)
class LifetimesDocument(Document):
    """Lifetimes of environments after a change."""

    environments: list[Lifetime]


@dataclass(frozen=True, kw_only=True)
class RemovedLock(NamedUnit):
    """A lock that was removed, with its owner."""

    owner: str


@dataclass(frozen=True, kw_only=True)
class UnlockDocument(Document):
    """Locks that were removed."""

    removed: list[RemovedLock]


@dataclass(frozen=True, kw_only=True)
class ExpiringSoon:
    """An environment that expires soon."""

    name: str
    seconds_left: int
    last_call: bool


@dataclass(frozen=True, kw_only=True)
class Spared:
    """An environment that is left alone, with the reason."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ReapDocument(Document):
    """Environments that have expired, expire soon, or stay; and the run that destroyed the expired ones, if any."""

    expired: list[ListedDeployment]
    soon: list[ExpiringSoon]
    left: list[Spared]
    run: Report | None


@dataclass(frozen=True, kw_only=True)
class QuietEnvironment:
    """An environment without requests, and for how long."""

    name: str
    seconds_quiet: int


@dataclass(frozen=True, kw_only=True)
class IdleDocument(Document):
    """Environments that are idle or stay awake; and the run that put the idle ones to sleep, if any."""

    idle: list[QuietEnvironment]
    busy: list[Spared]
    run: Report | None


@dataclass(frozen=True, kw_only=True)
class OrphanedResource:
    """A resource that belongs to no stack; with outcome and reason if it was to be deleted."""

    arn: str
    type: str
    name: str
    base: str | None
    environment: str | None
    outcome: Literal["deleted", "kept", "failed"] | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class OrphansDocument(Document):
    """Resources in AWS that belong to no stack, and problems of the search."""

    orphans: list[OrphanedResource]
    problems: list[str]
