"""Compare `orchestrator create-env` with `pulumi up` in both folders, on the real engine with a stand-in provider.

Needs the Pulumi CLI on PATH. The projects are the small fixtures of the tests, so the engine needs most of the time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.engines import Workshop

ROUNDS = 5


def setenv(name: str, value: str) -> None:
    os.environ[name] = value


def bare(shop: Workshop) -> None:
    """Run the commands of a user without the orchestrator."""
    for folder, stack in (("base", "dev"), ("app", "alpha")):
        for words in (["stack", "init", stack], ["up", "--yes", "--skip-preview", "--stack", stack]):
            subprocess.run(["pulumi", *words], cwd=shop.folder / folder, check=True, capture_output=True)


def ours(shop: Workshop) -> None:
    """Run the one command of the orchestrator."""
    words = [sys.executable, "-m", "orchestrator", "create-env", "alpha", "--base", "dev", "--engine", "pulumi"]
    # Without the preview of new stacks, which the other side skips too.
    words.append("--no-check")
    subprocess.run(words, cwd=shop.folder, check=True, capture_output=True)


def main() -> None:
    path = os.environ["PATH"]
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        for name, run in (("bare", bare), ("ours", ours)):
            os.environ["PATH"] = path
            with tempfile.TemporaryDirectory() as folder:
                shop = Workshop(Path(folder), "pulumi", setenv)
                began = time.perf_counter()
                run(shop)
                times[name].append(time.perf_counter() - began)
    for name, seconds in times.items():
        print(
            f"{name:6} {min(seconds):6.2f} {median(seconds):6.2f} {max(seconds):6.2f} s (min, median, max of {ROUNDS})"
        )
    ratios = sorted(ours / bare for bare, ours in zip(times["bare"], times["ours"], strict=True))
    print(f"ours / bare, pair by pair: median {median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
