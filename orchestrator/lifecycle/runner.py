"""Carries out a job: every unit that is ready starts, at most `parallel` at a time, and every unit has a result.

The caller's thread decides; units run in the executor. A failed unit skips its direct and indirect dependents and no other
unit. The first interrupt asks the engine to stop after the operations in flight, and cancels the units that did not start.
The second interrupt only ends the wait; it never reaches the engine, which would lose its progress.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

from orchestrator import executors
from orchestrator.engines.protocol import Engine, Sink, UnitRequest
from orchestrator.errors import EngineUnavailableError, InterruptedRunError, OrchestratorError
from orchestrator.events import (
    Diagnostic,
    Event,
    Observer,
    PlanReady,
    ResourceEvent,
    UnitEvent,
    UnitFinished,
    UnitStarted,
)
from orchestrator.lifecycle import begun_job, drift, previews, rehearsal, run_record
from orchestrator.lifecycle.graph import Plan, ReadyQueue
from orchestrator.lifecycle.interrupts import Interrupter, heard_by
from orchestrator.lifecycle.job import Job, Prepare
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Operation,
    ResourceChange,
    RunReport,
    Status,
    Unit,
    UnitOutcome,
    UnitResult,
)

T = TypeVar("T")

_LONGEST_DEAF_SECONDS = 1.0
"""Python runs signal handlers in the main thread only, and a signal that another thread receives does not wake it."""

_NO_CHANGE = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)

log = logging.getLogger(__name__)

_Message = tuple[Literal["done"], UnitResult] | tuple[Literal["interrupt"], None]


def run(
    job: Job,
    *,
    first: Callable[[Observer], None] = lambda _observer: None,
    last: Callable[[RunReport, Observer], None] = lambda _report, _observer: None,
) -> RunReport:
    """Carry out a job with the options of its context. The report holds the errors of its units.

    In the main thread, Ctrl-C interrupts the run; from other threads, the context's `interrupter` does. `first` runs after
    all locks are taken and before the first unit starts, `last` after the last unit and before the report is shown. Both
    receive the observer of the run.

    Programs are rehearsed and new stacks previewed first, and what they refuse is raised before anything is touched. Raises
    StackLockedError and RefusedError when the job can no longer begin, SettingsError when a file cannot be written, and
    InterruptedRunError after an interrupt before the first unit.
    """
    job = rehearsal.passed(job)
    job.context.before(job)
    context, changed = job.context, set[Unit]()
    with context.around(job) as show, run_record.recorded(job) as record:
        listen = record.observer(job, changed)
        started = context.clock()
        with executors.opened(context.settings, context.engine.name, context.executor) as opened:
            runner = Runner(
                engine=context.engine,
                observer=listen,
                parallel=context.parallel or context.settings.runner.parallel,
                executor=opened or DaemonExecutor(),
                interrupter=context.interrupter,
                fail_fast=context.fail_fast,
            )
            previews.before_first_create(job, listen, runner.preview)
            existing = frozenset(step.unit for step in job.steps if step.exists)
            listen(PlanReady(operation=job.operation, units=job.plan.units, existing=existing))
            if job.operation is Operation.PREVIEW:
                results = rehearsal.with_places(job, previews.results(job, listen, runner.preview))
                results = rehearsal.with_known_values(job, results)
            else:
                with begun_job.opened(job, listen, changed, partial(first, listen)) as work:
                    runner = replace(runner, settle=work.settle, adjust=partial(drift.unexpected, work.job))
                    results = runner.run(work.job.plan, job.operation, work.prepare, work.job.resource_counts())
                    for result in results:
                        work.files.settle(result)
        report = _report(job, started, results)
        last(report, listen)
        record.end(report.exit_code)
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


class DaemonExecutor(Executor):
    """A daemon thread for each call, which does not keep the process alive.

    After a second Ctrl-C the process prints its report and ends, while an engine in a process of its own completes its
    operations; `ThreadPoolExecutor` would wait for them. The runner limits the number of calls.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # the caller of the future decides
                future.set_exception(error)

        future.set_running_or_notify_cancel()
        threading.Thread(target=work, name="orchestrator-unit", daemon=True).start()
        return future


