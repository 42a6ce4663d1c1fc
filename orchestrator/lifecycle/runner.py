"""Runs a plan on an engine: every unit that is ready starts, at most `parallel` at a time, and every unit has a result.

The caller's thread decides; units run in the executor. A failed unit skips its direct and indirect dependents and no other
unit. The first interrupt asks the engine to stop after the operations in flight, and cancels the units that did not start.
The second interrupt only ends the wait; it never reaches the engine, which would lose its progress.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.engines.protocol import Engine, UnitRequest
from orchestrator.events import Diagnostic, Event, Observer, UnitFinished, UnitStarted
from orchestrator.executors.run_unit import DaemonExecutor, failed, run_unit
from orchestrator.lifecycle.graph import Plan, ReadyQueue
from orchestrator.lifecycle.interrupts import Interrupter, heard_by
from orchestrator.model import (
    Operation,
    Status,
    Unit,
    UnitResult,
)

_LONGEST_DEAF_SECONDS = 1.0
"""Python runs signal handlers in the main thread only, and a signal that another thread receives does not wake it."""

log = logging.getLogger(__name__)

Prepare = Callable[[Unit, Mapping[Unit, UnitResult]], UnitRequest]
"""Makes the request of a unit that is about to start, with the results of the units before it."""

_Message = tuple[Literal["done"], UnitResult] | tuple[Literal["interrupt"], None]


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
