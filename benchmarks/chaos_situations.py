"""The situations of the chaos runs. Each starts a command, disturbs it, runs it again until it succeeds, and records what broke.

Situations of the first stage create all resources, those of the second stage change them, and those of the third stage destroy them.
So a round needs no preparation.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.support import namespaces
from tests.support.arena import CREATE, DESTROY, LONGEST_SECONDS, TOPICS, UPDATE, Arena, send

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
"""The share of rounds that strike while a resource is being created."""

CHAIN = 6
"""The number of consecutive changes in an operation on both stacks."""

SLEEPER = [sys.executable, "-c", "import time; time.sleep(3600)"]
SLOW_END = """
import sys, time
if "orchestrator" not in sys.modules:  # the estimate of the costs also runs the program, and would wait for its time limit
    pulumi.export("end", pulumi.Output.all(*topics).apply(lambda _: time.sleep(3600)))
"""


@dataclass
class Round:
    """The record of a disturbed command, or of two at the same time."""

    seed: int
    number: int
    situation: str
    detail: str = ""
    hit: bool = False
    reruns: int = 0
    adopted: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list[str])
    said: list[str] = field(default_factory=list[str])


@dataclass
class Play:
    """The surroundings of a round."""

    arena: Arena
    chance: random.Random
    this: Round
    lasts: Mapping[str, float]
    """The seconds of each undisturbed command."""

    def begin(self, *words: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command, and wait a random time from its start or from its first change in the cloud."""
        arena, done = self.arena, len(self.arena.cloud.log())
        process = arena.start(*words, before=before)
        lasts = self.lasts.get(words[0].partition("-")[0], 5.0)
        in_flight = self.chance.random() < IN_FLIGHT
        after = self.chance.uniform(0, arena.cloud.rules().seconds * CHAIN if in_flight else lasts)
        while in_flight and process.poll() is None and len(arena.cloud.log()) == done:
            time.sleep(0.02)
        time.sleep(after)
        self.this.detail += f" {after:.2f} s after {'the first change' if in_flight else 'the start'}"
        return process

    def ended(self, process: subprocess.Popen[str]) -> int:
        """Wait for a command, and return its exit code."""
        try:
            results, told = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            results, told = process.communicate()
            self.this.broken.append(f"a command hung for {LONGEST_SECONDS} s")
        if "Traceback (most recent call last)" in results + told:
            self.this.broken.append("a traceback was shown")
        self.this.said.append(f"{told}\n{results}")
        self.this.adopted += told.count("is now in the state")
        return process.returncode

    def finish(self, code: int, *words: str) -> None:
        """Run the command again until it succeeds, and check the result."""
        while code != 0 and not (words == DESTROY and self.nothing_left()):
            if self.this.reruns == MOST_RERUNS:
                self.this.broken.append(f"not done after {MOST_RERUNS} reruns: {self.this.said[-1].strip()[-1500:]}")
                break
            self.this.reruns += 1
            code = self.ended(self.arena.start(*words, "--wait", "3m"))
        if not self.arena.settle():
            self.this.broken.append("processes were left over")
        self.this.broken += self.arena.broken([] if words == DESTROY else TOPICS)

    def nothing_left(self) -> bool:
        """Return whether no stack is left: a destroy that was hit after its work finds no base."""
        return not list((self.arena.state / ".pulumi" / "stacks").glob("*/*.json"))


def kill(play: Play, operation: str) -> None:
    """Send signals, or cut the power of the whole machine."""
    blow, sign, times = play.chance.choice(BLOWS)
    victim = play.chance.choice(VICTIMS)
    blow = "kill -9" if victim == "machine" else blow
    play.this.detail = f"{blow} of {victim}"
    process = play.begin(*COMMANDS[operation])
    play.this.hit = _strike(play.arena, process, victim, sign, times)
    play.finish(play.ended(process), *COMMANDS[operation])


