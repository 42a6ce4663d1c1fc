"""Measure the time of whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


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
