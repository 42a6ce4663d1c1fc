"""Disturb the orchestrator in every way that it must survive, run the same command again, and check that nothing was lost.

The rounds create, change (with replacements) and destroy a base and an environment, on the real engine with a slow stand-in
provider. Each round plays another situation (`chaos_situations.py`). After each round the cloud has every resource of the
checkpoints exactly once, and no other. After a destroy it is empty. Otherwise the round is broken, and the exit code is 1. Needs the
Pulumi CLI on PATH. As root, it also fills a disk, creates PID namespaces and reuses process ids.

    .venv/bin/python benchmarks/chaos.py --rounds 200 --seeds 1 2 3 4 --results chaos-results
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.chaos_situations import COMMANDS, STAGES, Play, Round, possible
from tests.support.arena import Arena
from tests.support.standin.aws_server import serving
from tests.support.standin.cloud import Cloud, Rules

DISK_SIZE = "8m"


PIP = """
import runpy, sys
from pathlib import Path

here = Path(__file__).parent
if sys.argv[1:] == ["list", "--format", "json"]:
    print((here / "list.json").read_text())
else:
    sys.path[:] = [path for path in sys.path if Path(path) != here.parent]
    for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
        del sys.modules[name]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def quick_pip(folder: Path) -> str:
    """Create a folder for PYTHONPATH in which `pip list`, which the engine runs each time, answers from a file."""
    package = folder / "quick" / "pip"
    package.mkdir(parents=True)
    words = [sys.executable, "-m", "pip", "list", "--format", "json"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (package / "list.json").write_text(listed, encoding="utf-8")
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PIP, encoding="utf-8")
    return str(package.parent)


