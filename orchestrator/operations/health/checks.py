"""What `doctor` and `smoke` have in common: a line about one thing, and how an error becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import OrchestratorError


class Verdict(StrEnum):
    """How it is with the thing."""

    OK = "ok"
    WARN = "warn"
    """It works and may not for long, or could not be looked at."""

    FAIL = "fail"
    NOT_APPLICABLE = "n/a"
    """There is no such thing here."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    """What, for example `certificate`."""

    verdict: Verdict
    evidence: str
    """What was seen."""

    hint: str | None = None
    """What to do, unless all is well."""


def ok(name: str, evidence: str) -> Check:
    """All is well."""
    return Check(name=name, verdict=Verdict.OK, evidence=evidence)


def warn(name: str, evidence: str, hint: str | None = None) -> Check:
    """It needs attention."""
    return Check(name=name, verdict=Verdict.WARN, evidence=evidence, hint=hint)


def fail(name: str, evidence: str, hint: str | None = None) -> Check:
    """It does not work."""
    return Check(name=name, verdict=Verdict.FAIL, evidence=evidence, hint=hint)


def not_applicable(name: str, evidence: str) -> Check:
    """There is nothing to look at."""
    return Check(name=name, verdict=Verdict.NOT_APPLICABLE, evidence=evidence)


def made(name: str, look: Callable[[], Check]) -> Check:
    """What `look` found; an error that a user can act on is a failure."""
    try:
        return look()
    except OrchestratorError as error:
        return fail(name, error.message, error.hint)


def exit_code(checks: Sequence[Check]) -> int:
    """1 when something failed; warnings are none."""
    return 1 if any(check.verdict is Verdict.FAIL for check in checks) else 0
