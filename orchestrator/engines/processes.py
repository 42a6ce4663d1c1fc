"""The identity of a process, and whether it still runs. A host name and a process id are not enough.

Two containers may share a host name and both count processes from 1, and ids are used again after a reboot. The boot id, the
PID namespace and the start time identify a process. Only Linux reports them; other systems use host name and id.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.documents import ProcessId

PROC = Path("/proc")
_FIRST_NAMESPACE = "pid:[4026531836]"
"""The PID namespace of the machine itself (PROC_PID_INIT_INO). A process in it sees all processes of the machine."""

_OWN_DISKS = frozenset(
    ["apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"]
)
"""File systems that only one kernel writes to."""

_ENDED = ("Z", "X")
_START_FIELD, _STATE_FIELD = 19, 0
"""Positions in /proc/PID/stat after the name in brackets, see proc_pid_stat(5)."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """The identity of a process among all processes of all machines."""

    username: str
    hostname: str
    pid: ProcessId
    boot: str | None = None
    """The kernel's boot id; None when unknown."""

    namespace: str | None = None
    """The PID namespace of `pid`."""

    started: str | None = None
    """Start time in kernel ticks since the boot, which clock changes do not affect."""

    def document(self) -> dict[str, Any]:
        """The process as a JSON document."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.username}@{self.hostname} (pid {self.pid})"


def this_process() -> Process:
    """The current process."""
    return of_pid(os.getpid())


def of_pid(pid: int) -> Process:
    """A process in the PID namespace of the current process."""
    return Process(
        username=_user(),
        hostname=socket.gethostname(),
        pid=pid,
        boot=_boot(),
        namespace=_namespace("self"),
        started=_started(str(pid)),
    )


def runs(process: Process, *, own_disk: bool = False) -> bool | None:
    """Whether a process runs; None when this machine cannot tell with certainty.

    `own_disk`: only this machine writes to the disk with the note, so another boot id is an earlier boot of this machine.
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
    """Whether this process sees all processes of the machine, including containers."""
    return _namespace("self") == _FIRST_NAMESPACE


def pulumi_with(pid: int) -> bool:
    """Whether a visible Pulumi process has that id in any namespace."""
    numbers = [str(pid)] if _named_pulumi(str(pid)) else []
    return bool(numbers) or (sees_all() and any(map(_named_pulumi, _numbered(pid))))


def on_own_disk(folder: Path, mounts: Path = PROC / "self" / "mountinfo") -> bool:
    """Whether only this machine writes to the disk of a folder; False when unknown."""
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
    """Whether the process runs, by host name and id only."""
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
    except (KeyError, OSError):  # the user of a container may have no name
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
    """The start time of a process; None when it has ended."""
    try:
        stat = (PROC / number / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in _ENDED else fields[_START_FIELD]


def _numbered(pid: int, namespace: str | None = None) -> Iterator[str]:
    """Ids, in our namespace, of the processes with that id in their own namespace."""
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