def _strike(arena: Arena, process: subprocess.Popen[str], victim: str, sign: signal.Signals, times: int) -> bool:
    """Send the signals. Return False if no process was left."""
    if victim == "machine":
        return arena.power_off()
    targets = [process.pid] if victim == "orchestrator" else arena.processes("pulumi")
    hit = [pid for pid in targets if pid != process.pid or process.poll() is None]
    for _ in range(times if hit else 0):
        for pid in hit:
            send(pid, sign)
        time.sleep(BETWEEN_SIGNALS_SECONDS)
    return bool(hit)


def outputs(play: Play) -> None:
    """Kill the engine between a stack's last resource and its outputs."""
    key = play.chance.choice(("base", "app"))
    program = play.arena.program(key)
    whole = program.read_text(encoding="utf-8")
    listed = whole.replace("aws.sns.Topic(", "topic(")
    made = "topics = []\ndef topic(*a, **k):\n    topics.append(aws.sns.Topic(*a, **k).arn)\n    return type('T', (), {'arn': topics[-1]})\n"
    changed = listed.replace("provider = ", f"{made}provider = ", 1) + SLOW_END
    program.write_text(changed, encoding="utf-8")
    play.this.detail = f"kill -9 of machine before the outputs of {key}"
    count = 3 if key == "base" else len(TOPICS)
    process = play.arena.start(*CREATE)
    try:
        while process.poll() is None and len(play.arena.cloud.names()) < count:
            time.sleep(0.05)
        time.sleep(play.arena.cloud.rules().seconds + 1)
        play.this.hit = process.poll() is None
        play.arena.kill(process)
    finally:
        program.write_text(whole, encoding="utf-8")
    play.finish(1, *CREATE)


def apply(play: Play) -> None:
    """Kill the machine during `apply`, and apply the plan again afterwards."""
    plan = str(play.arena.folder / f"plan-{play.this.seed}-{play.this.number}")
    play.ended(play.arena.start("preview-env", "alpha", "--base", "dev", "--save-plan", plan))
    play.this.detail = "kill -9 of machine during apply"
    process = play.begin("apply", plan, "--yes")
    play.this.hit = process.poll() is None
    play.arena.kill(process)
    play.finish(1, "apply", plan, "--yes")
    if play.ended(play.arena.start("apply", plan, "--yes")) != 0 or "nothing left to do" not in play.this.said[-1]:
        play.this.broken.append("a second apply does not report that nothing is left to do")


def full_disk(play: Play) -> None:
    """Fill the disk of the state for a while."""
    process = play.begin(*CREATE)
    filler = play.arena.state / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        play.this.hit = process.poll() is None
    code = play.ended(process)
    filler.unlink()
    play.finish(code, *CREATE)


def namespace(play: Play, operation: str) -> None:
    """Run a second command on the same state, in another PID namespace with the same host name."""
    inside = play.chance.random() < 0.5
    play.this.detail = "the first inside" if inside else "the second inside"
    words = COMMANDS[operation]
    first = play.begin(*words, before=namespaces.WORDS if inside else ())
    play.this.hit = first.poll() is None
    second = play.arena.start(*words, before=() if inside else namespaces.WORDS)
    codes = {play.ended(second), play.ended(first)}
    if "was removed" in play.this.said[0]:
        play.this.broken.append("the second took the lock of the first")
    play.finish(min(codes), *words)


def pid_reuse(play: Play) -> None:
    """Give the process id of a killed engine to another program."""
    process = play.begin(*UPDATE)
    play.arena.kill(process)
    pids = [json.loads(lock.read_text())["pid"] for lock in play.arena.locks()]
    others = [other for pid in pids if (other := namespaces.reused(pid, lambda: subprocess.Popen(SLEEPER)))]
    play.this.hit, play.this.detail = bool(others), f"{len(others)} of {len(pids)} numbers" + play.this.detail
    try:
        play.finish(1, *UPDATE)
    finally:
        for other in others:
            other.kill()
            other.wait()


