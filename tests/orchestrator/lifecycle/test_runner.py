"""Runs of a plan: order, parallelism, failures, Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.projects import Project
from orchestrator.engines.protocol import Sink, UnitRequest
from orchestrator.errors import OperationFailedError, SettingsError, StackLockedError
from orchestrator.events import Diagnostic, Event, UnitFinished, UnitStarted
from orchestrator.lifecycle.graph import Plan, plan
from orchestrator.lifecycle.interrupts import Interrupter
from orchestrator.lifecycle.runner import DaemonExecutor, Runner
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Operation,
    Scope,
    Status,
    Unit,
    UnitOutcome,
    UnitResult,
)
from tests.support.fake_engine import FakeEngine

BASE, ALPHA, BETA, ADMIN = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta"), Unit("admin", "alpha")
WAIT_SECONDS = 300


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    return FakeEngine(
        [
            Project(key="base", path=tmp_path, name="base", scope=Scope.BASE),
            Project(key="app", path=tmp_path, name="app", scope=Scope.ENVIRONMENT, depends_on=("base",)),
            Project(key="admin", path=tmp_path, name="admin", scope=Scope.ENVIRONMENT, depends_on=("app",)),
        ]
    )


def planned(engine: FakeEngine, *units: Unit) -> Plan:
    return plan(tuple(engine.projects.values()), units, {"alpha": ("dev",), "beta": ("dev",)})


def request(unit: Unit, _results: object = None) -> UnitRequest:
    return UnitRequest(unit=unit, operation=Operation.UP)


def run(engine: FakeEngine, *units: Unit, **options: Any) -> tuple[UnitResult, ...]:
    options = {"observer": lambda _event: None, **options}
    return Runner(engine=engine, **options).run(planned(engine, *units), Operation.UP, request)


def told(results: tuple[UnitResult, ...]) -> list[tuple[str, str, str | None]]:
    return [(str(result.unit), result.status.value, result.reason) for result in results]


def test_units_run_in_order_and_report_in_plan_order(engine: FakeEngine) -> None:
    results = run(engine, BETA, ADMIN, ALPHA, BASE, parallel=1)
    assert engine.began == ["up base/dev", "up app/alpha", "up admin/alpha", "up app/beta"]
    assert told(results) == [
        ("base/dev", "succeeded", None),
        ("app/alpha", "succeeded", None),
        ("admin/alpha", "succeeded", None),
        ("app/beta", "succeeded", None),
    ]
    assert results[0].counts == ChangeCounts(create=3)


def test_a_second_run_is_unchanged(engine: FakeEngine) -> None:
    run(engine, BASE, ALPHA)
    assert [result.status for result in run(engine, BASE, ALPHA)] == [Status.UNCHANGED, Status.UNCHANGED]


def test_independent_units_run_at_the_same_time(engine: FakeEngine) -> None:
    met = threading.Barrier(2)

    def meet(_request: UnitRequest, _sink: Sink) -> None:
        met.wait(WAIT_SECONDS)  # breaks, and so fails both units, unless the other one runs too

    engine.scripts = {ALPHA: meet, BETA: meet}
    assert [result.status for result in run(engine, ALPHA, BETA)] == [Status.SUCCEEDED, Status.SUCCEEDED]


@pytest.mark.parametrize("parallel", [1, 2])
def test_at_most_parallel_units_run(engine: FakeEngine, parallel: int) -> None:
    running: set[Unit] = set()
    most: list[int] = []
    guard, full = threading.Lock(), threading.Event()

    def count(request: UnitRequest, _sink: Sink) -> None:
        with guard:
            running.add(request.unit)
            most.append(len(running))
            if len(running) == parallel:
                full.set()
        assert full.wait(WAIT_SECONDS), f"{parallel} units run at the same time"
        threading.Event().wait(0.02)
        with guard:
            running.discard(request.unit)

    units = [Unit("app", name) for name in ("aa", "bb", "cc", "dd", "ee")]
    engine.scripts = dict.fromkeys(units, count)
    run(engine, *units, parallel=parallel)
    assert max(most) == parallel


def test_a_failure_skips_its_dependents_and_no_other_unit(engine: FakeEngine) -> None:
    engine.fails(ALPHA, "no capacity")
    assert told(run(engine, BASE, ALPHA, BETA, ADMIN)) == [
        ("base/dev", "succeeded", None),
        ("app/alpha", "failed", "app/alpha failed: no capacity"),
        ("admin/alpha", "skipped", "not started: it waits for app/alpha, which failed"),
        ("app/beta", "succeeded", None),
    ]


def test_a_failure_at_the_root_skips_everything_and_is_named_as_the_reason(engine: FakeEngine) -> None:
    engine.fails(BASE)
    assert told(run(engine, BASE, ALPHA, ADMIN))[1:] == [
        ("app/alpha", "skipped", "not started: it waits for dev, which failed"),
        ("admin/alpha", "skipped", "not started: it waits for dev, which failed"),
    ]
    assert engine.began == ["up base/dev"]


def test_a_failed_unit_reports_what_it_had_done(engine: FakeEngine) -> None:
    engine.fails(BASE, after=["vpc", "subnet"])
    result = run(engine, BASE)[0]
    assert result.counts == ChangeCounts(create=2)
    assert [(change.name, change.op) for change in result.changes] == [
        ("vpc", ChangeOp.CREATE),
        ("subnet", ChangeOp.CREATE),
    ]


def test_a_result_has_the_hint_of_its_error(engine: FakeEngine) -> None:
    engine.raises(BASE, StackLockedError("dev is locked: by bob", "wait for bob"))
    result = run(engine, BASE)[0]
    assert (result.status, result.reason, result.hint) == (Status.FAILED, "dev is locked: by bob", "wait for bob")


@pytest.mark.parametrize("error", [KeyError("vpc"), SystemExit(3), MemoryError("all of it"), KeyboardInterrupt("x")])
def test_any_exception_of_a_unit_becomes_its_failure(engine: FakeEngine, error: BaseException) -> None:
    engine.raises(BASE, error)
    results = run(engine, BASE, ALPHA)
    assert told(results) == [
        ("base/dev", "failed", f"internal error: {type(error).__name__}: {error}"),
        ("app/alpha", "skipped", "not started: it waits for dev, which failed"),
    ]
    assert (
        results[0].hint
        == "this is a bug in the orchestrator: run the command again with --verbose and report the output"
    )


def test_a_request_that_cannot_be_made_fails_only_its_unit(engine: FakeEngine) -> None:
    def prepare(unit: Unit, _results: object) -> UnitRequest:
        if unit == ALPHA:
            raise OperationFailedError("app/alpha cannot be asked for")
        return request(unit)

    runner = Runner(engine=engine, observer=lambda _event: None)
    results = runner.run(planned(engine, ALPHA, ADMIN, BETA), Operation.UP, prepare)
    assert [result.status for result in results] == [Status.FAILED, Status.SKIPPED, Status.SUCCEEDED]


def test_requests_see_the_results_of_the_units_before(engine: FakeEngine) -> None:
    seen: dict[Unit, list[Unit]] = {}

    def prepare(unit: Unit, results: Any) -> UnitRequest:
        seen[unit] = sorted(results)
        return request(unit)

    Runner(engine=engine, observer=lambda _event: None).run(planned(engine, BASE, ALPHA), Operation.UP, prepare)
    assert seen == {BASE: [], ALPHA: [BASE]}


def test_the_observer_receives_start_and_end_of_each_unit(engine: FakeEngine) -> None:
    heard: list[Event] = []
    runner = Runner(engine=engine, observer=heard.append, parallel=1)
    results = runner.run(planned(engine, BASE, ALPHA), Operation.UP, request, {ALPHA: 57})
    assert [event for event in heard if isinstance(event, UnitStarted | UnitFinished)] == [
        UnitStarted(unit=BASE, operation=Operation.UP, expected=None),
        UnitFinished(result=results[0]),
        UnitStarted(unit=ALPHA, operation=Operation.UP, expected=57),
        UnitFinished(result=results[1]),
    ]


def test_a_result_is_settled_before_the_dependents_of_its_unit_start(engine: FakeEngine) -> None:
    order: list[str] = []

    def prepare(unit: Unit, _results: object) -> UnitRequest:
        order.append(f"start {unit}")
        return request(unit)

    runner = Runner(
        engine=engine, observer=lambda _event: None, settle=lambda result: order.append(f"settle {result.unit}")
    )
    runner.run(planned(engine, BASE, ALPHA), Operation.UP, prepare)
    assert order == ["start base/dev", "settle base/dev", "start app/alpha", "settle app/alpha"]


def test_a_unit_that_cannot_be_settled_has_failed(engine: FakeEngine) -> None:
    def settle(_result: UnitResult) -> None:
        raise SettingsError("the progress cannot be written")

    results = run(engine, BASE, ALPHA, settle=settle)
    assert told(results) == [
        ("base/dev", "failed", "the progress cannot be written"),
        ("app/alpha", "skipped", "not started: it waits for dev, which failed"),
    ]


def test_an_observer_that_raises_does_not_stop_the_run(engine: FakeEngine) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError(str(event))

    assert [result.status for result in run(engine, BASE, ALPHA, observer=broken)] == [Status.SUCCEEDED] * 2


class BrokenExecutor(Executor):
    """An executor that loses every call: it raises, or cancels the future."""

    def __init__(self, *, cancels: bool) -> None:
        self._cancels = cancels

    def submit(self, *_call: Any, **_options: Any) -> Future[Any]:
        if not self._cancels:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        future.cancel()
        return future


@pytest.mark.parametrize("cancels", [True, False])
def test_a_unit_that_the_executor_loses_has_failed(engine: FakeEngine, cancels: bool) -> None:
    results = run(engine, BASE, ALPHA, executor=BrokenExecutor(cancels=cancels))
    assert [result.status for result in results] == [Status.FAILED, Status.SKIPPED]


def test_any_executor_works(engine: FakeEngine) -> None:
    with ThreadPoolExecutor(2) as executor:
        results = run(engine, BASE, ALPHA, BETA, executor=executor)
    assert [result.status for result in results] == [Status.SUCCEEDED] * 3


def test_an_executor_thread_does_not_keep_the_process_alive() -> None:
    def is_daemon() -> bool:
        return threading.current_thread().daemon

    assert DaemonExecutor().submit(is_daemon).result(WAIT_SECONDS)


# interrupts


@pytest.fixture
def handlers() -> Iterator[dict[signal.Signals, Any]]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield before
    assert {number: signal.getsignal(number) for number in before} == before


def when(begun: threading.Event, act: Callable[[], object]) -> threading.Thread:
    """Call a function as soon as a unit has begun."""

    def wait_and_act() -> None:
        if begun.wait(WAIT_SECONDS):
            act()

    thread = threading.Thread(target=wait_and_act, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_after_the_operations_in_flight(
    engine: FakeEngine, handlers: dict[signal.Signals, Any], number: signal.Signals
) -> None:
    begun, _ = engine.blocks(BASE)
    when(begun, lambda: os.kill(os.getpid(), number))
    results = run(engine, BASE, ALPHA)
    assert told(results) == [
        ("base/dev", "cancelled", "base/dev was stopped: the run was interrupted"),
        ("app/alpha", "cancelled", "not started: the run was interrupted"),
    ]
    assert engine.interrupts == 1
    assert len(handlers) == 2


def test_a_unit_in_flight_that_completes_has_succeeded(engine: FakeEngine) -> None:
    interrupter = Interrupter()

    def finish(_request: UnitRequest, _sink: Sink) -> UnitOutcome:
        interrupter()
        return UnitOutcome(counts=ChangeCounts(create=1))

    engine.scripts[BASE] = finish
    results = run(engine, BASE, ALPHA, interrupter=interrupter)
    assert [result.status for result in results] == [Status.SUCCEEDED, Status.CANCELLED]


def test_a_warning_names_the_units_in_flight(engine: FakeEngine) -> None:
    heard: list[Event] = []
    interrupter = Interrupter()
    begun, _ = engine.blocks(BASE)
    when(begun, interrupter)
    run(engine, BASE, ALPHA, interrupter=interrupter, observer=heard.append)
    assert [event.message for event in heard if isinstance(event, Diagnostic)] == [
        "interrupted: waiting for the operations in flight on dev; no new operation starts"
    ]


def test_a_second_interrupt_ends_the_wait_and_never_reaches_the_engine(engine: FakeEngine) -> None:
    heard: list[Event] = []
    interrupter = Interrupter()
    begun, go_on = threading.Event(), threading.Event()

    def stubborn(_request: UnitRequest, _sink: Sink) -> None:
        begun.set()
        go_on.wait(WAIT_SECONDS)

    engine.scripts[BASE] = stubborn

    def twice() -> None:
        interrupter()
        interrupter()

    when(begun, twice)
    results = run(engine, BASE, ALPHA, interrupter=interrupter, observer=heard.append)
    go_on.set()
    assert told(results) == [
        ("base/dev", "cancelled", "interrupted twice: its result is not known"),
        ("app/alpha", "cancelled", "not started: the run was interrupted"),
    ]
    assert engine.interrupts == 1
    assert [event.message for event in heard if isinstance(event, Diagnostic)][1] == (
        "interrupted again: no longer waiting for dev, which completes its operations in flight"
    )


def test_a_unit_interrupted_by_another_command_skips_its_dependents(engine: FakeEngine) -> None:
    engine.interrupt()
    assert told(run(engine, BASE, ALPHA)) == [
        ("base/dev", "cancelled", "dev was not started: the run was interrupted"),
        ("app/alpha", "skipped", "not started: it waits for dev, which was interrupted"),
    ]


def test_a_run_in_another_thread_leaves_the_signals_alone(
    engine: FakeEngine, handlers: dict[signal.Signals, Any]
) -> None:
    inside: list[Any] = []
    engine.scripts[BASE] = lambda _request, _sink: inside.append(signal.getsignal(signal.SIGINT))
    thread = threading.Thread(target=lambda: inside.append(run(engine, BASE)[0].status))
    thread.start()
    thread.join(WAIT_SECONDS)
    assert inside == [handlers[signal.SIGINT], Status.SUCCEEDED]


def test_an_executor_that_runs_the_engine_in_other_processes_is_interrupted_once(engine: FakeEngine) -> None:
    class Remote(DaemonExecutor):
        interrupts = 0

        def interrupt(self) -> None:
            self.interrupts += 1

    remote, interrupter = Remote(), Interrupter()
    begun, go_on = engine.blocks(BASE)

    def twice() -> None:
        begun.wait(WAIT_SECONDS)
        interrupter()
        interrupter()

    threading.Thread(target=twice, daemon=True).start()
    (result,) = run(engine, BASE, executor=remote, interrupter=interrupter)
    go_on.set()
    assert (result.status, remote.interrupts) == (Status.CANCELLED, 1)
