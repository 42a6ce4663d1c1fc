"""Remembers rehearsals of the real engine. While nothing that they read has changed, the same update runs no program twice.

The files may be deleted at any time. `ORCHESTRATOR_ALWAYS_SIMULATE=1` in the environment ignores them.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.config import documents
from orchestrator.config.atomic_files import write_atomically
from orchestrator.engines.protocol import Rehearsal
from orchestrator.engines.simulation import repeats
from orchestrator.engines.simulation.trace import Trace
from orchestrator.model import StackResource, Unit

log = logging.getLogger(__name__)

_VERSION = 1

StackOutputs = Mapping[str, tuple[Mapping[str, Any], Sequence[str]]]
"""The outputs of existing stacks by reference name, with the names of the secret ones."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """The reads of a simulated program."""

    trace: Trace | None
    """The files; None when another run can differ."""

    references: tuple[str, ...]
    """Reference names of the stacks whose outputs it read."""


@dataclass(frozen=True, kw_only=True)
class _Program:
    unit: str
    given: str
    trace: Trace
    outputs: dict[str, str]
    resources: tuple[StackResource, ...]


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """The content of a file."""

    version: int
    programs: tuple[_Program, ...]


@dataclass(frozen=True)
class Memory:
    """The rehearsals of runs in one project folder, a file for each combination of stacks."""

    folder: Path
    given: Mapping[Unit, str]
    """Digest of what each program receives, in the order of the run."""

    stacks: StackOutputs

    @property
    def _file(self) -> Path:
        return self.folder / f"{repeats.digest_of([str(unit) for unit in self.given])[:32]}.json"

    def load(self) -> dict[Unit, Rehearsal] | None:
        """The rehearsals of the last run, if its programs would read the same now."""
        if os.environ.get(repeats.VARIABLE, "0") not in ("", "0"):
            return None
        try:
            kept = documents.decoded(_Kept, documents.read(self._file))
        except (OSError, documents.DamagedError):
            return None
        programs = {program.unit: program for program in kept.programs}
        same = kept.version == _VERSION and [*programs] == [str(unit) for unit in self.given]
        if not same or not all(self._holds(programs[str(unit)], given) for unit, given in self.given.items()):
            return None
        return {unit: Rehearsal(resources=programs[str(unit)].resources) for unit in self.given}

    def _holds(self, program: _Program, given: str) -> bool:
        outputs = {name: repeats.digest_of(self.stacks.get(name)) for name in program.outputs}
        return program.given == given and program.outputs == outputs and program.trace.holds

    def save(self, found: Mapping[Unit, Rehearsal], noted: Mapping[Unit, Noted]) -> None:
        """Remember the rehearsals, or forget those of the last run when one of these cannot be repeated."""
        programs: list[_Program] = []
        for unit, given in self.given.items():
            rehearsal, note = found.get(unit), noted.get(unit)
            if rehearsal is None or note is None or note.trace is None:
                continue
            outputs = {name: repeats.digest_of(self.stacks.get(name)) for name in note.references}
            resources = rehearsal.resources
            programs.append(
                _Program(unit=str(unit), given=given, trace=note.trace, outputs=outputs, resources=resources)
            )
        try:
            if len(programs) < len(self.given):
                self._file.unlink(missing_ok=True)
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = _Kept(version=_VERSION, programs=tuple(programs))
            write_atomically(self._file, json.dumps(asdict(kept)), private=True)
        except (OSError, TypeError, ValueError):
            log.debug("a rehearsal could not be noted", exc_info=True)
