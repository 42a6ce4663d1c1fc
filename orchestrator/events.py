"""The events of a run, for observers. The layers below the command line never print, prompt or exit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from orchestrator.model import ChangeOp, Operation, Unit, UnitResult


@dataclass(frozen=True, kw_only=True)
class PlanReady:
    """The units of the run and their order are known; nothing has changed yet."""

    operation: Operation
    units: tuple[Unit, ...]
    existing: frozenset[Unit]
    """Units that already have resources, whether they are read or updated."""


@dataclass(frozen=True, kw_only=True)
class UnitStarted:
    """The operation of a unit starts."""

    unit: Unit
    operation: Operation
    expected: int | None = None
    """The expected number of resources, when a state or a preview is known."""


@dataclass(frozen=True, kw_only=True)
class ResourceEvent:
    """The operation on one resource started, ended or failed."""

    unit: Unit
    urn: str
    type: str
    name: str
    op: ChangeOp
    phase: Literal["started", "done", "failed"]
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """A message of the program, a provider, a hook or the engine."""

    unit: Unit | None
    severity: Literal["info", "warning", "error"]
    message: str
    urn: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnitFinished:
    """The operation of a unit ended, with any status."""

    result: UnitResult


UnitEvent = ResourceEvent | Diagnostic
"""The events that an engine emits during one operation."""

Event = PlanReady | UnitStarted | UnitEvent | UnitFinished


class Observer(Protocol):
    """Receives the events of a run, from several threads at once; it must return quickly and raise nothing."""

    def __call__(self, event: Event, /) -> None: ...


def ignore(_event: Event) -> None:
    """An observer that does nothing, for callers that need only the report."""
