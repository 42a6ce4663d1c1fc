"""The simulation's state on disk: one file per stack, written atomically, locked while an operation runs.

A file has two lines of JSON: a short head (tags, outputs, counts) and the resources. `list` reads only heads, so hundreds of
stacks are listed quickly. The head contains the length of the body; a file of another length is damaged.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Required, TypedDict

import filelock

from orchestrator.config import documents
from orchestrator.config.atomic_files import create_private_folder, write_atomically
from orchestrator.engines import processes
from orchestrator.engines.marks import Marks, claim_is_over, claimed
from orchestrator.errors import LockOwner, StackLockedError, StateError, UnreadableStateError
from orchestrator.model import SECRET_MASK, StackResource, Unit

VERSION = 1

PATIENCE_SECONDS = 30
"""Longest wait for a lock that is held only briefly."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The part of a stack that `list` needs."""

    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    secret_outputs: Sequence[str] = ()
    resource_count: int = 0
    last_update: str | None = None
    succeeded: bool = True
    references: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.last_update is not None:
            datetime.fromisoformat(self.last_update)


@dataclass(frozen=True, kw_only=True)
class _FirstLine:
    version: int
    body_bytes: int
    head: Head


@dataclass(frozen=True, kw_only=True)
class _Owner:
    """The content of the file beside a lock."""

    username: str
    hostname: str
    pid: int
    since: datetime


class Kept(TypedDict, total=False):
    """A resource as JSON: the fields of `SimulatedResource` that do not have their default."""

    urn: Required[str]
    type: Required[str]
    name: Required[str]
    parent: Required[str]
    inputs: Required[dict[str, Any]]
    secret_inputs: list[str]
    outputs: dict[str, Any]
    secret_outputs: list[str]
    id: str
    revision: int
    custom: bool
    remote: bool
    read: bool
    provider: str
    dependencies: list[str]
    property_dependencies: dict[str, list[str]]
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    ignore_changes: list[str]
    replace_on_changes: list[str]
    additional_secret_outputs: list[str]
    aliases: list[Any]
    custom_timeouts: dict[str, str]
    import_id: str
    version: str
    hooks: dict[str, list[str]]


Resources = Mapping[str, Kept]
"""Resources of a stack as JSON, by URN, in the order of their creation."""


