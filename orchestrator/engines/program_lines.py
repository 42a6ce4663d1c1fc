"""The line of a user's program in a Python traceback. Pure."""

from __future__ import annotations

import re
from pathlib import Path

_FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)', re.MULTILINE)
_RAISED = re.compile(
    r'^\s*File "[^"\n]*[/\\]pulumi_django[/\\][^"\n]*", line \d+.*\n\s*raise (?!KeyError)', re.MULTILINE
)
_TYPE = re.compile(r"^(ValueError|RuntimeError|(pulumi_django\.[\w.]+\.)?[A-Z]\w*Error): ")
_RESOURCE = re.compile(r"^(?:\w+(?:: | has risen: ))?While processing resource: '([^'\n]+)'", re.MULTILINE)
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


def sentence(said: str, traceback: str, folder: Path | None) -> str:
    """The last line of a traceback as a sentence: without its type when a component raised it, and with the line of the
    program in `folder`."""
    frames = list(_FRAME.finditer(traceback))
    if frames and _RAISED.match(traceback, frames[-1].start()):
        said = _TYPE.sub("", said, count=1)
    return located(said, traceback, folder) if folder else said


def wrapped_in(said: str) -> str:
    """The innermost resource of a message in which Pulumi's SDK wraps an error, with a colon; else nothing."""
    found = _RESOURCE.findall(said)
    return f"{found[-1]}: " if found else ""


def located(said: str, traceback: str, folder: Path) -> str:
    """The message, with the line of the program when the traceback has one."""
    found = place(traceback, folder)
    return f"{said} ({found})" if found and found not in said else said
