"""The simulation engine: programs run in process, and the state is one file for each stack.

It compares the program's resources with the previous state and invents plausible AWS values. It never calls AWS, and every
output says so.
"""

from __future__ import annotations

import hashlib
import json
import threading
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.config.projects import Project
from orchestrator.engines import records
from orchestrator.engines.broken_stacks import broken
from orchestrator.engines.history import Entry
from orchestrator.engines.lock_retry import retry_while_locked
from orchestrator.engines.marks import Marks
from orchestrator.engines.protocol import Asked, Rehearsal, Sink, UnitRequest
from orchestrator.engines.simulation import plans, repeats, updates
from orchestrator.engines.simulation.store import PATIENCE_SECONDS, Head, Resources, Store, stack_resource
from orchestrator.errors import (
    InterruptedRunError,
    LockOwner,
    OperationFailedError,
    OrchestratorError,
    RefusedError,
    StateError,
    UnknownStackError,
    UnreadableStateError,
)
from orchestrator.events import Diagnostic, ResourceEvent
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Operation,
    Outputs,
    OutputValue,
    Record,
    ResourceChange,
    StackResource,
    StackStatus,
    StackSummary,
    Unit,
    UnitOutcome,
)

if TYPE_CHECKING:
    from orchestrator.engines.simulation.programs import Simulated

_SEVERITIES: Mapping[str, Literal["info", "warning", "error"]] = {"warning": "warning", "error": "error"}
NOTICE = 'simulation: nothing is created in AWS (engine = "simulation" in orchestrator.toml)'


