"""New files and folders with the right permissions: those of their neighbors, or for their user alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def open_beside(path: Path) -> tuple[int, Path]:
    """Open a new file in the folder of `path`, to be renamed to it: a descriptor and the file's path.

    It has the mode and group of the file that it will replace. Else the process's umask and the folder decide, as for
    any other program: `tempfile` would make a file for one user alone.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        before = path.stat()
    except OSError:
        return descriptor, fresh
    with contextlib.suppress(OSError):  # only a member of the group may give it
        os.fchown(descriptor, -1, before.st_gid)
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, before.st_mode & 0o777)
    return descriptor, fresh


def private_folder(folder: Path) -> None:
    """Make the folder and those above it that are missing, for this user alone. Raises OSError."""
    missing = [folder, *folder.parents]
    for one in reversed([place for place in missing if not place.exists()]):
        one.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace the file by one that this user alone reads. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
