"""Runs a plan on an engine: what is ready starts, at most `parallel` units at a time, and no unit is ever lost.

One thread (the caller's) decides; units run in the executor's. A unit that fails skips what waits for it, directly or not,
and nothing else. The first interrupt asks the engine once to stop after what is in flight, and cancels what did not begin;
the second only ends the waiting: the engine is never told twice, since a second signal makes it forget what it has done.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.engines.protocol import Engine, UnitRequest
from orchestrator.events import Diagnostic, Event, Observer, UnitFinished, UnitStarted
from orchestrator.executors.threads import DaemonExecutor
from orchestrator.executors.unit import failed, run_unit
from orchestrator.lifecycle.graph import Plan, ReadyQueue
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.model import (
    Operation,
    Status,
    Unit,
    UnitResult,
)

_LONGEST_DEAF_SECONDS = 1.0
"""Python runs signal handlers in the main thread only. A signal that another thread got does not wake it from its wait."""

log = logging.getLogger(__name__)

Prepare = Callable[[Unit, Mapping[Unit, UnitResult]], UnitRequest]
"""Makes a unit's request when it is about to start; sees the results of the units before it."""

Around = Callable[[UnitRequest, Callable[[UnitRequest], UnitResult]], UnitResult]
"""Carries a unit out by calling the function that it is given."""

_Message = tuple[Literal["done"], UnitResult] | tuple[Literal["interrupt"], None]


class Interrupter:
    """Interrupts a run from another thread, as Ctrl-C does from the terminal. Once per Ctrl-C."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def __call__(self) -> None:
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """A run begins."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """The run is over."""
        self._listeners.remove(listener)


@dataclass(frozen=True, kw_only=True)
class Runner:
    """How plans are run."""

    engine: Engine
    observer: Observer
    parallel: int = 4
    executor: Executor = field(default_factory=DaemonExecutor)
    interrupter: Interrupter = field(default_factory=Interrupter)
    fail_fast: bool = False
    """Begin no further unit after one failed."""

    around: Around | None = None
    """What stands around each unit's operation, in a thread of its own."""

    def run(
        self, plan: Plan, operation: Operation, prepare: Prepare, expected: Mapping[Unit, int] | None = None
    ) -> tuple[UnitResult, ...]:
        """One result per unit of the plan, in plan order. Raises nothing that a unit raised.

        `expected` are the numbers of resources that units have, for progress.
        """
        run = _Run(self, plan, operation, prepare, expected or {})
        self.interrupter.listen(run.interrupt)
        try:
            with heard_by(run.interrupt):
                run.work()
        finally:
            self.interrupter.forget(run.interrupt)
        return tuple(run.results[unit] for unit in plan.units)


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

    def work(self) -> None:
        while self._queue.open or self._in_flight:
            self._start_ready()
            if not self._in_flight:
                continue
            kind, result = self._next_message()
            if kind == "interrupt":
                self._interrupted()
                if self._interrupts > 1:
                    return
            elif result is not None:
                self._in_flight.discard(result.unit)
                self._ended(result)

    def _next_message(self) -> _Message:
        while True:
            try:
                return self._messages.get(timeout=_LONGEST_DEAF_SECONDS)
            except queue.Empty:
                continue

    def _start_ready(self) -> None:
        for unit in self._queue.ready()[: max(self._runner.parallel - len(self._in_flight), 0)]:
            if self._interrupts:
                return
            self._queue.take(unit)
            self._start(unit)

    def _start(self, unit: Unit) -> None:
        try:
            request = self._prepare(unit, self.results)
            self._tell(UnitStarted(unit=unit, operation=self._operation, expected=self._expected.get(unit)))
            future = self._submitted(request)
        except Exception as error:
            self._ended(failed(unit, self._operation, error))
            return
        self._in_flight.add(unit)
        future.add_done_callback(lambda done: self._messages.put(("done", self._result(unit, done))))

    def _submitted(self, request: UnitRequest) -> Future[UnitResult]:
        runner, around = self._runner, self._runner.around
        if around is None:
            return runner.executor.submit(run_unit, runner.engine, request, self._tell)

        def work(request: UnitRequest) -> UnitResult:
            return runner.executor.submit(run_unit, runner.engine, request, self._tell).result()

        return DaemonExecutor().submit(around, request, work)

    def _result(self, unit: Unit, future: Future[UnitResult]) -> UnitResult:
        try:
            return future.result()
        except BaseException as error:  # whatever ended the call, SystemExit and a lost worker included, ends the unit
            return failed(unit, self._operation, error)

    def _ended(self, result: UnitResult) -> None:
        """A unit that was started has ended: what waits for it becomes ready, or is skipped."""
        self._finish(result)
        if result.status in (Status.SUCCEEDED, Status.UNCHANGED):
            self._queue.succeed(result.unit)
            return
        how = "failed" if result.status is Status.FAILED else "was interrupted"
        blocked = self._queue.blocked_by(result.unit)
        self._settle(blocked, Status.SKIPPED, f"not started: it waits for {result.unit}, which {how}")
        if self._runner.fail_fast and result.status is Status.FAILED:
            self._settle(
                self._queue.open, Status.SKIPPED, f"not started: {result.unit} failed, and --fail-fast was given"
            )

    def _interrupted(self) -> None:
        self._interrupts += 1
        waiting = ", ".join(str(unit) for unit in self._plan.units if unit in self._in_flight)
        if self._interrupts == 1:
            self._stop_engine()
            self._warn(f"interrupted: waiting for {waiting} to finish what is in flight; nothing new is started")
            self._settle(self._queue.open, Status.CANCELLED, "not started: the run was interrupted")
            return
        self._warn(f"interrupted again: not waiting for {waiting} any longer, which still finishes what is in flight")
        for unit in self._plan.units:
            if unit in self._in_flight:
                self._finish(
                    UnitResult(
                        unit=unit,
                        operation=self._operation,
                        status=Status.CANCELLED,
                        reason="interrupted twice: how it ended is not known",
                        hint="wait a moment, then run the same command again: it finishes the work",
                    )
                )

    def _stop_engine(self) -> None:
        try:
            self._runner.engine.interrupt()
            interrupt = getattr(self._runner.executor, "interrupt", None)  # engines of other processes
            if interrupt is not None:
                interrupt()
        except Exception:  # the units still end by themselves, and their results are still collected
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
        except Exception:  # an observer that breaks must not break the run
            log.debug("the observer failed on %r", event, exc_info=True)
