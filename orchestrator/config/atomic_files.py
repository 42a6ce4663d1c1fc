"""Files that are replaced in one step, and folders for one user.

`tempfile` and `atomicwrites` create files that only their user can read. Stack files and files of the state are shared, so
this module sets the permissions that Pulumi and other programs set.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_atomically(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new content and no other file stays.

    The file keeps the mode and group of the file that it replaces; a new one gets what the umask and its folder decide. A
    `private` file always has mode 0600. A symbolic link stays, and its target is replaced. Text is UTF-8. Raises OSError;
    the old file is then unchanged.
    """
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o600 if private else 0o666), "wb") as file:
            if not private:
                _copy_permissions(target, file.fileno())
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:  # also an interrupt leaves no temporary file
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _copy_permissions(source: Path, descriptor: int) -> None:
    try:
        status = source.stat()
    except OSError:
        return
    with contextlib.suppress(OSError):  # only a member of the group can set it
        os.fchown(descriptor, -1, status.st_gid)
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, status.st_mode & 0o777)


def create_private_folder(folder: Path) -> None:
    """Create the folder and its missing parents with mode 0700. Raises OSError."""
    if folder.is_dir():
        return
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)
