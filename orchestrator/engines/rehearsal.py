"""Rehearsals: the programs of updates are simulated before anything is touched. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.errors import OrchestratorError
from orchestrator.model import StackResource, Unit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An update whose program is rehearsed."""

    unit: Unit
    config: str | None = field(default=None, repr=False)
    """Text of the configuration that the update will have; None: the file of the stack."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The result of a rehearsal: resources, a refusal, or the reason why there was none."""

    resources: tuple[StackResource, ...] = field(default=(), repr=False)
    """The resources that the stack would have, with every value known."""

    refusal: OrchestratorError | None = None
    """Why the update cannot succeed."""

    traceback: str = field(default="", repr=False)
    """The place at which the program failed."""

    skipped: str | None = None
    """Why the program could not be simulated. The update may still succeed."""
