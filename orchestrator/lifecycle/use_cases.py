"""The use cases: a request is checked before any work (`prepare`) and carried out (`run`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from orchestrator import executors
from orchestrator.engines.lock_retry import Patience
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import InterruptedRunError, OrchestratorError, StackLockedError
from orchestrator.events import Diagnostic, Event, Observer, PlanReady, ResourceEvent
from orchestrator.lifecycle import (
    base_marks,
    create_and_update,
    destroy,
    drift,
    git,
    graph,
    previews,
    refusals,
    rehearsal,
    unit_files,
    unit_requests,
)
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.interrupts import Interrupter, heard_by
from orchestrator.lifecycle.job import Job, Step
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import (
    CreateBase,
    CreateEnv,
    DestroyBase,
    DestroyEnv,
    Drift,
    PreviewBase,
    PreviewEnv,
    Refresh,
    Request,
    UpdateBase,
    UpdateEnv,
)
from orchestrator.lifecycle.runner import Runner
from orchestrator.lifecycle.saved_plan import PlanProgress
from orchestrator.lifecycle.unit_files import UnitFiles
from orchestrator.model import ChangeOp, Operation, RunReport, StackStatus, StackSummary, Status, Unit, UnitResult

_USE_CASES: Mapping[type[Any], tuple[str, Operation, Callable[[JobBuilder, Any], None]]] = {
    CreateBase: ("create-base", Operation.UP, create_and_update.create_base),
    CreateEnv: ("create-env", Operation.UP, create_and_update.create_env),
    UpdateBase: ("update-base", Operation.UP, create_and_update.update_base),
    UpdateEnv: ("update-env", Operation.UP, create_and_update.update_env),
    PreviewBase: ("preview-base", Operation.PREVIEW, create_and_update.preview_base),
    PreviewEnv: ("preview-env", Operation.PREVIEW, create_and_update.preview_env),
    DestroyEnv: ("destroy-env", Operation.DESTROY, destroy.destroy_env),
    DestroyBase: ("destroy-base", Operation.DESTROY, destroy.destroy_base),
    Drift: ("drift", Operation.DRIFT, drift.drift),
    Refresh: ("refresh", Operation.REFRESH, drift.refresh),
}
"""Request -> command, operation, and the function that checks the request and adds its units."""

_NO_CHANGE = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


def prepare(context: Context, request: Request) -> Job:
    """Check a request completely and return the job that carries it out. Nothing is changed.

    Waits for other operations on the same stacks as long as the context allows, and reports each wait to its observer.

    Raises UsageError, SettingsError, UnknownStackError, RefusedError, StackLockedError, StateError and
    EngineUnavailableError.
    """
    command, operation, add_units = _USE_CASES[type(request)]
    patience = Patience(
        context.wait_seconds, lambda text: context.observer(Diagnostic(unit=None, severity="info", message=text))
    )
    while True:
        builder = JobBuilder(context, operation)
        try:
            add_units(builder, request)
            return _job(builder, command)
        except StackLockedError as error:
            patience.wait(error)


def _job(builder: JobBuilder, command: str) -> Job:
    """The finished job. Raises RefusedError, StackLockedError, StateError when it cannot be carried out now."""
    projects, operation = builder.context.settings.projects, builder.operation
    plan = graph.plan(projects, builder.units, builder.bases)
    order = graph.plan(projects, builder.units | builder.read_only, builder.bases).units
    if operation is Operation.DESTROY:
        plan, order = plan.reversed(), tuple(reversed(order))
    stacks = {unit: found for unit in plan.units if (found := builder.registry.stack(unit))}
    _check(builder, stacks)
    scopes = {project.key: project.scope for project in projects}
    steps = tuple(
        Step(
            unit=unit,
            scope=scopes[unit.project],
            kind=builder.kinds[unit],
            exists=bool(found := builder.registry.stack(unit)) and found.status is not StackStatus.EMPTY,
            runs=unit in builder.units,
        )
        for unit in order
    )
    return Job(
        context=builder.context,
        command=command,
        operation=operation,
        plan=plan,
        steps=steps,
        operator=_operator(builder),
        notes=tuple(builder.notes),
        confirm=builder.confirm,
        stacks=stacks,
        records=builder.records,
        configs=builder.configs,
        slots=builder.slots,
        bases=builder.bases,
    )


def _operator(builder: JobBuilder) -> str | None:
    """The user for the history; None for an operation that leaves no trace in it."""
    if builder.operation in (Operation.PREVIEW, Operation.DRIFT):
        return None
    return git.pipeline_user() or builder.checkout.user or git.login_name()


def _check(builder: JobBuilder, stacks: Mapping[Unit, StackSummary]) -> None:
    """Check the conditions that hold before anything is changed. Raises RefusedError, StackLockedError, StateError."""
    context, operation = builder.context, builder.operation
    if operation not in (Operation.PREVIEW, Operation.DRIFT):
        refusals.if_busy(context.engine, stacks.values())
    if operation in (Operation.UP, Operation.DESTROY):
        refusals.if_production(builder.kinds, builder.units, allowed=context.allow_prod)
    if operation is Operation.DESTROY:
        refusals.if_read(context.engine, stacks, stacks, context.settings.projects)
        refusals.if_protected(context.engine, stacks)
        builder.notes += refusals.notes_on_retained(context.engine, stacks)
    context.engine.admit(sorted(stacks), sorted(builder.read_only))


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
            existing = frozenset(step.unit for step in job.steps if step.exists)
            runner.observer(PlanReady(operation=job.operation, units=job.plan.units, existing=existing))
            if job.operation is Operation.PREVIEW:
                results = rehearsal.with_known_values(job, previews.results(job, runner))
            else:
                with _begun(job, runner, begun, first) as work:
                    results = work.runner.run(work.job.plan, job.operation, work.prepare, work.job.resource_counts())
                    for result in results:
                        work.files.settle(result)
        report = _report(job, started, results)
        last(report)
        show(report)
    return report


def _report(job: Job, started: datetime, results: Iterable[UnitResult]) -> RunReport:
    return RunReport(
        command=job.command,
        engine=job.context.engine.name,
        notice=job.context.engine.notice,
        started=started,
        ended=job.context.clock(),
        results=tuple(_with_hint(job, result) for result in results),
    )


@contextmanager
def _begun(job: Job, runner: Runner, begun: set[Unit], first: Callable[[], None]) -> Generator[_Work]:
    """Take the marks, locks and files of the job, and call `first`; give everything back at the end."""
    _remove_dead_locks(job, runner.observer)
    with (
        base_marks.joined(job, runner.observer) as joined,
        unit_files.opened(joined, begun, runner.observer) as files,
    ):
        _before_units(first, runner.interrupter)
        yield _Work(job=joined, files=files, progress=PlanProgress.of(joined), options=runner)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A job that has begun, with its final listener slots."""

    job: Job
    files: UnitFiles
    progress: PlanProgress | None
    options: Runner

    @property
    def runner(self) -> Runner:
        """The runner that settles the files of each unit."""
        return replace(self.options, settle=self._settle, adjust=partial(drift.unexpected, self.job))

    def prepare(self, unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
        """The request of a unit that is about to start."""
        request = unit_requests.request(self.job, unit, results)
        if self.progress:
            self.progress.begin(unit)
        return request

    def _settle(self, result: UnitResult) -> None:
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