class SimulationEngine:
    """Engine protocol on simulated stacks.

    `projects` are the graph's projects by key; `root` is the folder of `orchestrator.toml`, below which the state lives
    in `.orchestrator/simulation/`.
    """

    name = "simulation"
    notice = NOTICE

    def __init__(self, projects: Mapping[str, Project], root: Path) -> None:
        self._projects = projects
        self._store = Store(root / ".orchestrator" / "simulation")
        self._interrupted = threading.Event()

    def check(self) -> None:
        """The simulation needs nothing: this check always passes."""

    def reference_name(self, unit: Unit) -> str:
        return f"organization/{self._projects[unit.project].name}/{unit.stack}"

    def stacks(self) -> tuple[StackSummary, ...]:
        return tuple(self._summary(unit) for unit in self._store.units(list(self._projects)))

    def closed(self) -> Mapping[str, UnreadableStateError]:
        reasons = {key: self._store.closed(key) for key in self._projects}
        return {key: reason for key, reason in reasons.items() if reason is not None}

    def stack(self, unit: Unit) -> StackSummary | None:
        return self._summary(unit) if self._store.exists(unit) else None

    def resources(self, unit: Unit) -> tuple[StackResource, ...]:
        self._require(unit)
        return tuple(stack_resource(urn, kept) for urn, kept in self._store.resources(unit).items())

    def run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        return retry_while_locked(
            lambda: self._run(request, sink),
            request.wait_seconds,
            tell=lambda text: sink(Diagnostic(unit=request.unit, severity="info", message=text)),
            stopped=self._interrupted.is_set,
        )

    def _run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        if self._interrupted.is_set():
            raise InterruptedRunError(f"{request.unit.stack} was not started: the run was interrupted")
        if request.operation is Operation.PREVIEW:
            return self._preview(request, sink)
        with self._store.locked(request.unit):
            if request.operation is Operation.UP:
                return self._recorded(request, lambda: self._up(request, sink))
            self._require(request.unit)
            if request.operation is Operation.DRIFT:
                return self._refresh(request)
            if request.operation is Operation.DESTROY:
                return self._destroy(request, sink)
            return self._recorded(request, lambda: self._refresh(request))

    def _recorded(self, request: UnitRequest, operate: Callable[[], UnitOutcome]) -> UnitOutcome:
        """Operate, and add the operation to the history of the stack."""
        started, project, file = (
            datetime.now(UTC),
            self._projects[request.unit.project],
            self._store.history_file(request.unit),
        )
        try:
            outcome = operate()
        except OrchestratorError as error:
            now, none = datetime.now(UTC), ChangeCounts()
            updates.add(file, project, request, started=started, ended=now, counts=none, reason=error.message)
            raise
        now = datetime.now(UTC)
        updates.add(file, project, request, started=started, ended=now, counts=outcome.counts, reason=None)
        return outcome

    def history(self, unit: Unit, newest: int | None = None) -> tuple[Entry, ...]:
        return updates.read(self._store.history_file(unit), self._projects[unit.project], unit.stack, newest)

    def readers(self, units: Collection[Unit]) -> Mapping[Unit, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for other, head in self._readable_heads():
            for name in head.references:
                found.setdefault(name, []).append(f"{self._projects[other.project].name}/{other.stack}")
        return {unit: tuple(sorted(found.get(self.reference_name(unit), ()))) for unit in units}

    def deployments(self) -> Iterable[Mapping[str, Any]]:
        return ()

    def admit(self, changed: Collection[Unit], read: Collection[Unit]) -> None:
        """The simulation has no accounts and no encryption: this check always passes."""

    def reveal(self, unit: Unit) -> Mapping[str, Any]:
        self._require(unit)
        return self._store.head(unit).outputs

    def stamp(self, unit: Unit) -> str | None:
        return self._store.stamp(unit)

    def fingerprint(self, unit: Unit) -> str | None:
        if not self._store.exists(unit):
            return None
        return hashlib.sha256(json.dumps(self._store.resources(unit), sort_keys=True).encode()).hexdigest()

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        return self._store.exclusive(name)

    def claim(self, unit: Unit, record: Record) -> None:
        self._store.claim(unit, records.to_tags(record))

    def unclaim(self, unit: Unit) -> None:
        self._store.unclaim(unit)

    def claims(self) -> Mapping[Unit, Record]:
        found = {unit: records.from_tags(tags) for unit, tags in self._store.claims(list(self._projects)).items()}
        return {unit: record for unit, record in found.items() if record}

    @property
    def marks(self) -> Marks:
        return self._store.marks

    def rehearse(self, asked: Sequence[Asked]) -> Mapping[Unit, Rehearsal]:
        from orchestrator.engines.simulation import rehearsals  # loads the Pulumi SDK

        names = {each.unit: self.reference_name(each.unit) for each in asked}
        return rehearsals.rehearse(asked, self._projects, self._store, names, self._outputs_by_name())

    def change_record(self, unit: Unit, change: Callable[[Record | None], Record]) -> Record:
        self._require(unit)
        with self._store.locked(unit, PATIENCE_SECONDS):
            self._require(unit)
            head = self._store.head(unit)
            record = change(records.from_tags(head.tags))
            self._store.write(unit, replace(head, tags=records.to_tags(record)), self._store.resources(unit))
        return record

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        return self._store.lock_owner(unit)

    def unlock(self, unit: Unit) -> None:
        """Do nothing: the operating system frees a lock when its owner ends."""

    def interrupt(self) -> None:
        self._interrupted.set()

    # operations

    def _up(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        unit = request.unit
        before = self._store.head(unit) if self._store.exists(unit) else Head()
        tags = before.tags
        if request.record is not None:
            known = records.from_tags(before.tags)
            tags = records.to_tags(records.merged(request.record_before, request.record, known))
        unchanged = self._unchanged(request, before, sink)
        if unchanged is not None:
            if tags != before.tags:
                self._store.write(unit, replace(before, tags=tags, last_update=_now()), self._store.resources(unit))
            self._store.unclaim(unit)
            return unchanged
        prior = self._store.resources(unit) if self._store.exists(unit) else {}
        try:
            simulated = self._simulate(request, prior, sink)
        except OrchestratorError:
            self._store.write(unit, replace(before, tags=tags, succeeded=False, last_update=_now()), prior)
            raise
        plans.enforce(request, simulated)
        outcome = self._outcome(unit, simulated, sink)
        head = Head(
            tags=tags,
            outputs=simulated.outputs,
            secret_outputs=sorted(simulated.secret_outputs),
            resource_count=sum(not kept.get("read") for kept in simulated.resources.values()),
            last_update=_now(),
            references=simulated.references,
        )
        unchanged = not outcome.counts.changed and replace(head, last_update=before.last_update) == before
        if not unchanged:
            self._store.write(unit, head, simulated.resources)
        self._store.unclaim(unit)
        self._remember(request, simulated)
        return outcome

    def _unchanged(self, request: UnitRequest, before: Head, sink: Sink) -> UnitOutcome | None:
        """The outcome of an update whose program would read the same as at the last update; None when it must run."""
        unit, state = request.unit, self._store.digest(request.unit)
        if state is None or not before.succeeded or not repeats.can_repeat(request):
            return None
        reading = repeats.load(self._store.reading_file(unit), state)
        given = repeats.given_to(self._projects[unit.project], request) if reading else ""
        if reading is None or not reading.holds(given, self._outputs_of):
            return None
        self._report_logs(unit, reading.logs, sink)
        warnings = tuple(message for severity, message in reading.logs if severity == "warning")
        counts = ChangeCounts(same=before.resource_count)
        return UnitOutcome(counts=counts, outputs=_outputs(before), warnings=warnings)

    def _remember(self, request: UnitRequest, simulated: Simulated) -> None:
        """Note what the program of a successful update read."""
        from orchestrator.engines.simulation import rehearsals  # loaded with the program

        unit, state = request.unit, self._store.digest(request.unit)
        if state is not None:
            project = self._projects[unit.project]
            plain = repeats.can_repeat(request)
            reading = rehearsals.reading_of(project, request, simulated, self._outputs_of) if plain else None
            repeats.save(self._store.reading_file(unit), state, reading)

    def _outputs_of(self, reference_name: str) -> tuple[Mapping[str, Any], Sequence[str]] | None:
        for unit in self._store.units(list(self._projects)):
            if self.reference_name(unit) == reference_name:
                with suppress(StateError):
                    head = self._store.head(unit)
                    return head.outputs, head.secret_outputs
        return None

    def _preview(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        prior = self._store.resources(request.unit) if self._store.exists(request.unit) else {}
        simulated = self._simulate(request, prior, sink)
        if request.plan_file is not None:
            plans.save(request.plan_file, simulated)
        outcome = self._outcome(request.unit, simulated, sink)
        return replace(outcome, planned=tuple(stack_resource(urn, kept) for urn, kept in simulated.resources.items()))

    def _destroy(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        unit = request.unit
        resources = self._store.resources(unit)
        protected = [kept["name"] for kept in resources.values() if kept.get("protect")]
        if protected:
            raise RefusedError(
                f"{unit.stack} was not destroyed: {', '.join(protected)} {'is' if len(protected) == 1 else 'are'} protected",
                "remove `protect` in the program and update the stack first",
            )
        deleted = tuple(
            ResourceChange(urn=urn, type=kept["type"], name=kept["name"], op=ChangeOp.DELETE)
            for urn, kept in reversed(list(resources.items()))
            if not kept.get("read")
        )
        _emit(unit, deleted, sink)
        self._store.remove(unit)
        return UnitOutcome(counts=ChangeCounts(delete=len(deleted)), changes=deleted)

    def _refresh(self, request: UnitRequest) -> UnitOutcome:
        head = self._store.head(request.unit)
        return UnitOutcome(counts=ChangeCounts(same=head.resource_count), outputs=_outputs(head))

    def _simulate(self, request: UnitRequest, prior: Resources, sink: Sink) -> Simulated:
        from orchestrator.engines.simulation import programs, rehearsals  # load the Pulumi SDK

        project = self._projects[request.unit.project]
        if repeats.is_plain(request):
            known = rehearsals.take(project, request, self._outputs_of, self._store.digest(request.unit))
            if known is not None:
                return known
        stacks = self._outputs_by_name()
        stacks.pop(self.reference_name(request.unit), None)
        stacks |= {name: plans.planned_outputs(outputs) for name, outputs in request.upstream_outputs.items()}
        try:
            return programs.simulate_project(project, request, prior=prior, stacks=stacks)
        except OperationFailedError as error:
            if error.__cause__:
                where = "".join(traceback.format_exception(error.__cause__)).rstrip()
                sink(Diagnostic(unit=request.unit, severity="error", message=where))
            raise

    def _outcome(self, unit: Unit, simulated: Simulated, sink: Sink) -> UnitOutcome:
        self._report_logs(unit, simulated.logs, sink)
        _emit(unit, simulated.changes, sink)
        return simulated.outcome()

    def _report_logs(self, unit: Unit, logs: Iterable[Sequence[str]], sink: Sink) -> None:
        for severity, message in logs:
            sink(Diagnostic(unit=unit, severity=_SEVERITIES.get(severity, "info"), message=message))

    # reading

    def _summary(self, unit: Unit) -> StackSummary:
        try:
            head = self._store.head(unit)
        except StateError as error:
            return broken(unit, error, None)
        return StackSummary(
            unit=unit,
            status=self._status(unit, head),
            record=records.from_tags(head.tags),
            outputs=_outputs(head),
            resource_count=head.resource_count,
            last_update=datetime.fromisoformat(head.last_update) if head.last_update else None,
            references=tuple(head.references),
        )

    def _status(self, unit: Unit, head: Head) -> StackStatus:
        if self._store.lock_owner(unit):
            return StackStatus.UPDATING
        if not head.succeeded:
            return StackStatus.FAILED
        return StackStatus.READY if head.resource_count else StackStatus.EMPTY

    def _readable_heads(self) -> list[tuple[Unit, Head]]:
        found: list[tuple[Unit, Head]] = []
        for unit in self._store.units(list(self._projects)):
            try:
                found.append((unit, self._store.head(unit)))
            except StateError:  # a damaged stack matters only to a program that reads it
                continue
        return found

    def _outputs_by_name(self) -> dict[str, tuple[Mapping[str, Any], Sequence[str]]]:
        """The outputs of all readable stacks by reference name, with the names of the secret ones."""
        heads = self._readable_heads()
        return {self.reference_name(unit): (head.outputs, head.secret_outputs) for unit, head in heads}

    def _require(self, unit: Unit) -> None:
        if not self._store.exists(unit):
            raise UnknownStackError(f"{unit.stack} does not exist", "`orchestrator list` shows the existing ones")


def _emit(unit: Unit, changes: tuple[ResourceChange, ...], sink: Sink) -> None:
    for change in changes:
        sink(ResourceEvent(unit=unit, urn=change.urn, type=change.type, name=change.name, op=change.op, phase="done"))


def _outputs(head: Head) -> Outputs:
    return {name: OutputValue(value=value, secret=name in head.secret_outputs) for name, value in head.outputs.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