class Store:
    """Reads and writes the stacks below one folder, `<folder>/<project key>/<stack>.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.marks = Marks(_Shelf(folder), "marks")
        """Marks of running orchestrators."""

    def units(self, projects: Sequence[str]) -> list[Unit]:
        """Every stack of these projects, in order."""
        found = [Unit(key, path.stem) for key in projects for path in (self._folder / key).glob("*.jsonl")]
        return sorted(found)

    def closed(self, project: str) -> UnreadableStateError | None:
        """The reason why this user cannot list the project's stacks, or None."""
        folder = self._folder / project
        try:
            os.scandir(folder).close()
        except FileNotFoundError:
            return None
        except OSError as error:
            return UnreadableStateError(
                f"the simulated state cannot be read: {error.strerror or error} ({folder})", "check its permissions"
            )
        return None

    def exists(self, unit: Unit) -> bool:
        """Whether the stack exists."""
        return self._path(unit).exists()

    def stamp(self, unit: Unit) -> str | None:
        """A text that changes whenever the stack's file changes; None when the stack does not exist."""
        try:
            status = self._path(unit).stat()
            return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
        except OSError:
            return None

    def head(self, unit: Unit) -> Head:
        """The stack's head; StateError when the file is damaged."""
        line, size = self._first_line(unit)
        try:
            document = documents.decoded(_FirstLine, line)
        except documents.DamagedError as error:
            raise self._damaged(unit, f"first line: {error}") from None
        if document.version != VERSION:
            raise self._damaged(unit, f"its format has version {document.version}, and this program supports {VERSION}")
        if size != len(line) + document.body_bytes:
            raise self._damaged(unit, "the file is shorter or longer than its first line says")
        return document.head

    def _first_line(self, unit: Unit) -> tuple[bytes, int]:
        """The first line, and the size of the file."""
        path = self._path(unit)
        try:
            with documents.opened(path) as file:
                return file.readline(documents.MOST_BYTES), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise self._unreadable(unit, error) from error

    def resources(self, unit: Unit) -> Resources:
        """The stack's resources; StateError when the file is damaged."""
        self.head(unit)
        try:
            return documents.decoded(dict[str, Kept], documents.read(self._path(unit)).partition(b"\n")[2])
        except documents.DamagedError as error:
            raise self._damaged(unit, f"second line: {error}") from None
        except OSError as error:
            raise self._unreadable(unit, error) from error

    def write(self, unit: Unit, head: Head, resources: Resources) -> None:
        """Replace the stack's state in one step. On failure the old state stays intact."""
        body = json.dumps(resources, separators=(",", ":")).encode()
        document = {"version": VERSION, "body_bytes": len(body), "head": asdict(head)}
        path = self._path(unit)
        try:
            create_private_folder(path.parent)
            write_atomically(path, json.dumps(document, separators=(",", ":")).encode() + b"\n" + body, private=True)
        except OSError as error:
            raise StateError(
                f"the state of {unit} could not be written: {error.strerror or error}",
                f"the state before this operation is intact; free disk space or fix the permissions of {path.parent}, "
                "then run the command again",
            ) from error

    def digest(self, unit: Unit) -> str | None:
        """A digest of the stack's outputs and resources, without its record; None when it cannot be read."""
        try:
            head = replace(self.head(unit), tags={}, last_update=None)
            body = documents.read(self._path(unit)).partition(b"\n")[2]
            return hashlib.sha256(json.dumps(asdict(head)).encode() + body).hexdigest()
        except (OSError, StateError):
            return None

    def reading_file(self, unit: Unit) -> Path:
        """The file with what the program of the stack's last update read."""
        return self._path(unit).with_suffix(".read")

    def history_file(self, unit: Unit) -> Path:
        """The file with the history of the stack."""
        return self._path(unit).with_suffix(".history")

    def remove(self, unit: Unit) -> None:
        """Remove the stack with its history."""
        self.history_file(unit).unlink(missing_ok=True)
        self.reading_file(unit).unlink(missing_ok=True)
        self._path(unit).unlink(missing_ok=True)

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        """Hold a named lock. Raises StackLockedError when another process holds it for long."""
        try:
            create_private_folder(self._folder)
            with filelock.FileLock(self._folder / f"{name}.lock", timeout=PATIENCE_SECONDS):
                yield
        except filelock.Timeout:
            raise StackLockedError(
                f"{name} is locked by another orchestrator for more than {PATIENCE_SECONDS} seconds",
                "run the command again",
            ) from None
        except OSError as error:
            raise StateError(
                f"the state in {self._folder} cannot be written: {error.strerror or error}", "make it writable"
            ) from error

    def claim(self, unit: Unit, tags: Mapping[str, str]) -> None:
        """Store the tags of a stack that is about to be created."""
        path = self._path(unit).with_suffix(".claim")
        try:
            create_private_folder(path.parent)
            write_atomically(path, json.dumps(claimed(tags)).encode(), private=True)
        except OSError as error:
            raise StateError(
                f"the state of {unit} could not be written: {error.strerror or error}",
                f"free disk space or fix the permissions of {path.parent}, then run the command again",
            ) from error

    def unclaim(self, unit: Unit) -> None:
        """Remove the claim of a stack."""
        self._path(unit).with_suffix(".claim").unlink(missing_ok=True)

    def claims(self, projects: Sequence[str]) -> dict[Unit, dict[str, str]]:
        """Tags of stacks that are about to be created."""
        found: dict[Unit, dict[str, str]] = {}
        for key in projects:
            for path in sorted((self._folder / key).glob("*.claim")):
                with contextlib.suppress(OSError, ValueError):
                    found[Unit(key, path.stem)] = documents.decoded(dict[str, str], documents.read(path))
        return {unit: tags for unit, tags in found.items() if not self.exists(unit) and not claim_is_over(tags)}

    @contextlib.contextmanager
    def locked(self, unit: Unit, patience: float = 0) -> Generator[None]:
        """Lock the stack for one operation. Raises StackLockedError when another process holds the lock longer than `patience`
        seconds.

        It is a lock of the operating system, which frees it when its owner ends.
        """
        path = self._path(unit)
        owner, lock = path.with_suffix(".owner"), filelock.FileLock(path.with_suffix(".lock"), timeout=patience)
        try:
            create_private_folder(path.parent)
            lock.acquire()
            owner.write_text(json.dumps(_this_process()), encoding="utf-8")
        except filelock.Timeout:
            held_by = self.lock_owner(unit)
            raise StackLockedError(
                f"{unit.stack} is locked: {held_by or 'another process'} is running an operation on it",
                "wait until that operation ends, then run the command again",
                owner=held_by,
            ) from None
        except OSError as error:
            lock.release()
            raise StateError(
                f"the state of {unit} cannot be written: {error.strerror or error}",
                f"make {path.parent} writable, or use another folder with --project-dir",
            ) from error
        try:
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        """The process that runs an operation on the stack, or None."""
        path = self._path(unit)
        try:
            said = documents.decoded(_Owner, documents.read(path.with_suffix(".owner")))
        except (OSError, documents.DamagedError):
            return None
        owner = LockOwner(username=said.username, hostname=said.hostname, pid=said.pid, since=said.since, alive=True)
        try:
            with filelock.FileLock(path.with_suffix(".lock"), timeout=0):
                return None
        except filelock.Timeout:
            return owner

    def _path(self, unit: Unit) -> Path:
        return self._folder / unit.project / f"{unit.stack}.jsonl"

    def _damaged(self, unit: Unit, why: str) -> StateError:
        return StateError(
            f"the simulated state of {unit} is damaged: {why} ({self._path(unit)})",
            f"remove {self._path(unit)} and create the stack again; nothing exists in AWS",
        )

    def _unreadable(self, unit: Unit, error: OSError) -> UnreadableStateError:
        return UnreadableStateError(
            f"the simulated state of {unit} cannot be read: {error.strerror or error} ({self._path(unit)})",
            "check its permissions",
        )


