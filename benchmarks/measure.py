"""Measure the time of whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def timed(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of a process. A failed process stops the benchmark."""
    began = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(words)} failed:\n{errors.decode()}")
    return seconds, usage.ru_maxrss / 1024


def row(name: str, run: Callable[[], tuple[float, float]], times: int = 5) -> None:
    """Run once to warm up, then `times` times, and print a line."""
    run()
    seconds, memory = zip(*(run() for _ in range(times)), strict=True)
    shown = " ".join(f"{value:7.2f}" for value in (min(seconds), statistics.median(seconds), max(seconds)))
    print(f"{name:42} {shown} s   {max(memory):6.0f} MB")


def head() -> None:
    """Print the head of the table."""
    print(f"{'':42} {'min':>7} {'median':>7} {'max':>7}     peak memory   ({os.cpu_count()} cores)")
