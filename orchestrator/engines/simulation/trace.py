"""The files and folders that a simulated program read, to find later whether any of them changed.

A program that reads the clock or random numbers, writes a file, starts a process or uses the network has no trace: another run
can have another result, or another effect.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi_django
from orchestrator.config import fingerprints

_EFFECTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.system",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
    }
)
"""Audit events of code that has effects, or that reads something other than files.
https://docs.python.org/3/library/audit_events.html"""

_UNSTEADY = frozenset(
    [
        "boto3",
        "botocore",
        "calendar",
        "datetime",
        "http",
        "httpx",
        "random",
        "requests",
        "secrets",
        "socket",
        "subprocess",
        "tempfile",
        "time",
        "urllib",
        "uuid",
    ]
)
"""Modules whose answers differ from run to run."""

CLOCK_TICK_SECONDS = 0.05
"""File systems stamp files with a coarse clock. A file this young can change again and keep its stamp."""

_OWN_PACKAGES = tuple(
    f"{folder}{os.sep}" for folder in (Path(__file__).parents[2], Path(pulumi_django.__file__).parent)
)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Everything that a program read from disk: its own folder, files and modules, and the folders that it listed."""

    program: str
    files: tuple[str, ...]
    folders: tuple[str, ...]
    signature: str
    """A digest of the state of all of them."""

    @property
    def holds(self) -> bool:
        """Whether nothing has changed since."""
        return _signature(Path(self.program), self.files, self.folders) == self.signature


@dataclass
class Watch:
    """A running simulation."""

    program: Path
    others: frozenset[int]
    """The threads that do not belong to the simulation."""

    began: float = field(default_factory=time.time)
    files: set[str] = field(default_factory=set[str])
    folders: set[str] = field(default_factory=set[str])
    has_effects: bool = False

    def trace(self) -> Trace | None:
        """The trace of the simulation; None for a program that has none."""
        loaded = _loaded_files()
        files = {file for file in {*self.files, *loaded} if "__pycache__" not in file}
        folders = {os.path.abspath(folder) for folder in (*self.folders, *sys.path)}
        own = {str(path) for path in fingerprints.files_of(self.program)}
        own |= {file for file in {*self.files, *loaded} - _host_files if not _is_installed(file)}
        if self.has_effects or _newest(own) > self.began - CLOCK_TICK_SECONDS or any(map(_is_unsteady, own)):
            return None
        found = (str(self.program), tuple(sorted(files)), tuple(sorted(folders)))
        signature = _signature(self.program, found[1], found[2])
        return Trace(program=found[0], files=found[1], folders=found[2], signature=signature)


@contextmanager
def watched(program: Path) -> Generator[Watch]:
    """Watch a program whose folder is `program`. Only one simulation runs at a time."""
    global _current
    _install()
    this = threading.get_ident()
    others = frozenset(thread.ident for thread in threading.enumerate() if thread.ident and thread.ident != this)
    _current = watch = Watch(program, others)
    try:
        yield watch
    finally:
        _current = None


_host_files: set[str] = set()
"""The modules of the process before the first simulation, which are not parts of a program."""

_current: Watch | None = None
_installed = threading.Lock()


def _install() -> None:
    # A hook can never be removed, so there is one for all simulations.
    if _installed.acquire(blocking=False):
        _host_files.update(_loaded_files())
        sys.addaudithook(_hear)


def _hear(event: str, details: tuple[Any, ...]) -> None:
    watch = _current
    if watch is None or event not in _HEARD:
        return
    thread = threading.current_thread()
    if thread.ident in watch.others or thread.name.startswith("orchestrator-"):
        return
    if event in _EFFECTS:
        watch.has_effects |= not (details and "__pycache__" in str(details[0]))
    elif isinstance(details[0], str | bytes | os.PathLike):
        path = os.path.abspath(os.fsdecode(details[0]))
        (watch.files if event == "open" else watch.folders).add(path)
        if event == "open" and _is_writing(details[1], details[2]) and "__pycache__" not in path:
            watch.has_effects = True
    elif event != "open":
        watch.folders.add(os.getcwd())


_HEARD = _EFFECTS | {"open", "os.listdir", "os.scandir"}


def _is_writing(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _loaded_files() -> set[str]:
    """The files of all loaded modules."""
    # `__dict__` does not make a lazy module load.
    files = (getattr(module, "__dict__", {}).get("__file__") for module in tuple(sys.modules.values()))
    return {file for file in files if isinstance(file, str)}


def _is_installed(file: str) -> bool:
    """Whether the file belongs to Python, to an installed package or to this program."""
    if file.startswith(_OWN_PACKAGES) or f"{os.sep}site-packages{os.sep}" in file:
        return True
    return file.startswith((f"{sys.prefix}{os.sep}", f"{sys.base_prefix}{os.sep}"))


def _is_unsteady(file: str) -> bool:
    """Whether a Python file imports a module whose answers differ from run to run."""
    if not file.endswith(".py"):
        return False
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.partition(".")[0] in _UNSTEADY for name in names):
            return True
    return False


def _newest(files: Iterable[str]) -> float:
    newest = 0.0
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            continue
        newest = max(newest, status.st_mtime, status.st_ctime)
    return newest


def _signature(program: Path, files: Iterable[str], folders: Iterable[str]) -> str:
    own = (str(path) for path in fingerprints.files_of(program))
    stamps = [f"{file} {_stamp(file)}" for file in (*own, *files)]
    listed = [f"{folder} {_listing(folder)}" for folder in folders]
    return hashlib.sha256("\n".join([*stamps, *listed]).encode(errors="surrogateescape")).hexdigest()


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "-"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _listing(folder: str) -> str:
    """The names in a folder, without hidden files and stack files, which other commands write; of packages the stamp."""
    if _is_installed(f"{folder}{os.sep}"):
        return _stamp(folder)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return "-"
    return " ".join(
        name
        for name in names
        if not name.startswith((".", "__pycache__")) and not (name.startswith("Pulumi.") and name.endswith(".yaml"))
    )