@dataclass(frozen=True, kw_only=True)
class Runner:
    """The engine, executor and options with which plans run."""

    engine: Engine
    observer: Observer
    parallel: int = 4
    executor: Executor = field(default_factory=DaemonExecutor)
    interrupter: Interrupter = field(default_factory=Interrupter)
    fail_fast: bool = False
    """Start no further unit after one failed."""

    adjust: Callable[[UnitResult], UnitResult] = lambda result: result
    """Returns each result as it is reported."""

    settle: Callable[[UnitResult], None] = lambda _result: None
    """Receives each result in the unit's own thread, before the dependents of the unit become ready."""

    def run(
        self, plan: Plan, operation: Operation, prepare: Prepare, expected: Mapping[Unit, int] | None = None
    ) -> tuple[UnitResult, ...]:
        """Run the plan; return one result for each unit, in plan order. Errors of units are in their results.

        `expected` has the number of resources of each unit, for progress.
        """
        run = _Run(self, plan, operation, prepare, expected or {})
        self.interrupter.listen(run.interrupt)
        try:
            with heard_by(run.interrupt):
                while run.goes_on:
                    for unit in run.ready():
                        run.start(unit)
                    run.wait()
        finally:
            self.interrupter.forget(run.interrupt)
        return tuple(run.results[unit] for unit in plan.units)

    def preview(self, job: Job, prepare: Prepare, observer: Observer) -> tuple[UnitResult, ...]:
        """Run the units of a preview, which reports to an observer of its own."""
        return replace(self, observer=observer).run(job.plan, job.operation, prepare, job.resource_counts())


class _Run:
    def __init__(
        self, runner: Runner, plan: Plan, operation: Operation, prepare: Prepare, expected: Mapping[Unit, int]
    ) -> None:
        self._runner, self._plan, self._operation, self._prepare = runner, plan, operation, prepare
        self._expected = expected
        self._queue = ReadyQueue(plan)
        # SimpleQueue.put is reentrant: a signal handler may call it while the same thread waits in `get`.
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._in_flight: set[Unit] = set()
        self._interrupts = 0
        self.results: dict[Unit, UnitResult] = {}

    def interrupt(self) -> None:
        self._messages.put(("interrupt", None))

    @property
    def goes_on(self) -> bool:
        """Whether a unit runs or can still start, and the user has not interrupted twice."""
        return bool(self._queue.open or self._in_flight) and self._interrupts < 2

    def ready(self) -> Sequence[Unit]:
        """The units that start now."""
        return () if self._interrupts else self._queue.ready()[: max(self._runner.parallel - len(self._in_flight), 0)]

    def wait(self) -> None:
        """Wait for the end of a unit, or for an interrupt."""
        if not self._in_flight:
            return
        kind, result = self._next_message()
        if kind == "interrupt":
            self._interrupted()
        elif result is not None:
            self._in_flight.discard(result.unit)
            self._ended(result)

    def _next_message(self) -> _Message:
        while True:
            try:
                return self._messages.get(timeout=_LONGEST_DEAF_SECONDS)
            except queue.Empty:
                continue

    def start(self, unit: Unit) -> None:
        """Start a unit. Errors before its start become its result."""
        self._queue.take(unit)
        try:
            request = self._prepare(unit, self.results)
            self._tell(UnitStarted(unit=unit, operation=self._operation, expected=self._expected.get(unit)))
            future = self._runner.executor.submit(run_unit, self._runner.engine, request, self._tell)
        except Exception as error:  # the other units go on
            self._ended(failed(unit, self._operation, error))
            return
        self._in_flight.add(unit)
        future.add_done_callback(lambda done: self._messages.put(("done", self._result(unit, done))))

    def _result(self, unit: Unit, future: Future[UnitResult]) -> UnitResult:
        try:
            result = self._runner.adjust(future.result())
            self._runner.settle(result)
            return result
        except BaseException as error:  # also SystemExit and a lost worker
            return failed(unit, self._operation, error)

    def _ended(self, result: UnitResult) -> None:
        """Finish a unit that was started; its dependents become ready or are skipped."""
        self._finish(result)
        if result.status in (Status.SUCCEEDED, Status.UNCHANGED):
            self._queue.succeed(result.unit)
            return
        how = "failed" if result.status is Status.FAILED else "was interrupted"
        blocked = self._queue.blocked_by(result.unit)
        self._settle(
            blocked, Status.SKIPPED, f"not started: it waits for {result.unit.among(self._plan.units)}, which {how}"
        )
        if self._runner.fail_fast and result.status is Status.FAILED:
            self._settle(
                self._queue.open,
                Status.SKIPPED,
                f"not started: {result.unit.among(self._plan.units)} failed, and --fail-fast was given",
            )

    def _interrupted(self) -> None:
        self._interrupts += 1
        waiting = ", ".join(unit.among(self._plan.units) for unit in self._plan.units if unit in self._in_flight)
        if self._interrupts == 1:
            self._stop_engine()
            self._warn(f"interrupted: waiting for the operations in flight on {waiting}; no new operation starts")
            self._settle(self._queue.open, Status.CANCELLED, "not started: the run was interrupted")
            return
        self._warn(f"interrupted again: no longer waiting for {waiting}, which completes its operations in flight")
        for unit in self._plan.units:
            if unit in self._in_flight:
                self._finish(
                    UnitResult(
                        unit=unit,
                        operation=self._operation,
                        status=Status.CANCELLED,
                        reason="interrupted twice: its result is not known",
                        hint="wait a moment, then run the same command again: it completes the work",
                    )
                )

    def _stop_engine(self) -> None:
        try:
            self._runner.engine.interrupt()
            interrupt = getattr(self._runner.executor, "interrupt", None)  # for the engines of other processes
            if interrupt is not None:
                interrupt()
        except Exception:  # the units still end, and their results still count
            log.debug("the engine could not be interrupted", exc_info=True)

    def _finish(self, result: UnitResult) -> None:
        self.results[result.unit] = result
        self._tell(UnitFinished(result=result))

    def _settle(self, units: Iterable[Unit], status: Status, reason: str) -> None:
        for unit in tuple(units):
            self._queue.take(unit)
            self._finish(UnitResult(unit=unit, operation=self._operation, status=status, reason=reason))

    def _warn(self, message: str) -> None:
        self._tell(Diagnostic(unit=None, severity="warning", message=message))

    def _tell(self, event: Event) -> None:
        try:
            self._runner.observer(event)
        except Exception:  # a faulty observer does not stop the run
            log.debug("the observer failed on %r", event, exc_info=True)