class Results:
    """The finished rounds, a line each in a file for each seed. A stopped run continues after them."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, seed: int) -> list[Round]:
        """Return the rounds of a seed, in order."""
        file = self._folder / f"{seed}.jsonl" if self._folder else None
        if file is None or not file.exists():
            return []
        return [Round(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]

    def add(self, one: Round) -> None:
        """Add a round to the file of its seed."""
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / f"{one.seed}.jsonl").open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(asdict(one))}\n")


@contextmanager
def small_disk(folder: Path) -> Generator[Path | None]:
    """Mount a small disk that can be filled; None if this user cannot mount one."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Stage:
    """The arena of consecutive rounds, replaced after each broken round."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._places = seconds, ExitStack()
        self.arena: Arena | None = None
        self.disk: Path | None = None
        self.lasts: dict[str, float] = {}

    def fresh(self, *, created: bool) -> Arena:
        """Return a new arena. With `created`, the base and the environment exist."""
        self.close()
        self._places = ExitStack()
        folder = Path(self._places.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        self.disk = self._places.enter_context(small_disk(folder / "disk"))
        arena = folder / "arena"
        arena.mkdir()
        address = self._places.enter_context(serving(Cloud(arena / "cloud.json")))
        self.arena = Arena(arena, address, state=self.disk)
        self.arena.cloud.set_rules(Rules(seconds=self._seconds))
        self.arena.env["PYTHONPATH"] = os.pathsep.join([quick_pip(folder), self.arena.env["PYTHONPATH"]])
        if not self.lasts:
            self.lasts = {operation: self._undisturbed(self.arena, operation) for operation in COMMANDS}
        if created:
            self._undisturbed(self.arena, "create")
        return self.arena

    def close(self) -> None:
        if self.arena:
            self.arena.settle()
        self.arena = None
        self._places.close()

    def _undisturbed(self, arena: Arena, operation: str) -> float:
        """Return the seconds of an undisturbed operation. If it fails, the program ends."""
        began = time.monotonic()
        said = arena.run(*COMMANDS[operation])
        if said.code != 0:
            raise SystemExit(f"undisturbed {operation} failed:\n{said.text}")
        return time.monotonic() - began


def chosen(seed: int, number: int, only: Sequence[str], disk: Path | None) -> tuple[str, random.Random]:
    """Return the situation and the random numbers of a round, the same in every run."""
    chance = random.Random(f"{seed}/{number}")
    stage = STAGES[(number - 1) % len(STAGES)]
    wanted = [name for name in stage if possible(name, disk) and (not only or name in only)]
    return chance.choice(wanted or [name for name in stage if name.startswith("kill ")][:1]), chance


def played(stage: Stage, seed: int, number: int, only: Sequence[str]) -> Round:
    """Play a round."""
    created = STAGES[(number - 1) % len(STAGES)] is not STAGES[0]
    arena = stage.arena or stage.fresh(created=created)
    situation, chance = chosen(seed, number, only, stage.disk)
    this, began = Round(seed, number, situation), time.monotonic()
    if STAGES[1].get(situation):
        arena.next_generation()
    play = Play(arena, chance, this, stage.lasts)
    try:
        next(found[situation] for found in STAGES if situation in found)(play)
    except Exception as error:  # an error in a situation is a broken round, not the end of the run
        this.broken.append(f"{type(error).__name__}: {error}")
    this.seconds = round(time.monotonic() - began, 1)
    if this.broken:
        stage.close()
    else:
        this.said = []
    return this


def told(one: Round) -> str:
    """Describe a round in a line, and its reasons if it is broken."""
    line = f"seed {one.seed} round {one.number:3} {one.situation:22} {one.detail.strip()}: "
    line += f"{'hit' if one.hit else 'not hit'}, {one.reruns} reruns, {one.adopted} adopted, {one.seconds} s"
    return line + (", BROKEN\n" + "\n".join([*one.broken, "the runs said:", *one.said]) if one.broken else "")


def table(rounds: Sequence[Round]) -> str:
    """Return the results of each situation, and every broken round with its reason."""
    head = f"{'situation':24}{'rounds':>7}{'hit':>5}{'reruns':>7}{'adopted':>8}{'s/round':>8}{'broken':>7}"
    lines = [head]
    for name in [*(name for stage in STAGES for name in stage), "all"]:
        these = [one for one in rounds if name in (one.situation, "all")]
        if these:
            sums = [sum(values) for values in zip(*((one.hit, one.reruns, one.adopted) for one in these), strict=True)]
            mean, broken = sum(one.seconds for one in these) / len(these), sum(bool(one.broken) for one in these)
            lines.append(f"{name:24}{len(these):7}{sums[0]:5}{sums[1]:7}{sums[2]:8}{mean:8.1f}{broken:7}")
    seeds = ", ".join(str(seed) for seed in sorted({one.seed for one in rounds}))
    lines.append(f"{len(rounds)} rounds, seeds {seeds}, {sum(bool(one.broken) for one in rounds)} broken")
    lines += [
        f"  seed {one.seed} round {one.number} ({one.situation}): {one.broken[0][:200]}" for one in rounds if one.broken
    ]
    return "\n".join(lines)


def main() -> int:
    names = [name for stage in STAGES for name in stage]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=100, help="total number of rounds, spread evenly over the seeds")
    parser.add_argument("--seeds", "--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--seconds", type=float, default=0.2, help="seconds that the cloud takes for each change")
    parser.add_argument("--only", nargs="+", default=[], choices=names, help="situations to play, where they fit")
    parser.add_argument("--results", type=Path, help="folder for the finished rounds; a later run continues after them")
    options = parser.parse_args()
    # A process in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results, stage, rounds = Results(options.results), Stage(options.seconds), list[Round]()
    try:
        for at, seed in enumerate(options.seeds):
            count = options.rounds // len(options.seeds) + (at < options.rounds % len(options.seeds))
            done = results.read(seed)[:count]
            rounds += done
            if len(done) < count:
                stage.close()
            for number in range(len(done) + 1, count + 1):
                one = played(stage, seed, number, options.only)
                results.add(one)
                rounds.append(one)
                print(told(one), flush=True)
    finally:
        stage.close()
        print(table(rounds), flush=True)
    return 1 if any(one.broken for one in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
