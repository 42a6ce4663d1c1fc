"""Reads and writes a DIY backend (`file://`, `s3://`) without the CLI: checkpoints, tags, locks.

Layout (pkg/backend/diy): `.pulumi/stacks/<project>/<stack>.json` (or `.json.gz`, `.json.zst`), `.pulumi/stacks/<project>/<stack>.pulumi-tags`,
`.pulumi/locks/organization/<project>/<stack>/<uuid>.json`. Tags without a stack are a claim: the stack is about to be
created.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.config import documents, yaml_files
from orchestrator.engines import history
from orchestrator.engines.automation import backend_address, lock_owners, state_formats, stored
from orchestrator.engines.automation.backend_answers import Ending, Listing, Lock
from orchestrator.engines.automation.lock_owners import Note, Notes
from orchestrator.engines.automation.state_formats import UnknownFormatError
from orchestrator.engines.automation.storage import Files, LocalFiles, S3Files, Seen
from orchestrator.engines.marks import Marks
from orchestrator.errors import EngineUnavailableError, LockOwner, StateError, UnreadableStateError

STACKS, LOCKS, HISTORY = ".pulumi/stacks", ".pulumi/locks/organization", ".pulumi/history"
META, LAYOUT = ".pulumi/meta.yaml", 1
"""File with the version of the backend's layout. In layout 1 each stack is below its project."""

OWN, TAGS = ".pulumi/orchestrator", ".pulumi-tags"
TAGS_VERSION = 1
CHECKPOINT_VERSIONS = (3, 4)
"""Supported versions. Version 4 is version 3 with a list of features, such as the hooks that this package uses."""

LEAST_ROOM_BYTES = 256 * 1024
_AT_ONCE = 16
COPIES = 4
"""Number of copies of a checkpoint: the CLI writes the new one beside the old one, a backup and a history entry."""


