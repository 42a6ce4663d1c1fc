"""Provider plugins that outlive their engine: nobody hears them any more, and they may still be creating. Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 5.0
POLL_SECONDS = 0.1
_INIT = 1


@dataclass(frozen=True)
class Plugin:
    """A provider process without an engine."""

    pid: int
    session: int
    folder: str


def orphaned(proc: Path = Path("/proc")) -> Iterator[Plugin]:
    """Plugins on this machine whose engine is gone."""
    for entry in proc.glob("[0-9]*"):
        try:
            if b"pulumi-resource-" not in (entry / "cmdline").read_bytes():
                continue
            # proc_pid_stat(5): after the name in brackets come state, parent, group, session
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if fields[0] != "Z" and int(fields[1]) == _INIT:
                yield Plugin(int(entry.name), int(fields[3]), os.readlink(entry / "cwd"))
        except (OSError, IndexError, ValueError):
            continue


def end_those_of(engines: Collection[int], sleep: Callable[[float], None] = time.sleep) -> None:
    """End the plugins of engines that died, after a moment in which they may finish.

    An engine of ours leads a session of its own, so its plugins are known by it. What they had asked AWS for stays; they
    only would wait for it, for nobody.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    signals = [signal.SIGTERM, signal.SIGKILL]
    while signals and (left := [plugin for plugin in orphaned() if plugin.session in engines]):
        if time.monotonic() > deadline:
            number = signals.pop(0)
            for plugin in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(plugin.pid, number)
            deadline = time.monotonic() + GRACE_SECONDS
        sleep(POLL_SECONDS)


def at_work_in(folder: Path) -> bool:
    """Whether a plugin without an engine was started in that project folder."""
    wanted = str(folder.resolve())
    return any(plugin.folder == wanted for plugin in orphaned())
