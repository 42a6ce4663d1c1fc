"""What is told of the real engine's event log."""

from __future__ import annotations

import json

from orchestrator.engines.automation.progress import Progress
from orchestrator.events import Diagnostic, UnitEvent
from orchestrator.model import Unit


def diagnostic(severity: str, message: str) -> str:
    return json.dumps({"diagnosticEvent": {"severity": severity, "message": message}})


def test_the_programs_complaint_of_being_stopped_after_an_error_is_not_told() -> None:
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
