"""A lock of the operating system in a project's folder: gone with its holder, and without a trace once it is given back."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Held:
    """A lock that we have."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Give it back. The file goes first: whoever waits for it sees that it has another one."""
        with contextlib.suppress(OSError):  # another user's folder
            self.path.unlink()
        os.close(self.descriptor)
        with contextlib.suppress(OSError):  # others are in there
            self.path.parent.rmdir()
            self.path.parent.parent.rmdir()


def take(path: Path) -> Held | None:
    """The lock, or None while somebody else has it. Raises OSError where nothing can be locked."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Read-only is enough for flock(2), so others who share the folder can take it too.
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the folder went meanwhile
            continue
        try:
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return Held(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
