"""The owner of a Pulumi lock, and whether that engine still runs.

A Pulumi lock contains a host name and a process id, which containers can share and which are used again after a reboot. So the
orchestrator writes a note beside the state for each engine that it starts, and a lock is checked with the note of its engine.
A lock without a note, from `pulumi` itself, is checked only when no other machine or container can have made it.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.config import documents
from orchestrator.engines import processes
from orchestrator.engines.automation.storage import Files
from orchestrator.engines.processes import Process
from orchestrator.errors import LockOwner

_LOCKING = frozenset({"up", "destroy", "refresh", "import", "rm"})
FOLDER = ".pulumi/orchestrator/engines"


@dataclass(frozen=True, kw_only=True)
class Note:
    """An engine that an orchestrator started on a stack and whose end it has not recorded."""

    name: str
    process: Process
    operation: str
    """The command of the CLI: up, destroy, refresh, import, rm."""

    since: datetime
    runs: bool | None


@dataclass(frozen=True, kw_only=True)
class _Document(Process):
    """The content of a note."""

    operation: str
    since: documents.Moment


class Notes:
    """The notes of engines in a backend."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add(self, project: str, stack: str, pid: int, operation: str) -> str:
        """Write the note of an engine that was started; returns the note's name."""
        name = f"{FOLDER}/{project}/{stack}/{pid}-{uuid.uuid4().hex[:12]}.json"
        said = {**processes.of_pid(pid).document(), "operation": operation, "since": datetime.now(UTC).isoformat()}
        self._files.write(name, json.dumps(said).encode())
        return name

    def remove(self, name: str) -> None:
        """Remove the note of an engine that has ended."""
        self._files.delete(name)

    def clear(self, project: str, stack: str) -> None:
        """Remove the notes of dead engines after a later operation on the stack has finished."""
        for note in self.of(project, stack):
            if note.runs is False:
                self._files.delete(note.name)

    def noted(self) -> frozenset[tuple[str, str]]:
        """Project and name of every stack with a note."""
        parts = [name.removeprefix(f"{FOLDER}/").split("/") for name in self._files.names(FOLDER)]
        return frozenset((part[0], part[1]) for part in parts if len(part) == 3)

    def of(self, project: str, stack: str) -> list[Note]:
        """The stack's notes, without those that cannot be read."""
        found: list[Note] = []
        for name in self._files.names(f"{FOLDER}/{project}/{stack}"):
            try:
                said = documents.decoded(_Document, self._files.read(name) or b"")
            except documents.DamagedError:
                continue
            running = processes.runs(said, own_disk=self._files.own_disk)
            found.append(Note(name=name, process=said, operation=said.operation, since=said.since, runs=running))
        return found


def operation_of(words: Sequence[str]) -> tuple[str, str] | None:
    """Operation and stack of a CLI command that locks a stack; None for any other command."""
    found = [word for word in words if not word.startswith("-")][1:]
    operation = found[1] if found[:1] == ["stack"] and len(found) > 1 else (found or [""])[0]
    if operation not in _LOCKING:
        return None
    return operation, words[words.index("--stack") + 1] if "--stack" in words else found[-1]


def alive(hostname: str, pid: int, notes: Sequence[Note], *, own_disk: bool) -> bool | None:
    """Whether the engine of a lock runs; False only when it has certainly ended, None when unknown."""
    of_it = [note.runs for note in notes if (note.process.hostname, note.process.pid) == (hostname, pid)]
    if of_it:
        return next((answer for answer in (True, None) if answer in of_it), False)
    if hostname != socket.gethostname():
        return None
    if processes.this_process().boot is None:  # not Linux: only host name and id are known
        return processes.runs(Process(username="", hostname=hostname, pid=pid))
    if processes.pulumi_with(pid):
        return True
    return False if own_disk and processes.sees_all() else None


def unnamed(notes: Sequence[Note], *, own_disk: bool) -> LockOwner:
    """The owner of a lock that is empty or no JSON, or of the temporary file of a lock.

    A full disk or a power cut leaves such a file, and the engine that wrote it has never held the lock or has ended. An
    engine whose write takes this moment is noted. On a shared disk, the engine of another machine may still run.
    """
    answers = {note.runs for note in notes} | {False if own_disk else None}
    runs = True if True in answers else None if None in answers else False
    return LockOwner(username="", hostname="", pid=0, since=None, alive=runs)