def run_unit(engine: Engine, request: UnitRequest, tell: Sink) -> UnitResult:
    """Run one operation on one unit. Errors of the engine become the result."""
    touched: list[ResourceChange] = []

    def sink(event: UnitEvent) -> None:
        if isinstance(event, ResourceEvent) and event.phase == "done":
            touched.append(ResourceChange(urn=event.urn, type=event.type, name=event.name, op=event.op))
        tell(event)

    began = time.monotonic()
    try:
        result = _succeeded(request, engine.run(request, sink))
    except InterruptedRunError as error:
        result = failed(request.unit, request.operation, error, status=Status.CANCELLED)
    except Exception as error:  # one unit never ends the run of the others
        result = failed(request.unit, request.operation, error)
    if result.status in (Status.FAILED, Status.CANCELLED):
        changes = tuple(change for change in touched if change.op not in _NO_CHANGE)
        result = replace(result, changes=changes, counts=_counts(touched))
    return replace(result, duration_seconds=time.monotonic() - began)


def _succeeded(request: UnitRequest, outcome: UnitOutcome) -> UnitResult:
    return UnitResult(
        unit=request.unit,
        operation=request.operation,
        status=Status.SUCCEEDED if outcome.counts.changed else Status.UNCHANGED,
        counts=outcome.counts,
        changes=outcome.changes,
        outputs=outcome.outputs,
        warnings=outcome.warnings,
        planned=outcome.planned,
    )


def failed(
    unit: Unit,
    operation: Operation,
    error: BaseException,
    status: Literal[Status.FAILED, Status.CANCELLED] = Status.FAILED,
) -> UnitResult:
    """The result of a unit that an error ended. The hint calls any error except OrchestratorError a bug."""
    if isinstance(error, OrchestratorError):
        reason, hint = error.message, error.hint
    else:
        log.debug("%s failed unexpectedly", unit, exc_info=error)
        reason = f"internal error: {type(error).__name__}: {error}"
        hint = "this is a bug in the orchestrator: run the command again with --verbose and report the output"
    unavailable = isinstance(error, EngineUnavailableError)
    return UnitResult(unit=unit, operation=operation, status=status, reason=reason, hint=hint, unavailable=unavailable)


def _counts(changes: Iterable[ResourceChange]) -> ChangeCounts:
    ops = [change.op for change in changes]
    return ChangeCounts(
        create=ops.count(ChangeOp.CREATE),
        update=ops.count(ChangeOp.UPDATE),
        replace=ops.count(ChangeOp.REPLACE),
        delete=ops.count(ChangeOp.DELETE),
        same=ops.count(ChangeOp.SAME),
    )
