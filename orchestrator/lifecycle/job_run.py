"""Carries out a job: marks its bases, writes its configuration files, runs its units, reports the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from orchestrator import executors
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import InterruptedRunError, OrchestratorError
from orchestrator.events import Diagnostic, Event, Observer, PlanReady, ResourceEvent
from orchestrator.lifecycle import base_marks, drift, previews, rehearsal, unit_files, unit_requests
from orchestrator.lifecycle.interrupts import Interrupter, heard_by
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.runner import Runner
from orchestrator.lifecycle.saved_plan import PlanProgress
from orchestrator.model import ChangeOp, Operation, RunReport, Status, Unit, UnitResult

_NO_CHANGE = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


def run(
    job: Job, *, first: Callable[[], None] = lambda: None, last: Callable[[RunReport], None] = lambda _report: None
) -> RunReport:
    """Carry out a job with the options of its context. The report holds the errors of its units.

    In the main thread, Ctrl-C interrupts the run; from other threads, the context's `interrupter` does. `first` runs after
    all locks are taken and before the first unit starts, `last` after the last unit and before the report is shown.

    Programs are rehearsed and new stacks previewed first, and what they refuse is raised before anything is touched. Raises
    StackLockedError and RefusedError when the job can no longer begin, SettingsError when a file cannot be written, and
    InterruptedRunError after an interrupt before the first unit.
    """
    job = rehearsal.passed(job)
    job.context.before(job)
    context, begun = job.context, set[Unit]()

    def listen(event: Event) -> None:
        if isinstance(event, ResourceEvent) and _is_change(event):
            begun.add(event.unit)
        context.observer(event)

    with context.around(job) as show:
        started = context.clock()
        with executors.opened(context.settings, context.engine.name, context.executor) as opened:
            runner = Runner(
                engine=context.engine,
                observer=listen,
                parallel=context.parallel or context.settings.runner.parallel,
                executor=opened,
                interrupter=context.interrupter,
                fail_fast=context.fail_fast,
            )
            previews.before_first_create(job, runner)
            results = _results(job, runner, begun, first)
        report = RunReport(
            command=job.command,
            engine=context.engine.name,
            notice=context.engine.notice,
            started=started,
            ended=context.clock(),
            results=tuple(_with_hint(job, result) for result in results),
        )
        last(report)
        show(report)
    return report


def _results(job: Job, runner: Runner, begun: set[Unit], first: Callable[[], None]) -> tuple[UnitResult, ...]:
    existing = frozenset(step.unit for step in job.steps if step.exists)
    runner.observer(PlanReady(operation=job.operation, units=job.plan.units, existing=existing))
    if job.operation is Operation.PREVIEW:
        return rehearsal.with_known_values(job, previews.results(job, runner))
    _remove_dead_locks(job, runner.observer)
    with (
        base_marks.joined(job, runner.observer) as joined,
        unit_files.opened(joined, begun, runner.observer) as files,
    ):
        _before_units(first, runner.interrupter)
        progress = PlanProgress.of(joined)

        def prepare(unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
            request = unit_requests.request(joined, unit, results)
            if progress:
                progress.begin(unit)
            return request

        def settle(result: UnitResult) -> None:
            if progress:
                done = result.status in (Status.SUCCEEDED, Status.UNCHANGED)
                progress.end(result.unit, joined.context.engine.fingerprint(result.unit), done=done)
            files.settle(result)

        settling = replace(runner, settle=settle, adjust=partial(drift.unexpected, joined))
        results = settling.run(joined.plan, joined.operation, prepare, joined.resource_counts())
        for result in results:
            files.settle(result)
        return results


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


def _with_hint(job: Job, result: UnitResult) -> UnitResult:
    """A failed result with a hint: how many resources the unit has now, and how to continue."""
    if result.status is not Status.FAILED or result.hint or job.operation is Operation.PREVIEW:
        return result
    try:
        stack = job.context.engine.stack(result.unit)
    except OrchestratorError:
        return result
    count = stack.resource_count if stack else 0
    have = f"it has {count} resource{'' if count == 1 else 's'} now" if count else "it has no resources yet"
    return replace(result, hint=f"{have}; fix the cause, then run the same command again: it continues from there")


def _is_change(event: ResourceEvent) -> bool:
    internal = event.type == "pulumi:pulumi:Stack" or event.type.startswith("pulumi:providers:")
    return not internal and event.op not in _NO_CHANGE
