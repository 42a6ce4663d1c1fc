"""The orchestrator of one call of a tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.api import Orchestrator
from orchestrator.events import Observer, ignore


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The options with which each call opens the orchestrator. Settings are read again each time, so that edits count at once.

    Production may not be changed: `allow_prod` is not part of it.
    """

    where: Path | None = None
    engine: str | None = None
    wait: str | None = None

    def orchestrator(self, observer: Observer = ignore) -> Orchestrator:
        """A new orchestrator. Raises the errors of `orchestrator.errors`."""
        return Orchestrator(self.where, engine=self.engine, wait=self.wait, observer=observer)
