"""Runs one operation on one unit, and returns its result. Every executor runs `run_unit`; this one, in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, Literal, TypeVar

from orchestrator.engines.protocol import Engine, Sink, UnitRequest
from orchestrator.errors import EngineUnavailableError, InterruptedRunError, OrchestratorError
from orchestrator.events import ResourceEvent, UnitEvent
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Operation,
    ResourceChange,
    Status,
    Unit,
    UnitOutcome,
    UnitResult,
)

T = TypeVar("T")

log = logging.getLogger(__name__)


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
        changes = tuple(
            change for change in touched if change.op not in (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)
        )
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
