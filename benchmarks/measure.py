"""Measure the time of whole processes."""

from __future__ import annotations

import ctypes
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_SET_CHILD_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""


def timed(words: Sequence[str], folder: Path) -> tuple[float, float, float]:
    """Return the seconds, the seconds of processor time and the peak memory in MB of a process. A failed process stops the
    benchmark."""
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(words)} failed:\n{errors.decode()}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def both_times(run: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds and the seconds of processor time of a function with all processes that it starts.

    On Linux, processes whose parent has ended count too, such as the hosts of programs: this process becomes their parent.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _wait_for_all()
    before, began = _processor_time(), time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    _wait_for_all()
    return seconds, _processor_time() - before


def _processor_time() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _wait_for_all() -> None:
    with suppress(ChildProcessError):
        while True:
            os.wait()


def row(name: str, run: Callable[[], tuple[float, float, float]], times: int = 5) -> None:
    """Run once to warm up, then `times` times, and print a line."""
    run()
    seconds, processor, memory = zip(*(run() for _ in range(times)), strict=True)
    print(f"{name:42} {_shown(seconds)} s   {_shown(processor)} s   {max(memory):6.0f} MB")


def _shown(values: Sequence[float]) -> str:
    return " ".join(f"{value:6.2f}" for value in (min(values), statistics.median(values), max(values)))


def head() -> None:
    """Print the head of the table."""
    columns = f"{'min':>6} {'median':>6} {'max':>6}"
    print(f"{'':42} {'seconds':20}     {'processor time':20}     peak memory ({os.cpu_count()} cores)")
    print(f"{'':42} {columns}     {columns}")
