"""A job that has begun: its marks, locks and files, and the requests of its units to the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.engines import history
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import InterruptedRunError
from orchestrator.events import Diagnostic, Observer
from orchestrator.lifecycle import base_marks, unit_files
from orchestrator.lifecycle.interrupts import Interrupter, heard_by
from orchestrator.lifecycle.job import Job, plan_file_name, to_wire
from orchestrator.lifecycle.saved_plan import PlanProgress
from orchestrator.lifecycle.unit_files import UnitFiles
from orchestrator.model import Operation, Scope, Status, Unit, UnitResult


@contextmanager
def opened(job: Job, observer: Observer, changed: set[Unit], first: Callable[[], None]) -> Generator[BegunJob]:
    """Take the marks, locks and files of the job, and call `first`; give everything back at the end.

    `changed` are the units whose resources have changed so far. Raises InterruptedRunError when an interrupt arrived during `first`.
    """
    _remove_dead_locks(job, observer)
    with base_marks.joined(job, observer) as joined, unit_files.opened(joined, changed, observer) as files:
        _before_units(first, job.context.interrupter)
        yield BegunJob(job=joined, files=files, progress=PlanProgress.of(joined))


@dataclass(frozen=True, kw_only=True)
class BegunJob:
    """A job that has begun, with its final listener slots."""

    job: Job
    files: UnitFiles
    progress: PlanProgress | None

    def prepare(self, unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
        """The request of a unit that is about to start."""
        request = unit_request(self.job, unit, results)
        if self.progress:
            self.progress.begin(unit)
        return request

    def settle(self, result: UnitResult) -> None:
        """Note the result of a unit in its files, and in the progress of a saved plan."""
        if self.progress:
            done = result.status in (Status.SUCCEEDED, Status.UNCHANGED)
            self.progress.end(result.unit, self.job.context.engine.fingerprint(result.unit), done=done)
        self.files.settle(result)


def _before_units(first: Callable[[], None], interrupter: Interrupter) -> None:
    """Call `first`. Raises InterruptedRunError when an interrupt arrived during the call."""
    stopped = threading.Event()
    interrupter.listen(stopped.set)
    try:
        with heard_by(stopped.set):
            first()
    finally:
        interrupter.forget(stopped.set)
    if stopped.is_set():
        raise InterruptedRunError("no unit was started: the run was interrupted")


def _remove_dead_locks(job: Job, observer: Observer) -> None:
    """Remove locks of killed engines from bases that are only read; the engine removes them from the other units."""
    for step in job.steps:
        owner = None if step.runs else job.context.engine.lock_owner(step.unit)
        if owner is not None and owner.alive is False:
            job.context.engine.unlock(step.unit)
            text = f"the lock of {owner} was removed: that process has ended"
            observer(Diagnostic(unit=step.unit, severity="warning", message=text))


def unit_request(job: Job, unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
    """The request of a unit that is about to start. Raises RefusedError and StackLockedError when it may no longer start."""
    if job.operation is Operation.DESTROY and job.context.settings.by_key[unit.project].scope is Scope.BASE:
        base_marks.check_before_destroy(job, unit)
    return UnitRequest(
        unit=unit,
        operation=job.operation,
        record=job.records.get(unit),
        record_before=job.stacks[unit].record if unit in job.stacks else None,
        message=history.message(job.command, unit.stack, job.operator),
        plan_file=job.plans / plan_file_name(unit) if job.plans else None,
        wait_seconds=job.context.wait_seconds,
        keep_going=job.context.keep_going,
        environment=job.environment,
        upstream_outputs=_handed_over(job, unit, results) if job.operation is Operation.UP else {},
    )


def _handed_over(job: Job, unit: Unit, results: Mapping[Unit, UnitResult]) -> dict[str, dict[str, Any]]:
    """For `apply`: the outputs that the reviewed preview received, now with their real values."""
    found: dict[str, dict[str, Any]] = {}
    for other in job.handed.get(unit, ()):
        stack = None if other in results else job.context.engine.stack(other)
        outputs = stack.outputs if stack else results[other].outputs
        if any(output.secret for output in outputs.values()):
            plain = job.context.engine.reveal(other)
            outputs = {name: replace(output, value=plain.get(name)) for name, output in outputs.items()}
        found[job.context.engine.reference_name(other)] = to_wire(outputs)
    return found
