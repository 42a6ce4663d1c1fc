"""The result of a check of `doctor` or `smoke`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import OrchestratorError


class Verdict(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARN = "warn"
    """It works now and may fail later, or could not be checked."""

    FAIL = "fail"
    NOT_APPLICABLE = "n/a"
    """There is nothing to check."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check and its result."""

    name: str
    """Name, for example `certificate`."""

    verdict: Verdict
    evidence: str
    """The observation."""

    hint: str | None = None
    """The remedy of a problem."""


def ok(name: str, evidence: str) -> Check:
    """Return a check that passed."""
    return Check(name=name, verdict=Verdict.OK, evidence=evidence)


def warn(name: str, evidence: str, hint: str | None = None) -> Check:
    """Return a check that needs attention."""
    return Check(name=name, verdict=Verdict.WARN, evidence=evidence, hint=hint)


def fail(name: str, evidence: str, hint: str | None = None) -> Check:
    """Return a check that failed."""
    return Check(name=name, verdict=Verdict.FAIL, evidence=evidence, hint=hint)


def not_applicable(name: str, evidence: str) -> Check:
    """Return a check that does not apply."""
    return Check(name=name, verdict=Verdict.NOT_APPLICABLE, evidence=evidence)


def made(name: str, look: Callable[[], Check]) -> Check:
    """Return the check of `look`; an error for the user is a failed check."""
    try:
        return look()
    except OrchestratorError as error:
        return fail(name, error.message, error.hint)


def exit_code(checks: Sequence[Check]) -> int:
    """Return 1 if a check failed, else 0; warnings do not count."""
    return 1 if any(check.verdict is Verdict.FAIL for check in checks) else 0
