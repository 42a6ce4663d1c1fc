"""An engine in memory that does what a test tells it to: succeed, fail, block, be locked, be damaged."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.config.projects import Project
from orchestrator.config.stack_config import ConfigSnapshot, read_snapshot
from orchestrator.engines.history import FAILED, SUCCEEDED, Entry
from orchestrator.engines.marks import Marks
from orchestrator.engines.protocol import Asked, Rehearsal, Sink, UnitRequest
from orchestrator.engines.records import merged
from orchestrator.errors import (
    InterruptedRunError,
    LockOwner,
    OperationFailedError,
    OrchestratorError,
    UnknownStackError,
    UnreadableStateError,
)
from orchestrator.events import ResourceEvent
from orchestrator.model import (
    UNKNOWN,
    ChangeCounts,
    ChangeOp,
    Kind,
    Operation,
    OutputValue,
    Record,
    ResourceChange,
    Scope,
    StackResource,
    StackStatus,
    StackSummary,
    Unit,
    UnitOutcome,
)

UPDATED = datetime(2026, 11, 1, 12, tzinfo=UTC)
Script = Callable[[UnitRequest, Sink], UnitOutcome | None]
"""What a unit does instead of succeeding; None goes on as usual."""


@dataclass
class FakeStack:
    """What the fake keeps of a stack."""

    config: dict[str, str]
    resources: tuple[str, ...]
    outputs: dict[str, OutputValue]
    record: Record | None = None
    status: StackStatus = StackStatus.READY
    references: tuple[str, ...] = ()
    problem: str | None = None
    record_lost: bool = False
    finished: bool = True
    going: bool = False
    protected: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    """Priorities of listener rules that it has."""
    updated: datetime = UPDATED


class MemoryShelf:
    """The files of marks, in memory."""

    own_disk = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(f"{prefix}/"))

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def delete(self, name: str) -> None:
        self.files.pop(name, None)


class FakeEngine:
    """Keeps the engine protocol. `calls` are the requests in the order in which they began."""

    name = "fake"
    notice: str | None = "fake: nothing is created anywhere"

    def __init__(self, projects: Iterable[Project]) -> None:
        self.projects = {project.key: project for project in projects}
        self.kept: dict[Unit, FakeStack] = {}
        self.calls: list[UnitRequest] = []
        self.configs: dict[Unit, ConfigSnapshot] = {}
        """The configuration that each unit's last operation saw."""

        self.scripts: dict[Unit, Script] = {}
        self.locks: dict[Unit, LockOwner] = {}
        self.unavailable: Exception | None = None
        self.refuses: OrchestratorError | None = None
        """What `admit` says."""

        self.outsiders: dict[Unit, tuple[str, ...]] = {}
        """Stacks outside the graph that read a unit."""

        self.closed_projects: dict[str, UnreadableStateError] = {}
        """Projects whose stacks cannot be listed."""

        self.histories: dict[Unit, list[Entry]] = {}
        self.claimed: dict[Unit, Record] = {}
        self.held: list[str] = []
        """Names of the locks that were taken."""

        self.while_held: Callable[[], None] = lambda: None
        """Happens as soon as a lock is held."""

        self.shelf = MemoryShelf()
        self.marks = Marks(self.shelf, "marks")
        self.interrupts = 0
        self.rehearsals: dict[Unit, Rehearsal] = {}
        self.rehearsed: list[tuple[Unit, ...]] = []
        """The units of each rehearsal."""

        self.admitted: tuple[tuple[Unit, ...], tuple[Unit, ...]] = ((), ())
        self._interrupted = threading.Event()
        self._guard = threading.Lock()

    # what tests say

    def fails(self, unit: Unit, reason: str = "the provider said no", *, after: Iterable[str] = ()) -> None:
        """The unit's next `up` creates the resources `after`, then fails, once."""

        def script(request: UnitRequest, sink: Sink) -> UnitOutcome | None:
            del self.scripts[unit]
            for name in after:
                sink(_event(unit, name, ChangeOp.CREATE))
            known = self.kept.get(unit)
            outputs = known.outputs if known else {}
            done = tuple(dict.fromkeys((*(known.resources if known else ()), *after)))
            self.kept[unit] = FakeStack({}, done, outputs, request.record, StackStatus.FAILED)
            raise OperationFailedError(f"{unit} failed: {reason}")

        self.scripts[unit] = script

    def raises(self, unit: Unit, error: BaseException) -> None:
        """Every operation on the unit raises this."""

        def script(_request: UnitRequest, _sink: Sink) -> UnitOutcome | None:
            raise error

        self.scripts[unit] = script

    def blocks(self, unit: Unit) -> tuple[threading.Event, threading.Event]:
        """The unit's operation waits: (set when it has begun, to be set for it to go on). An interrupt wakes it too."""
        begun, go_on = threading.Event(), threading.Event()

        def script(_request: UnitRequest, _sink: Sink) -> UnitOutcome | None:
            begun.set()
            while not go_on.wait(0.01):
                if self._interrupted.is_set():
                    raise InterruptedRunError(f"{unit} was stopped: the run was interrupted")
            return None

        self.scripts[unit] = script
        return begun, go_on

    def has(self, unit: Unit, **changes: Any) -> None:
        """The stack exists, made by somebody else, with these attributes of FakeStack changed."""
        stack = FakeStack({}, _names(unit), self._outputs(unit, {}))
        self.kept[unit] = replace(stack, **changes)

    @property
    def began(self) -> list[str]:
        """The units in the order in which they began, as `operation project/stack`."""
        return [f"{request.operation} {request.unit}" for request in self.calls]

    # the protocol

    def check(self) -> None:
        if self.unavailable:
            raise self.unavailable

    def reference_name(self, unit: Unit) -> str:
        return f"organization/{self.projects[unit.project].name}/{unit.stack}"

    def stacks(self) -> tuple[StackSummary, ...]:
        self.check()
        return tuple(self._summary(unit) for unit in sorted(self.kept) if unit.project not in self.closed_projects)

    def closed(self) -> Mapping[str, UnreadableStateError]:
        return self.closed_projects

    def stack(self, unit: Unit) -> StackSummary | None:
        return self._summary(unit) if unit in self.kept else None

    def resources(self, unit: Unit) -> tuple[StackResource, ...]:
        if unit not in self.kept:
            raise UnknownStackError(f"{unit} does not exist")
        root = _urn(unit, "Stack")
        kept = self.kept[unit]
        things = tuple(
            StackResource(
                urn=_urn(unit, name),
                type="fake:index/thing:Thing",
                name=name,
                parent=root if at else None,
                protect=name in kept.protected,
                retain_on_delete=name in kept.retained,
            )
            for at, name in enumerate(kept.resources)
        )
        rules = tuple(
            StackResource(
                urn=f"{_urn(unit, 'rule')}-{priority}",
                type="aws:lb/listenerRule:ListenerRule",
                name=f"rule-{priority}",
                parent=root,
                inputs={"priority": priority},
            )
            for priority in kept.priorities
        )
        return things + rules

    def readers(self, units: Collection[Unit]) -> Mapping[Unit, tuple[str, ...]]:
        return {unit: self._readers(unit) for unit in units}

    def _readers(self, unit: Unit) -> tuple[str, ...]:
        name = self.reference_name(unit)
        known = [
            f"{self.projects[other.project].name}/{other.stack}"
            for other, stack in self.kept.items()
            if name in stack.references
        ]
        return tuple(sorted([*known, *self.outsiders.get(unit, ())]))

    def deployments(self) -> Iterable[Mapping[str, Any]]:
        return ()

    def admit(self, changed: Collection[Unit], read: Collection[Unit]) -> None:
        self.admitted = (tuple(changed), tuple(read))
        if self.refuses:
            raise self.refuses

    def reveal(self, unit: Unit) -> Mapping[str, Any]:
        return {name: output.value for name, output in self.kept[unit].outputs.items()}

    def stamp(self, unit: Unit) -> str | None:
        return self.fingerprint(unit)

    def fingerprint(self, unit: Unit) -> str | None:
        return repr(self.kept[unit]) if unit in self.kept else None

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        self.held.append(name)
        self.while_held()
        yield

    def claim(self, unit: Unit, record: Record) -> None:
        self.claimed[unit] = record

    def unclaim(self, unit: Unit) -> None:
        self.claimed.pop(unit, None)

    def claims(self) -> Mapping[Unit, Record]:
        return {unit: record for unit, record in self.claimed.items() if unit not in self.kept}

    def run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        unit = request.unit
        if self._interrupted.is_set():
            raise InterruptedRunError(f"{unit.stack} was not started: the run was interrupted")
        config = read_snapshot(self.projects[unit.project], unit.stack, request.config_file)
        with self._guard:
            self.calls.append(request)
            self.configs[unit] = config
        try:
            outcome = self._operate(request, config, sink)
        except OrchestratorError as error:
            self._remember(request, config, FAILED, error.message)
            raise
        self._remember(request, config, SUCCEEDED, None)
        return outcome

    def history(self, unit: Unit, newest: int | None = None) -> tuple[Entry, ...]:
        entries = self.histories.get(unit, [])
        return tuple(entries[-newest:] if newest else entries)

    def _remember(self, request: UnitRequest, config: ConfigSnapshot, result: str, reason: str | None) -> None:
        """Add the operation to the stack's history, one hour after the last one."""
        if request.operation is Operation.DESTROY:
            self.histories.pop(request.unit, None)
        if request.operation is not Operation.UP:
            return
        entries = self.histories.setdefault(request.unit, [])
        started = UPDATED + timedelta(hours=len(entries))
        entry = Entry(
            number=len(entries) + 1,
            id=f"id{len(entries) + 1}",
            started=started,
            ended=started + timedelta(seconds=90),
            result=result,
            message=request.message or "",
            environment={"git.head": request.record.commit or "f" * 40} if request.record else {},
            config=config.values,
            secrets=dict.fromkeys(config.secret_keys, "digest"),
            reason=reason,
        )
        entries.append(entry)

    def _operate(self, request: UnitRequest, config: ConfigSnapshot, sink: Sink) -> UnitOutcome:
        unit = request.unit
        if unit in self.scripts and (outcome := self.scripts[unit](request, sink)):
            return outcome
        if request.operation is Operation.DESTROY:
            return self._destroy(unit, sink)
        if request.operation in (Operation.DRIFT, Operation.REFRESH):
            kept = self.kept[unit]
            return UnitOutcome(counts=ChangeCounts(same=len(kept.resources)), outputs=kept.outputs)
        return self._up(request, config.wire(), sink)

    def rehearse(self, asked: Sequence[Asked]) -> Mapping[Unit, Rehearsal]:
        self.rehearsed.append(tuple(each.unit for each in asked))
        return self.rehearsals

    def change_record(self, unit: Unit, change: Callable[[Record | None], Record]) -> Record:
        record = change(self.kept[unit].record)
        self.kept[unit].record = record
        return record

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        return self.locks.get(unit)

    def unlock(self, unit: Unit) -> None:
        self.locks.pop(unit, None)

    def interrupt(self) -> None:
        self.interrupts += 1
        self._interrupted.set()

    # how it works

    def _up(self, request: UnitRequest, config: dict[str, str], sink: Sink) -> UnitOutcome:
        unit, known = request.unit, self.kept.get(request.unit)
        names = _names(unit)
        missing = [name for name in names if known is None or name not in known.resources]
        changes = tuple(_change(unit, name, ChangeOp.CREATE) for name in missing)
        if known and not missing and known.config != config:
            changes = (_change(unit, names[-1], ChangeOp.UPDATE),)
        for change in changes:
            sink(_event(unit, change.name, change.op))
        preview = request.operation is Operation.PREVIEW
        outputs = self._outputs(unit, config)
        if preview and known is None:
            outputs["unknown_yet"] = OutputValue(value=UNKNOWN)
        if not preview:
            record = known.record if known else None
            if request.record:
                record = merged(request.record_before, request.record, record)
            references = tuple(self._references(unit, config))
            self.kept[unit] = FakeStack(config, names, outputs, record, references=references)
        created = sum(change.op is ChangeOp.CREATE for change in changes)
        return UnitOutcome(
            counts=ChangeCounts(create=created, update=len(changes) - created, same=len(names) - len(changes)),
            changes=changes,
            outputs=outputs,
        )

    def _destroy(self, unit: Unit, sink: Sink) -> UnitOutcome:
        if unit not in self.kept:
            raise UnknownStackError(f"{unit} does not exist")
        changes = tuple(_change(unit, name, ChangeOp.DELETE) for name in reversed(self.kept[unit].resources))
        for change in changes:
            sink(_event(unit, change.name, ChangeOp.DELETE))
        del self.kept[unit]
        return UnitOutcome(counts=ChangeCounts(delete=len(changes)), changes=changes)

    def _outputs(self, unit: Unit, config: Mapping[str, str]) -> dict[str, OutputValue]:
        project = self.projects[unit.project]
        own = {key.removeprefix(f"{project.name}:"): value for key, value in config.items()}
        if project.scope is Scope.BASE:
            values: dict[str, Any] = {
                "contract_version": 1,
                "kind": own.get("kind", Kind.AD_HOC.value),
                "base_stack_name": unit.stack,
                "domain_name": own.get("domain_name", "example.com"),
            }
        else:
            values = {"url": f"https://{unit.stack}.example.com", "environment": unit.stack}
            if "base" in own:
                values["base_stack_name"] = own["base"]
        found = {name: OutputValue(value=value) for name, value in values.items() if value}
        return {**found, "password": OutputValue(value="hunter2", secret=True)}

    def _references(self, unit: Unit, config: Mapping[str, str]) -> Iterable[str]:
        base = config.get(f"{self.projects[unit.project].name}:base")
        for project in self.projects.values() if base else ():
            if project.scope is Scope.BASE:
                yield f"organization/{project.name}/{base}"

    def _summary(self, unit: Unit) -> StackSummary:
        kept = self.kept[unit]
        return StackSummary(
            unit=unit,
            status=StackStatus.UPDATING if unit in self.locks else kept.status,
            record=kept.record,
            outputs=kept.outputs,
            resource_count=len(kept.resources),
            last_update=kept.updated,
            problem=kept.problem,
            references=kept.references,
            record_lost=kept.record_lost,
            finished=kept.finished,
            going=kept.going,
        )


def _names(unit: Unit) -> tuple[str, ...]:
    return ("Stack", f"{unit.stack}-first", f"{unit.stack}-second")


def _urn(unit: Unit, name: str) -> str:
    return f"urn:pulumi:{unit.stack}::{unit.project}::fake:index/thing:Thing::{name}"


def _change(unit: Unit, name: str, op: ChangeOp) -> ResourceChange:
    return ResourceChange(urn=_urn(unit, name), type="fake:index/thing:Thing", name=name, op=op)


def _event(unit: Unit, name: str, op: ChangeOp) -> ResourceEvent:
    return ResourceEvent(unit=unit, urn=_urn(unit, name), type="fake:index/thing:Thing", name=name, op=op, phase="done")
