"""The progress of a run."""

from __future__ import annotations

import io

from orchestrator.cli.progress import Progress
from orchestrator.console import Console
from orchestrator.events import Diagnostic, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.model import ChangeCounts, ChangeOp, Operation, Status, Unit, UnitResult

UNIT = Unit("app", "alpha")
TOPIC = "aws:sns/topic:Topic"


def resource(name: str, op: ChangeOp, phase: str) -> ResourceEvent:
    return ResourceEvent(unit=UNIT, urn=f"urn::{name}", type=TOPIC, name=name, op=op, phase=phase)  # type: ignore[arg-type]


def shown(*events: object, verbose: bool = False, quiet: bool = False) -> str:
    err = io.StringIO()
    progress = Progress(Console(verbose=verbose, quiet=quiet, out=io.StringIO(), err=err))
    for event in events:
        progress(event)  # type: ignore[arg-type]
    return err.getvalue()


RUN = (
    PlanReady(operation=Operation.UP, units=(UNIT,), existing=frozenset()),
    UnitStarted(unit=UNIT, operation=Operation.UP),
    resource("topic", ChangeOp.CREATE, "started"),
    resource("topic", ChangeOp.CREATE, "done"),
    resource("kept", ChangeOp.SAME, "done"),
    Diagnostic(unit=UNIT, severity="info", message="alpha release | Applying 0001... OK"),
    resource("broken", ChangeOp.UPDATE, "failed"),
    UnitFinished(
        result=UnitResult(
            unit=UNIT,
            operation=Operation.UP,
            status=Status.FAILED,
            duration_seconds=1.25,
            counts=ChangeCounts(create=1, same=1),
        )
    ),
)


def test_plain_lines_report_start_messages_failures_and_end() -> None:
    assert shown(*RUN) == (
        "alpha: update starts\n"
        "alpha: alpha release | Applying 0001... OK\n"
        "alpha: update of broken failed\n"
        "alpha: failed (1 created, 1 unchanged, 1.2 s)\n"
    )


def test_verbose_reports_every_changed_resource() -> None:
    assert "alpha: create sns/topic:Topic topic\n" in shown(*RUN, verbose=True)
    assert "kept" not in shown(*RUN, verbose=True)


def test_quiet_prints_nothing() -> None:
    assert shown(*RUN, quiet=True) == ""


def test_a_long_silence_ends_with_the_current_resource() -> None:
    err, now = io.StringIO(), [0.0]
    progress = Progress(Console(out=io.StringIO(), err=err), clock=lambda: now[0])
    progress(RUN[0])  # type: ignore[arg-type]
    progress(RUN[1])  # type: ignore[arg-type]
    progress(RUN[2])  # type: ignore[arg-type]
    now[0] = 29.0
    progress.sign_of_life()
    assert "still running" not in err.getvalue()
    now[0] = 30.0
    progress.sign_of_life()
    assert err.getvalue().endswith("alpha: still running, 0 done, now: create topic (30 s)\n")