class Backend:
    """One DIY backend."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.notes = Notes(files)
        """Notes of engines that were started on the stacks."""

        self.marks = Marks(files, f"{OWN}/marks")
        """Marks of running orchestrators."""

    def stacks(self, project: str) -> list[str]:
        """Names of the project's stacks, including those whose state has an unknown format."""
        folder = f"{STACKS}/{project}/"
        names = (name.removeprefix(folder) for name in self._files.names(folder.rstrip("/")))
        return sorted(state_formats.stacks_of(name for name in names if "/" not in name))

    def closed(self, project: str) -> UnreadableStateError | None:
        """The reason why this user cannot list the project's stacks, or None."""
        return self._files.closed(f"{STACKS}/{project}")

    @property
    def distant(self) -> bool:
        """Whether each access is slow."""
        return isinstance(self._files, S3Files)

    def listing(self, project: str) -> Listing:
        """The project's stacks: a stamp of each checkpoint, which changes with it, and the stacks with tags."""
        folder = f"{STACKS}/{project}/"
        seen = {name.removeprefix(folder): stamp for name, stamp in self._files.stamps(folder.rstrip("/")).items()}
        files = state_formats.stacks_of(file for file in seen if "/" not in file)
        tagged = (file.removesuffix(TAGS) for file in seen if file.endswith(TAGS))
        stamps = {stack: " ".join(seen[file] for file in sorted(found)) for stack, found in files.items()}
        return Listing(stamps=stamps, tagged=frozenset(tagged))

    def stamp(self, project: str, stack: str) -> str | None:
        """The stamp of one stack's checkpoint; None without a checkpoint."""
        found = self._forms(project, stack)
        return " ".join(found[name].stamp for name in sorted(found)) or None

    def _forms(self, project: str, stack: str) -> Mapping[str, Seen]:
        """The state files of one stack: those of known formats, or else those of unknown ones."""
        folder = f"{STACKS}/{project}/"
        seen = self._files.variants(f"{folder}{stack}.")
        files = state_formats.stacks_of(name.removeprefix(folder) for name in seen).get(stack, ())
        return {f"{folder}{file}": seen[f"{folder}{file}"] for file in files}

    def locked(self) -> frozenset[tuple[str, str]]:
        """Project and name of every stack with a lock, also of dead processes."""
        parts = [name.removeprefix(f"{LOCKS}/").split("/") for name in self._files.names(LOCKS)]
        return frozenset((part[0], part[1]) for part in parts if len(part) == 3)

    def held(self, project: str, stack: str) -> bool:
        """Whether an operation may be running on the stack."""
        return any(lock.owner.alive is not False for lock in self.locks(project, stack))

    def everything(self) -> Iterator[tuple[str, str]]:
        """Project and name of every stack in the backend, including projects outside the graph."""
        by_project: dict[str, list[str]] = {}
        for name in self._files.names(STACKS):
            folder, _, file = name.removeprefix(f"{STACKS}/").partition("/")
            by_project.setdefault(folder, []).append(file)
        for project, files in by_project.items():
            for stack in state_formats.stacks_of(file for file in files if file and "/" not in file):
                yield project, stack

    def raw(self, project: str, stack: str) -> bytes | None:
        """The unpacked text of the stack's checkpoint file; None without one. Raises StateError, UnknownFormatError."""
        file = self._newest(project, stack)
        if file is None:
            return None
        content = self._files.read(file)
        if content is None:  # the CLI has just written it in another format
            file = self._newest(project, stack)
            content = self._files.read(file) if file else None
        return None if content is None or file is None else state_formats.unpacked(content, file)

    def _newest(self, project: str, stack: str) -> str | None:
        """The newest state file; None without one. Raises UnknownFormatError."""
        found = self._forms(project, stack)
        unknown = sorted(name for name in found if not name.endswith(state_formats.FORMS))
        if unknown:
            raise UnknownFormatError(
                f"the state of {stack} has an unknown format ({unknown[0]})",
                "unpack it to .json, or upgrade pulumi-django",
            )
        return max(sorted(found), key=lambda name: found[name].changed, default=None)

    def checkpoint(self, project: str, stack: str) -> Mapping[str, Any] | None:
        """The `latest` part of the stack's checkpoint; None without one. Raises StateError when it is damaged."""
        content = self.raw(project, stack)
        if content is None:
            return None
        try:
            version = documents.decoded(stored.Version, content).version
            if version not in CHECKPOINT_VERSIONS:
                known = " and ".join(str(version) for version in CHECKPOINT_VERSIONS)
                raise StateError(
                    f"the state of {stack} has version {version}, and this program supports {known}",
                    "upgrade pulumi-django",
                )
            document = documents.decoded(dict[str, Any], content)
            documents.converted(stored.Checkpoint, document)
        except documents.DamagedError as error:
            raise StateError(
                f"the state of {stack} is damaged: its checkpoint does not have the format of Pulumi ({error})",
                f"restore it from the backup beside it ({stack}.json.bak) or a newer one in .pulumi/backups",
            ) from error
        return document["checkpoint"].get("latest") or {}

    def reserve(self, project: str, stack: str) -> None:
        """Check that the disk has room for the state. On a full disk the CLI may truncate a checkpoint and its backup."""
        self._files.reserve(LEAST_ROOM_BYTES + COPIES * len(self.raw(project, stack) or b""))

    def tags(self, project: str, stack: str) -> dict[str, str]:
        """The stack's tags; empty when they are damaged."""
        return self.readable_tags(project, stack) or {}

    def readable_tags(self, project: str, stack: str) -> dict[str, str] | None:
        """The stack's tags, empty for a stack without tags; None when they are damaged."""
        content = self._files.read(f"{STACKS}/{project}/{stack}.pulumi-tags")
        if content is None:
            return {}
        try:
            return documents.decoded(stored.Tags, content).tags or {}
        except documents.DamagedError:
            return None

    def write_tags(self, project: str, stack: str, tags: Mapping[str, str]) -> None:
        """Replace the stack's tags."""
        document = json.dumps({"version": TAGS_VERSION, "tags": dict(sorted(tags.items()))})
        self._files.write(f"{STACKS}/{project}/{stack}.pulumi-tags", document.encode())

    def claims(self, project: str) -> dict[str, dict[str, str]]:
        """Tags of stacks that do not exist yet, by the stack's name."""
        folder, suffix = f"{STACKS}/{project}/", ".pulumi-tags"
        tagged = {
            name.removeprefix(folder).removesuffix(suffix)
            for name in self._files.names(folder.rstrip("/"))
            if name.endswith(suffix)
        }
        return {stack: self.tags(project, stack) for stack in sorted(tagged - set(self.stacks(project)))}

    def unclaim(self, project: str, stack: str) -> None:
        """Remove the tags of a stack that does not exist."""
        if stack not in self.stacks(project):
            self._files.delete(f"{STACKS}/{project}/{stack}.pulumi-tags")

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold a named lock against all users of this backend. Raises StackLockedError."""
        return self._files.exclusive(f"{OWN}/{name}")

    def locks(self, project: str, stack: str) -> list[Lock]:
        """The locks of the stack."""
        found: list[Lock] = []
        notes: list[Note] | None = None
        for name in self._files.names(f"{LOCKS}/{project}/{stack}"):
            if name.endswith(".attrs"):  # the CLI takes every other file for a lock
                continue
            content = self._files.read(name)
            if content is None:  # its engine has just ended
                continue
            notes = self.notes.of(project, stack) if notes is None else notes
            try:
                said = documents.decoded(stored.Lock, content)
            except documents.DamagedError:
                found.append(Lock(name=name, owner=lock_owners.unnamed(notes, own_disk=self._files.own_disk)))
                continue
            alive = lock_owners.alive(said.hostname, said.pid, notes, own_disk=self._files.own_disk)
            since = moment(said.timestamp)
            owner = LockOwner(username=said.username, hostname=said.hostname, pid=said.pid, since=since, alive=alive)
            found.append(Lock(name=name, owner=owner))
        return found

    def unlock(self, lock: Lock) -> None:
        """Remove one lock."""
        self._files.delete(lock.name)

    def last_update(self, project: str, stack: str) -> stored.Entry | None:
        """The newest entry of the stack's history; an empty one when it is damaged, None without history.

        Raises UnknownFormatError for an entry of an unknown format, StateError for one that cannot be unpacked.
        """
        entries = self._history(project, stack)
        if not entries:
            return None
        newest, form = entries[-1]
        if form not in ("", *state_formats.PACKED):
            raise UnknownFormatError(
                f"the history of {stack} has an unknown format ({newest})", "upgrade pulumi-django"
            )
        return self._entry(newest, form)

    def _history(self, project: str, stack: str) -> list[tuple[str, str]]:
        """The files of the stack's history with the format behind `.history.json`, the newest last."""
        names = self._files.names(f"{HISTORY}/{project}/{stack}")
        entries = [(name, form) for name in names for _, found, form in [name.rpartition(".history.json")] if found]
        # The CLI keeps a file's attributes beside it.
        entries = [(name, form) for name, form in entries if not form.endswith(".attrs")]
        return sorted(entries, key=lambda entry: entry[0].removesuffix(entry[1]))

    def _entry(self, name: str, form: str) -> stored.Entry:
        """An entry of a history; an empty one when it is damaged. Raises StateError for one that cannot be unpacked."""
        if form not in ("", *state_formats.PACKED):
            return stored.Entry()
        try:
            return documents.decoded(stored.Entry, state_formats.unpacked(self._files.read(name) or b"{}", name))
        except documents.DamagedError:
            return stored.Entry()

    def history(self, project: str, stack: str, newest: int | None = None) -> list[history.Entry]:
        """The entries of the stack's history, oldest first; one that cannot be read is damaged."""
        named = list(enumerate(self._history(project, stack), 1))
        named = named[-newest:] if newest else named
        tags = self.tags(project, stack) if named else {}

        def entry(item: tuple[int, tuple[str, str]]) -> history.Entry:
            number, (name, form) = item
            return self._whole_entry(number, name, form, tags)

        # Threads help only with a slow backend.
        return list(ThreadPoolExecutor(_AT_ONCE).map(entry, named)) if self.distant else list(map(entry, named))

    def _whole_entry(self, number: int, name: str, form: str, tags: Mapping[str, str]) -> history.Entry:
        stem = name.removesuffix(form).removesuffix(".history.json")
        ident = stem.rpartition("-")[2]
        try:
            if form not in ("", *state_formats.PACKED):
                raise UnknownFormatError(f"{name} has an unknown format")
            content = state_formats.unpacked(self._files.read(name) or b"", name)
            found = documents.decoded(stored.WholeEntry, content)
        except (StateError, documents.DamagedError) as error:
            nanoseconds = int(ident) if ident.isascii() and ident.isdigit() and len(ident) < 20 else None
            ended = _of_seconds(nanoseconds // 10**9) if nanoseconds else None
            return history.Entry(
                number=number, id=ident, kind="", ended=ended, result=history.DAMAGED, reason=str(error)
            )
        config, secrets = history.masked(found.config or {})
        started = _of_seconds(found.startTime)
        return history.Entry(
            number=number,
            id=ident,
            kind=found.kind,
            started=started,
            ended=_of_seconds(found.endTime),
            result=found.result,
            message=found.message,
            environment=found.environment or {},
            config=config,
            secrets=secrets,
            changes=found.resourceChanges or {},
            reason=history.reason_in(tags, started) if found.result == history.FAILED else None,
        )

    def check_layout(self) -> None:
        """Refuse a backend of another layout, in which stacks would seem absent. Raises StateError."""
        content = self._files.read(META)
        version = yaml_files.parse(Path(META), content.decode("utf-8", "replace")).get("version") if content else None
        if version == LAYOUT:
            return
        if isinstance(version, int) and version > LAYOUT:
            raise StateError(
                f"the state has layout {version}, and this program supports layout {LAYOUT} ({META})",
                "upgrade pulumi-django",
            )
        old = [
            file for file in (name.removeprefix(f"{STACKS}/") for name in self._files.names(STACKS)) if "/" not in file
        ]
        if state_formats.stacks_of(old) or os.environ.get("PULUMI_DIY_BACKEND_LEGACY_LAYOUT", "").lower() in (
            "1",
            "true",
        ):
            raise StateError(
                "the state has Pulumi's older layout, in which stacks belong to no project",
                "run `pulumi state upgrade`, and unset PULUMI_DIY_BACKEND_LEGACY_LAYOUT",
            )

    def ending(self, project: str, stack: str, *, noted: bool = True, locked: bool = True) -> Ending:
        """The end of the stack's last operation.

        `noted` and `locked` are false when the stack certainly has no notes of engines, or no locks. Raises UnknownFormatError, StateError.
        """
        found = self.last_update(project, stack)
        last = found or stored.Entry()
        began = last.startTime
        engines = [note for note in self.notes.of(project, stack) if note.runs is False] if noted else []
        # The history has whole seconds.
        open_engines = [note for note in engines if began < int(note.since.timestamp())]
        dead = [lock.owner for lock in self.locks(project, stack) if lock.owner.alive is False] if locked else []
        open_locks = [owner for owner in dead if owner.since and began < int(owner.since.timestamp())]
        latest = max(open_engines, key=lambda note: note.since, default=None)
        kind = latest.operation if latest else last.kind
        return Ending(
            never=found is None,
            failed=last.result == "failed",
            cut_off=bool(open_engines or open_locks),
            destroying=kind == "destroy",
            finished=last.result == "succeeded" or self._ever_succeeded(project, stack),
        )

    def _ever_succeeded(self, project: str, stack: str) -> bool:
        return any(self._entry(name, form).result == "succeeded" for name, form in self._history(project, stack))


def open_backend(url: str) -> Backend | None:
    """The backend at that URL; None when only the CLI can read it (Pulumi Cloud, other clouds)."""
    if url.startswith("file://"):
        folder = Path(backend_address.path_of(url))
        if not folder.is_dir():
            raise EngineUnavailableError(
                f"the state folder {folder} does not exist",
                f"create it with `mkdir -p {folder}`, or set another backend",
            )
        return Backend(LocalFiles(folder))
    return Backend(S3Files(url)) if url.startswith("s3://") else None


def _of_seconds(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**33 else None


def moment(text: Any) -> datetime | None:
    """The time of a document of Pulumi; None when it is not one."""
    try:
        return (
            datetime.fromisoformat(str(text)[:19] + "+00:00")
            if str(text).endswith("Z")
            else datetime.fromisoformat(text)
        )
    except (TypeError, ValueError):
        return None
