"""A lock on an environment in this checkout: a second deploy is refused before it writes files."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.config import documents
from orchestrator.config.atomic_files import create_private_folder
from orchestrator.errors import LockOwner, StackLockedError, StateError

FOLDER = Path(".orchestrator") / "at-work"


@dataclass(frozen=True, kw_only=True)
class _Owner:
    """The content of the file beside a lock."""

    user: str
    host: str
    pid: documents.ProcessId
    since: documents.Moment
    what: str


@contextmanager
def hold(root: Path, environment: str, command: str, *, wait_seconds: float = 0.0) -> Generator[None]:
    """Hold the lock while the block runs; `root` is the folder of `orchestrator.toml`.

    The engine's own lock works on every machine but covers only the update; the configuration is written before it.
    Raises StackLockedError when another process holds the lock for longer than `wait_seconds`, StateError when the folder
    cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = root / FOLDER
    lock, owner = folder / f"{environment}.lock", folder / f"{environment}.json"
    try:
        create_private_folder(folder)
        with FileLock(lock, timeout=wait_seconds):
            owner.write_text(json.dumps(_this_process(command)), encoding="utf-8")
            try:
                yield
            finally:
                owner.unlink(missing_ok=True)
    except Timeout:
        raise _held(environment, owner) from None
    except OSError as error:
        raise StateError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from error


def _this_process(command: str) -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return {
        "user": user,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "what": command,
    }


def _held(environment: str, file: Path) -> StackLockedError:
    hint = "wait until it ends (--wait DURATION does this), then run the command again"
    try:
        found = documents.decoded(_Owner, documents.read(file))
    except (OSError, documents.DamagedError):
        return StackLockedError(f"{environment} is being deployed by another process in this checkout", hint)
    owner = LockOwner(username=found.user, hostname=found.host, pid=found.pid, since=found.since, alive=True)
    return StackLockedError(f"{environment} is locked: {owner} runs `{found.what}`", hint, owner=owner)
