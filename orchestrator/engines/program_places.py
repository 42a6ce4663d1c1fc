"""The line of a user's program in a Python traceback. Pure."""

from __future__ import annotations

import re
from pathlib import Path

_FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)', re.MULTILINE)
_LIBRARIES = frozenset({"site-packages", "dist-packages"})


def place(traceback: str, folder: Path) -> str | None:
    """The innermost line of the traceback below `folder`, as `FILE:LINE`; None without one.

    Libraries below the folder, in a virtual environment, do not count.
    """
    found = None
    for frame in _FRAME.finditer(traceback):
        path = Path(frame["file"])
        if path.is_relative_to(folder) and not _LIBRARIES & set(path.relative_to(folder).parts):
            found = f"{path}:{frame['line']}"
    return found


def located(said: str, traceback: str, folder: Path) -> str:
    """The message, with the line of the program when the traceback has one."""
    found = place(traceback, folder)
    return f"{said} ({found})" if found and found not in said else said
