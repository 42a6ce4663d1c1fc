"""What an observer hears while a run is under way. The engine layer never prints, prompts or exits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from orchestrator.model import ChangeOp, Operation, Unit, UnitResult


@dataclass(frozen=True, kw_only=True)
class PlanReady:
    """The units of the run and their order are known; nothing was touched yet."""

    operation: Operation
    units: tuple[Unit, ...]
    existing: frozenset[Unit]
    """Units that already have resources and are only read, or updated."""


@dataclass(frozen=True, kw_only=True)
class UnitStarted:
    """A unit's operation begins."""

    unit: Unit
    operation: Operation
    expected: int | None = None
    """How many resources the unit is expected to have, when a state or a preview tells."""


@dataclass(frozen=True, kw_only=True)
class ResourceEvent:
    """One resource began, ended or failed."""

    unit: Unit
    urn: str
    type: str
    name: str
    op: ChangeOp
    phase: Literal["started", "done", "failed"]
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """A message of the program, a provider, a hook or the engine itself."""

    unit: Unit | None
    severity: Literal["info", "warning", "error"]
    message: str
    urn: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnitFinished:
    """A unit ended, in whatever way."""

    result: UnitResult


UnitEvent = ResourceEvent | Diagnostic
"""What an engine emits during one operation."""

Event = PlanReady | UnitStarted | UnitEvent | UnitFinished


class Observer(Protocol):
    """Hears the events of a run, from several threads at once; must not raise and must return quickly."""

    def __call__(self, event: Event, /) -> None: ...


def ignore(_event: Event) -> None:
    """The observer of those who only want the report."""
