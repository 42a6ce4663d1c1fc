"""Processes in a PID namespace of their own, as a second container with the same host name has them."""

from __future__ import annotations

import functools
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

WORDS = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
NEEDS = "needs the right to make PID namespaces (unshare)"
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


@functools.cache
def possible() -> bool:
    """Whether namespaces can be made here."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*WORDS, "true"], check=False, capture_output=True).returncode == 0


def reused(pid: int, start: Callable[[], subprocess.Popen[bytes]], tries: int = 200) -> subprocess.Popen[bytes] | None:
    """A process that got the number of one that is gone; None when that cannot be had here."""
    for _ in range(tries):
        try:
            LAST_PID.write_text(str(pid - 1))
        except OSError:
            return None
        process = start()
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
        time.sleep(0.01)
    return None


def reusable() -> bool:
    """Whether a process id can be given again here."""
    before = subprocess.Popen(["true"])
    before.wait()
    again = reused(before.pid, lambda: subprocess.Popen(["sleep", "60"]))
    if again is None:
        return False
    again.kill()
    again.wait()
    return True