def stopped(play: Play) -> None:
    """Stop a process (SIGSTOP) while another process runs the same command."""
    victim = play.chance.choice(VICTIMS)
    play.this.detail = f"SIGSTOP of {victim}"
    process = play.begin(*UPDATE)
    pids = {"orchestrator": [process.pid], "engine": play.arena.processes("pulumi")}.get(victim, play.arena.processes())
    for pid in pids:
        send(pid, signal.SIGSTOP)
    play.this.hit = bool(pids) and process.poll() is None
    play.ended(play.arena.start(*UPDATE))
    for pid in pids:
        send(pid, signal.SIGCONT)
    play.finish(play.ended(process), *UPDATE)


def clock(play: Play) -> None:
    """Move the clock by hours after a kill: every recorded time lies far in the past or in the future."""
    shift = timedelta(hours=play.chance.choice((-30_000, -25, -1, 1, 25, 30_000)))
    process = play.begin(*UPDATE)
    play.this.hit = process.poll() is None
    play.arena.kill(process)
    play.arena.redate(shift)
    play.this.detail = f"the clock jumps by {-shift.total_seconds() / 3600:.0f} h" + play.this.detail
    play.finish(1, *UPDATE)


def two_users(play: Play) -> None:
    """Run the same command from the checkout of a second user on the same state."""
    folder = play.arena.folder.parent / f"{play.arena.folder.name}-second"
    second = play.arena.checkout(folder)
    try:
        first = play.begin(*UPDATE, "--wait", "3m")
        play.this.hit = first.poll() is None
        codes = {play.ended(second.start(*UPDATE, "--wait", "3m")), play.ended(first)}
        if codes != {0}:
            play.this.broken.append(f"a command with --wait failed: {codes}")
        play.finish(0, *UPDATE)
    finally:
        second.settle()
        shutil.rmtree(folder, ignore_errors=True)


def cascade(play: Play) -> None:
    """Destroy a base with its environments while another environment is created on it."""
    arena, words = play.arena, ("create-env", "beta", "--base", "dev")
    one, other = (words, DESTROY) if play.chance.random() < 0.5 else (DESTROY, words)
    play.this.detail = f"{one[0]} first"
    first = play.begin(*one)
    play.this.hit = first.poll() is None
    second = arena.start(*other)
    codes = {one: play.ended(first), other: play.ended(second)}
    base = (arena.checkpoint("chaos-base", "dev") or {}).get("resources") or []
    beta = (arena.checkpoint("chaos-app", "beta") or {}).get("resources") or []
    topics = [resource for resource in base if resource["type"] == "aws:sns/topic:Topic"]
    if len(beta) > 1 and len(topics) < 3:
        play.this.broken.append("an environment has no base")
    if codes[words] == 0 and codes[DESTROY] != 0 and not beta:
        play.this.broken.append("create-env succeeded, and the environment does not exist")
    # A create after the destroy creates the base again from its configuration.
    play.finish(0 if play.nothing_left() else 1, *DESTROY)
    arena.config("app", "beta").unlink(missing_ok=True)


Situation = Callable[[Play], None]
STAGES: Sequence[Mapping[str, Situation]] = (
    {
        "kill create": lambda play: kill(play, "create"),
        "kill before outputs": outputs,
        "kill apply": apply,
        "full disk": full_disk,
        "namespace create": lambda play: namespace(play, "create"),
    },
    {
        "kill update": lambda play: kill(play, "update"),
        "pid reuse": pid_reuse,
        "namespace update": lambda play: namespace(play, "update"),
        "stopped": stopped,
        "clock jump": clock,
        "two users": two_users,
    },
    {"kill destroy": lambda play: kill(play, "destroy"), "cascade against create": cascade},
)
"""The situations of each stage."""


def possible(situation: str, disk: Path | None) -> bool:
    """Return whether this user can play the situation on this machine."""
    if situation == "full disk":
        return disk is not None
    if situation == "pid reuse":
        return namespaces.reusable()
    return namespaces.possible() if situation.startswith("namespace") else True
