"""Reports from the event log of the Pulumi CLI."""

from __future__ import annotations

import json

import pytest

from orchestrator.engines.automation.event_log import Progress, Stderr
from orchestrator.events import Diagnostic, UnitEvent
from orchestrator.model import Unit

TRACEBACK = ["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "    run()"]
CHAINED = "During handling of the above exception, another exception occurred:"


def diagnostic(severity: str, message: str) -> str:
    return json.dumps({"diagnosticEvent": {"severity": severity, "message": message}})


def test_the_traceback_of_an_interrupt_after_an_error_is_not_reported() -> None:
    heard: list[UnitEvent] = []
    progress = Progress(Unit("app", "alpha"), heard.append)
    progress.line(diagnostic("info#err", "printed by the program"))
    progress.line(diagnostic("error", "after hook failed"))
    progress.line(diagnostic("info#err", "Traceback (most recent call last):"))
    progress.line(diagnostic("info#err", "KeyboardInterrupt"))
    progress.line(diagnostic("info", "alpha-default rollout: 1 of 1 running"))
    assert [event.message for event in heard if isinstance(event, Diagnostic)] == [
        "printed by the program",
        "after hook failed",
        "alpha-default rollout: 1 of 1 running",
    ]
    assert progress.errors == [(None, "after hook failed")]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["hello", "", "again"], ["hello", "again"]),
        ([*TRACEBACK, "KeyboardInterrupt"], []),
        (
            ["first", *TRACEBACK, "KeyboardInterrupt", CHAINED, "", *TRACEBACK, "KeyboardInterrupt: now", "last"],
            ["first", "last"],
        ),
        ([*TRACEBACK, "ValueError: no", "next"], ["\n".join([*TRACEBACK, "ValueError: no"]), "next"]),
        (
            [*TRACEBACK, "KeyError: 1", CHAINED, *TRACEBACK, "ValueError: no"],
            ["\n".join([*TRACEBACK, "KeyError: 1"]), CHAINED, "\n".join([*TRACEBACK, "ValueError: no"])],
        ),
        ([CHAINED], [CHAINED]),
    ],
)
def test_only_tracebacks_of_an_interrupt_are_left_out(lines: list[str], told: list[str]) -> None:
    stderr = Stderr()
    assert [text for line in lines if (text := stderr.report(f"{line}\n\n"))] == told
