"""How far a saved plan was carried out: noted before and after each unit, so that `apply` goes on after a kill."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import yaml_files
from orchestrator.model import Unit

if TYPE_CHECKING:
    from orchestrator.lifecycle.job import Job

FILE = "progress.json"
_GUARD = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far one unit got."""

    done: bool
    ended: bool
    """False when it was killed: nobody saw what state it left."""

    state: str | None
    """The state's fingerprint when it ended."""


@dataclass(frozen=True)
class PlanProgress:
    """The notes in a plan's folder."""

    folder: Path

    @classmethod
    def of(cls, job: Job) -> PlanProgress | None:
        """The notes of a job that carries out a saved plan; None for any other job."""
        return cls(job.plans) if job.plans and job.command == "apply" else None

    def read(self) -> dict[Unit, Reached]:
        """Every unit that was begun; nothing when the notes cannot be read."""
        found: dict[Unit, Reached] = {}
        for name, said in self._document().items():
            project, slash, stack = name.partition("/")
            if slash and isinstance(said, str):  # as it was written before units were noted when they begin
                found[Unit(project, stack)] = Reached(done=True, ended=True, state=said)
            elif slash and isinstance(said, dict):
                found[Unit(project, stack)] = Reached(
                    done=bool(said.get("done")), ended=bool(said.get("ended")), state=said.get("state")
                )
        return found

    def begin(self, unit: Unit) -> None:
        """The unit's operation begins. Raises SettingsError."""
        self._note(unit, {"done": False})

    def end(self, unit: Unit, state: str | None, *, done: bool) -> None:
        """The unit's operation ended and left that state. Raises SettingsError."""
        self._note(unit, {"done": done, "ended": True, "state": state})

    def _note(self, unit: Unit, said: Mapping[str, Any]) -> None:
        with _GUARD:
            document = {**self._document(), str(unit): dict(said)}
            yaml_files.write_text(self.folder / FILE, json.dumps(document))

    def _document(self) -> dict[str, Any]:
        try:
            document: Any = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            return document if isinstance(document, dict) else {}
        except (OSError, ValueError):
            return {}
