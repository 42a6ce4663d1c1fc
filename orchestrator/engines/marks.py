"""Marks: notes in the backend about the work of running orchestrators, for other users of the backend."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from orchestrator.config import documents
from orchestrator.engines import processes
from orchestrator.engines.processes import Process
from orchestrator.engines.records import HOLDER

LASTS = timedelta(hours=6)
"""Age after which a mark counts no more when its process is on a machine that cannot be checked."""


class Shelf(Protocol):
    """The file operations for marks."""

    @property
    def own_disk(self) -> bool:
        """Whether only this machine writes to the folder."""
        ...

    def names(self, prefix: str) -> list[str]:
        """Names of all files below a folder."""
        ...

    def read(self, name: str) -> bytes | None:
        """The content of a file; None when it does not exist."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one step."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file if it exists."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The work of one orchestrator."""

    name: str
    process: Process
    runs: bool | None
    """Whether the process runs; None when this machine cannot tell."""

    since: datetime
    says: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.process.username}@{self.process.hostname} (pid {self.process.pid}, since {self.since:%Y-%m-%d %H:%M:%S %Z})"


@dataclass(frozen=True, kw_only=True)
class _Document:
    process: Process
    since: documents.Moment
    says: dict[str, Any]


class Marks:
    """The marks below one folder."""

    def __init__(self, shelf: Shelf, folder: str) -> None:
        self._shelf, self._folder = shelf, folder

    def set(self, name: str, says: Mapping[str, Any]) -> None:
        """Set a mark for this process. Raises StateError."""
        now = datetime.now(UTC).isoformat()
        document = {"process": processes.this_process().document(), "since": now, "says": dict(says)}
        self._shelf.write(self._file(name), json.dumps(document).encode())

    def remove(self, name: str) -> None:
        """Remove a mark if it exists. Raises StateError."""
        self._shelf.delete(self._file(name))

    def below(self, prefix: str) -> tuple[Mark, ...]:
        """The marks whose process runs or may run. Marks of dead processes are removed."""
        found: list[Mark] = []
        for file in self._shelf.names(f"{self._folder}/{prefix}"):
            mark = self._mark(file)
            if mark is None:
                continue
            if mark.runs is False or (mark.runs is None and datetime.now(UTC) - mark.since > LASTS):
                with contextlib.suppress(Exception):  # another process removes it, or it stays without effect
                    self._shelf.delete(file)
            else:
                found.append(mark)
        return tuple(found)

    def _mark(self, file: str) -> Mark | None:
        try:
            said = documents.decoded(_Document, self._shelf.read(file) or b"")
        except documents.DamagedError:
            return None
        runs = processes.runs(said.process, own_disk=self._shelf.own_disk)
        name = file.removeprefix(f"{self._folder}/").removesuffix(".json")
        return Mark(name=name, process=said.process, runs=runs, since=said.since, says=said.says)

    def _file(self, name: str) -> str:
        return f"{self._folder}/{name}.json"


def claimed(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a claim by this process."""
    return {**tags, HOLDER: json.dumps(processes.this_process().document(), separators=(",", ":"))}


def claim_is_over(tags: Mapping[str, str]) -> bool:
    """Whether the process of a claim has certainly ended."""
    try:
        return processes.runs(documents.decoded(Process, tags[HOLDER].encode())) is False
    except (documents.DamagedError, KeyError, UnicodeEncodeError):
        return False
