"""Who is at work on an environment from this checkout, so that a second deploy hears of the first before it writes files."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.config.atomic_files import create_private_folder
from orchestrator.errors import LockOwner, StackLockedError, StateError

FOLDER = Path(".orchestrator") / "at-work"


@contextmanager
def alone(root: Path, environment: str, what: str, *, wait_seconds: float = 0.0) -> Generator[None]:
    """Hold the environment while the block runs; `root` is the folder of `orchestrator.toml`.

    The engine's own lock, which holds everywhere, covers the update alone; the configuration is written before it.
    Raises StackLockedError when somebody else holds it for longer than `wait_seconds`, StateError when the folder cannot
    be written.
    """
    from filelock import FileLock, Timeout

    folder = root / FOLDER
    lock, owner = folder / f"{environment}.lock", folder / f"{environment}.json"
    try:
        create_private_folder(folder)
        with FileLock(lock, timeout=wait_seconds):
            owner.write_text(json.dumps(_me(what)), encoding="utf-8")
            try:
                yield
            finally:
                owner.unlink(missing_ok=True)
    except Timeout:
        raise _taken(environment, owner) from None
    except OSError as error:
        raise StateError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from error


def _me(what: str) -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return {
        "user": user,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "what": what,
    }


def _taken(environment: str, file: Path) -> StackLockedError:
    hint = "wait until it ends (--wait DURATION does), then run the command again"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        owner = LockOwner(
            username=str(found["user"]),
            hostname=str(found["host"]),
            pid=int(found["pid"]),
            since=datetime.fromisoformat(found["since"]),
            alive=True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return StackLockedError(f"somebody else deploys {environment} from here", hint)
    return StackLockedError(f"{owner} is at work on {environment} ({found['what']})", hint, owner=owner)