class _Shelf:
    """The files for marks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def own_disk(self) -> bool:
        return processes.on_own_disk(self._folder)

    def names(self, prefix: str) -> list[str]:
        found = (self._folder / prefix).rglob("*.json")
        return sorted(str(path.relative_to(self._folder)) for path in found if not path.name.startswith("."))

    def read(self, name: str) -> bytes | None:
        try:
            return documents.read(self._folder / name)
        except OSError:
            return None

    def write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content, private=True)
        except OSError as error:
            raise StateError(
                f"the state in {self._folder} cannot be written: {error.strerror or error}", "make it writable"
            ) from error

    def delete(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)


def _this_process() -> dict[str, Any]:
    return {
        "username": getpass.getuser(),
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def stack_resource(urn: str, kept: Mapping[str, Any]) -> StackResource:
    """A kept resource, with its secret inputs masked."""
    secret = set(kept.get("secret_inputs", ()))
    inputs = {key: SECRET_MASK if key in secret else value for key, value in kept["inputs"].items()}
    return StackResource(
        urn=urn,
        type=kept["type"],
        name=kept["name"],
        id=kept.get("id"),
        parent=kept.get("parent") or None,
        dependencies=tuple(kept.get("dependencies", ())),
        protect=kept.get("protect", False),
        retain_on_delete=kept.get("retain_on_delete", False),
        inputs=inputs,
    )
