"""Compare `orchestrator create-env` with `pulumi up` in both folders, on the real engine with a stand-in provider: with our host
of programs, and with the CLI's.

Needs the Pulumi CLI on PATH. The projects are the small fixtures of the tests, so the engine needs most of the time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import both_times
from tests.support.engines import Workshop

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


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


def without_our_host(shop: Workshop) -> None:
    """Run it with the CLI's own hosts of programs."""
    os.environ["ORCHESTRATOR_PROGRAM_HOST"] = "0"
    try:
        ours(shop)
    finally:
        del os.environ["ORCHESTRATOR_PROGRAM_HOST"]


WAYS = {"bare": bare, "ours": ours, "cli hosts": without_our_host}


def main() -> None:
    path = os.environ["PATH"]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, run in WAYS.items():
            os.environ["PATH"] = path
            with tempfile.TemporaryDirectory() as folder:
                shop = Workshop(Path(folder), "pulumi", setenv)
                times[name].append(both_times(lambda run=run, shop=shop: run(shop)))
    for name, taken in times.items():
        seconds, processor = zip(*taken, strict=True)
        print(f"{name:10} {_shown(seconds)} s, processor time {_shown(processor)} s (min, median, max of {ROUNDS})")
    for name in ("ours", "cli hosts"):
        pairs = zip(times["bare"], times[name], strict=True)
        ratios = sorted(taken[1] / bare[1] for bare, taken in pairs)
        print(f"{name} / bare, processor time: median {median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"load {os.getloadavg()[0]:.0f} at the end")


def _shown(values: Sequence[float]) -> str:
    return f"{min(values):.2f} {median(values):.2f} {max(values):.2f}"


if __name__ == "__main__":
    main()
