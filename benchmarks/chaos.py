"""Kills orchestrator and engine at random moments, runs the same command again, and looks whether anything was lost.

Rounds take turns: a base and an environment are created, updated (with replacements) and destroyed, each on the real engine
with a slow stand-in provider. After each round the cloud has exactly what the checkpoints know, once; after a destroy it is
empty. Ends with 1 when that was broken. Needs the Pulumi CLI on PATH.

    .venv/bin/python benchmarks/chaos.py --rounds 100 --seed 7
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.arena import CREATE, DESTROY, LONGEST_SECONDS, STACKS, TOPICS, UPDATE, Arena, send
from tests.support.standin.aws_server import serving
from tests.support.standin.cloud import Cloud, Rules

COMMANDS = {"create": CREATE, "update": UPDATE, "destroy": DESTROY}
VICTIMS = ("orchestrator", "engine", "machine")
BLOWS: Sequence[tuple[str, signal.Signals, int]] = (
    ("kill -9", signal.SIGKILL, 1),
    ("SIGTERM", signal.SIGTERM, 1),
    ("SIGINT", signal.SIGINT, 1),
    ("SIGINT x2", signal.SIGINT, 2),
    ("SIGINT x5", signal.SIGINT, 5),
)
MOST_RERUNS = 5
BETWEEN_SIGNALS_SECONDS = 0.2
IN_FLIGHT = 2 / 3
"""Part of the rounds that strike while something is being made."""

CHAIN = 6
"""Changes that follow each other in an operation on both stacks."""


@dataclass
class Round:
    """One operation that was hit."""

    number: int
    operation: str
    victim: str
    blow: str
    in_flight: bool
    """Whether the seconds count from the first change in the cloud, or from the command's begin."""

    after_seconds: float
    hit: bool = False
    reruns: int = 0
    adopted: int = 0
    broken: list[str] = field(default_factory=list[str])


def strike(arena: Arena, process: subprocess.Popen[str], victim: str, sign: signal.Signals, times: int) -> bool:
    """Send the signals; False when there was nobody left to hit."""
    if victim == "machine":
        hit = arena.processes()
        for pid in hit:
            send(pid, signal.SIGKILL)
        return bool(hit)
    targets = [process.pid] if victim == "orchestrator" else arena.processes("pulumi")
    hit = [pid for pid in targets if pid != process.pid or process.poll() is None]
    for _ in range(times if hit else 0):
        for pid in hit:
            send(pid, sign)
        time.sleep(BETWEEN_SIGNALS_SECONDS)
    return bool(hit)


def play(arena: Arena, number: int, operation: str, chance: random.Random, lasts: float) -> Round:
    """One round: begin, strike, run again until it is done, look."""
    blow, sign, times = chance.choice(BLOWS)
    victim = chance.choice(VICTIMS)
    if victim == "machine":
        blow = "kill -9"
    in_flight = chance.random() < IN_FLIGHT
    after = chance.uniform(0, arena.cloud.rules().seconds * CHAIN if in_flight else lasts)
    this = Round(number, operation, victim, blow, in_flight, after)
    if operation == "update":
        arena.next_generation()
    done = len(arena.cloud.log())
    process = arena.start(*COMMANDS[operation])
    while in_flight and process.poll() is None and len(arena.cloud.log()) == done:
        time.sleep(0.02)
    time.sleep(this.after_seconds)
    this.hit = strike(arena, process, victim, sign, times)
    said = [finished(process, this)]
    while process.returncode != 0 and not nothing_left(arena, operation):
        if this.reruns == MOST_RERUNS:
            this.broken.append(f"not done after {MOST_RERUNS} reruns: {said[-1].strip()[-1500:]}")
            break
        this.reruns += 1
        process = arena.start(*COMMANDS[operation], "--wait", "3m")
        said.append(finished(process, this))
    this.adopted = "".join(said).count("taken into the state")
    if not arena.settle():
        this.broken.append("processes were left over")
    this.broken += arena.broken([] if operation == "destroy" else TOPICS)
    if this.broken:
        this.broken += ["the runs said:", *said]
    return this


def finished(process: subprocess.Popen[str], this: Round) -> str:
    try:
        results, told = process.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        results, told = process.communicate()
        this.broken.append(f"the orchestrator hung for {LONGEST_SECONDS} s")
    if "Traceback (most recent call last)" in results + told:
        this.broken.append("a traceback was shown")
    return f"{told}\n{results}"


def nothing_left(arena: Arena, operation: str) -> bool:
    """Whether a destroy was hit after its work was done: then the command finds no base any more."""
    return operation == "destroy" and not any(arena.checkpoint(project, stack) for _, project, stack in STACKS)


def table(rounds: Sequence[Round]) -> None:
    """What happened, by operation and victim."""
    print(f"{'operation':10} {'victim':13} {'rounds':>6} {'hit':>4} {'reruns':>6} {'adopted':>7} {'broken':>6}")
    for operation in COMMANDS:
        for victim in VICTIMS:
            these = [one for one in rounds if (one.operation, one.victim) == (operation, victim)]
            sums = (sum(one.hit for one in these), sum(one.reruns for one in these), sum(one.adopted for one in these))
            broken = sum(bool(one.broken) for one in these)
            print(
                f"{operation:10} {victim:13} {len(these):6} {sums[0]:4} {sums[1]:6} {sums[2]:7} {broken:6}", flush=True
            )
    blows = Counter(one.blow for one in rounds)
    print("blows: " + ", ".join(f"{count} {blow}" for blow, count in sorted(blows.items())))


def undisturbed(arena: Arena, operation: str) -> float:
    """Seconds that the operation takes when nobody strikes; ends the program when it fails even so."""
    began = time.monotonic()
    whole = Round(0, operation, "nobody", "none", False, 0)
    said = finished(arena.start(*COMMANDS[operation]), whole)
    whole.broken += arena.broken([] if operation == "destroy" else TOPICS)
    if whole.broken:
        raise SystemExit(f"undisturbed {operation} failed: {whole.broken}\n{said}")
    return time.monotonic() - began


def fresh(places: ExitStack, seconds: float) -> Arena:
    """A new arena, whose folder and server last as long as `places`."""
    folder = Path(places.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
    arena = Arena(folder, places.enter_context(serving(Cloud(folder / "cloud.json"))))
    arena.cloud.set_rules(Rules(seconds=seconds))
    return arena


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3, help="what the cloud takes for each change")
    options = parser.parse_args()
    # Started in the background, we would ignore it and so would all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chance = random.Random(options.seed)
    rounds: list[Round] = []
    with ExitStack() as places:
        arena = fresh(places, options.seconds)
        # One undisturbed turn tells how long there is something to disturb.
        lasts = {operation: undisturbed(arena, operation) for operation in COMMANDS}
        for number in range(1, options.rounds + 1):
            operation = list(COMMANDS)[(number - 1) % len(COMMANDS)]
            if rounds and rounds[-1].broken:
                arena = fresh(places, options.seconds)
                if operation != "create":
                    undisturbed(arena, "create")
            one = play(arena, number, operation, chance, lasts[operation])
            rounds.append(one)
            moment = "the first change" if one.in_flight else "the start"
            print(
                f"round {number:3} {operation:8} {one.blow:10} of {one.victim:13} {one.after_seconds:5.2f} s after "
                f"{moment}: {one.reruns} reruns, {one.adopted} adopted{', BROKEN' if one.broken else ''}",
                flush=True,
            )
            if one.broken:
                print("\n".join(one.broken), flush=True)
    table(rounds)
    return 1 if any(one.broken for one in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
