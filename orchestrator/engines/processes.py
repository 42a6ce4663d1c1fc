"""Which process is meant, and whether it still runs. A host name and a number do not tell.

Two containers may have one host name and count their processes from 1; a number is given again after a reboot. The kernel's
boot, the PID namespace and the moment at which the process began tell them apart. Only Linux says these; elsewhere host name
and number have to do.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_FIRST_NAMESPACE = "pid:[4026531836]"
"""The PID namespace of the machine itself (PROC_PID_INIT_INO): whoever is in it sees the processes of all others."""

_OWN_DISKS = frozenset(
    ["apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"]
)
"""File systems that one kernel alone writes to."""

_ENDED = ("Z", "X")
_START_FIELD, _STATE_FIELD = 19, 0
"""Places in /proc/PID/stat after the name in brackets, proc_pid_stat(5)."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process, told apart from all others of all machines."""

    username: str
    hostname: str
    pid: int
    boot: str | None = None
    """The kernel's boot id; None where it is not known."""

    namespace: str | None = None
    """The PID namespace in which `pid` counts."""

    started: str | None = None
    """When it began, in the kernel's ticks since its boot: no change of the clock moves it."""

    def document(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def of_document(cls, said: Any) -> Process:
        """Back from JSON. Raises KeyError, TypeError, ValueError."""
        if not isinstance(said, dict):
            raise TypeError("no process is written there")
        texts = {name: None if said.get(name) is None else str(said[name]) for name in ("boot", "namespace", "started")}
        return cls(username=str(said["username"]), hostname=str(said["hostname"]), pid=int(said["pid"]), **texts)

    def __str__(self) -> str:
        return f"{self.username}@{self.hostname} (pid {self.pid})"


def this_process() -> Process:
    """We."""
    return of_pid(os.getpid())


def of_pid(pid: int) -> Process:
    """A process that this one sees."""
    return Process(
        username=_user(),
        hostname=socket.gethostname(),
        pid=pid,
        boot=_boot(),
        namespace=_namespace("self"),
        started=_started(str(pid)),
    )


def runs(process: Process, *, own_disk: bool = False) -> bool | None:
    """Whether a process runs; None when that cannot be known for sure from here.

    `own_disk`: it was written down where this machine alone writes, so another boot can only be an earlier one of ours.
    """
    boot = _boot()
    if boot is None or process.boot is None:
        return _answers(process) if boot is process.boot else None
    if process.boot != boot:
        return False if own_disk else None
    if process.namespace == _namespace("self"):
        return process.started is not None and _started(str(process.pid)) == process.started
    if not sees_all():
        return None
    return any(_started(number) == process.started for number in _numbered(process.pid, process.namespace))


def sees_all() -> bool:
    """Whether the processes of the whole machine can be seen from here, those of containers too."""
    return _namespace("self") == _FIRST_NAMESPACE


def pulumi_with(pid: int) -> bool:
    """Whether a process of Pulumi that can be seen from here has that number, in whatever namespace it counts."""
    numbers = [str(pid)] if _named_pulumi(str(pid)) else []
    return bool(numbers) or (sees_all() and any(map(_named_pulumi, _numbered(pid))))


def on_own_disk(folder: Path, mounts: Path = PROC / "self" / "mountinfo") -> bool:
    """Whether a folder is on a disk that no other machine writes to; False when that is not known."""
    place, found = str(folder.resolve()), ("", "")
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    for line in lines:
        # proc_pid_mountinfo(5): id, parent, device, root, mount point, options, optional fields, -, type
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        if (place == point or place.startswith(f"{point.rstrip('/')}/")) and len(point) >= len(found[0]):
            found = (point, after.split()[0])
    return found[1] in _OWN_DISKS


def _answers(process: Process) -> bool | None:
    """Where the kernel tells no more: by host name and number."""
    if process.hostname != socket.gethostname():
        return None
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())


def _boot() -> str | None:
    try:
        return (PROC / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _namespace(number: str) -> str | None:
    try:
        return os.readlink(PROC / number / "ns" / "pid")
    except OSError:
        return None


def _started(number: str) -> str | None:
    """When the process began; None when it is over."""
    try:
        stat = (PROC / number / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in _ENDED else fields[_START_FIELD]


def _numbered(pid: int, namespace: str | None = None) -> Iterator[str]:
    """Our numbers of the processes that have that number in their own namespace."""
    for entry in PROC.glob("[0-9]*"):
        try:
            status = (entry / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if numbers and numbers[-1] == str(pid) and namespace in (None, _namespace(entry.name)):
            yield entry.name


def _named_pulumi(number: str) -> bool:
    try:
        name = (PROC / number / "comm").read_text(encoding="utf-8", errors="replace").strip()
        words = (PROC / number / "cmdline").read_bytes()
    except OSError:
        return False
    first = words.partition(b"\0")[0].rpartition(b"/")[2]
    return _started(number) is not None and (name == "pulumi" or first == b"pulumi")
