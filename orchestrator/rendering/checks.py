"""What `doctor` and `smoke` print. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.operations.health.verdicts import Check, Verdict, exit_code

_NAME_WIDTH = 15


def line(check: Check) -> str:
    """One check, and what to do about it."""
    text = f"{check.verdict.value:<4}  {check.name:<{_NAME_WIDTH}} {check.evidence}\n"
    return f"{text}{' ' * (7 + _NAME_WIDTH)}hint: {check.hint}\n" if check.hint else text


def summary(checks: Sequence[Check]) -> str:
    """How many of each."""
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    parts = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    return f"{', '.join(parts) or 'nothing was looked at'}\n"


def document(checks: Sequence[Check]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "exit_code": exit_code(checks),
        "checks": [
            {"name": check.name, "verdict": check.verdict.value, "evidence": check.evidence, "hint": check.hint}
            for check in checks
        ],
    }
