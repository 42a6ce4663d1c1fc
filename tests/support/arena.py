"""A base and an environment of eight topics on the real engine, run by the orchestrator's command line as users do."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.standin import plugins
from tests.support.standin.aws_server import credentials
from tests.support.standin.cloud import Cloud, Rules

STACKS = (("base", "chaos-base", "dev"), ("app", "chaos-app", "alpha"))
TOPICS = ["first", "five", "four", "left", "one", "right", "three", "two"]
TOPIC_TYPE = "aws:sns/topic:Topic"
CREATE = ("create-env", "alpha", "--base", "dev")
UPDATE = ("update-base", "dev", "--with-envs")
DESTROY = ("destroy-base", "dev", "--cascade")
LONGEST_SECONDS = 240
LANGUAGE_HOST = "pulumi-language"  # Linux keeps 15 characters of a process's name
SETTINGS = """
[projects.base]
path = "base"
scope = "base"

[projects.app]
path = "app"
scope = "environment"
depends_on = ["base"]
"""


@dataclass(frozen=True)
class Said:
    """A command that ended."""

    code: int
    results: str
    """What stands on standard output."""

    told: str
    """What stands on standard error."""

    @property
    def text(self) -> str:
        """Everything."""
        return f"{self.told}\n{self.results}"


class Arena:
    """A folder with the projects, the state and the cloud.

    `address` is where a little AWS answers (`aws_server.serving`); `state` is the folder of the state, else one inside;
    `backend` another address for it.
    """

    def __init__(self, folder: Path, address: str, *, state: Path | None = None, backend: str | None = None) -> None:
        self.folder, self.cloud = folder, Cloud(folder / "cloud.json")
        shutil.copytree(plugins.ROOT / "tests" / "fixtures" / "chaos", folder, dirs_exist_ok=True)
        (folder / "orchestrator.toml").write_text(SETTINGS, encoding="utf-8")
        self.state = state or folder / "state"
        self.state.mkdir(exist_ok=True)
        self.env = {**os.environ, **credentials(address), "PYTHONPATH": str(plugins.ROOT), "NO_COLOR": "1"}
        self.env["PULUMI_BACKEND_URL"] = backend or f"file://{self.state}"
        # The faults of these tests belong to updates: nothing is previewed before them.
        self.env["ORCHESTRATOR_CHECK"] = "false"
        plugins.install(folder, self.cloud.file, self.env.__setitem__)
        self.address = address
        self.generation = 1
        self.configure()

    def checkout(self, folder: Path) -> Arena:
        """What a second user has: the same projects, state and cloud, in a folder of their own."""
        folder.mkdir()
        other = Arena(folder, self.address, state=self.state)
        other.cloud, other.generation = self.cloud, self.generation
        other.env |= {"STANDIN_CLOUD": str(self.cloud.file), "USER": "grace", "LOGNAME": "grace"}
        for key, _, stack in STACKS:
            shutil.copyfile(self.config(key, stack), other.config(key, stack))
        return other

    # what the user has

    def configure(self) -> None:
        """Write the stacks' configuration; keeps what the CLI wrote beside it."""
        for key, project, stack in STACKS:
            file = self.config(key, stack)
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            kept = [line for line in lines if line.startswith(("encryptionsalt", "secretsprovider"))]
            base = [f"  {project}:base: dev"] if key == "app" else []
            config = ["config:", f'  {project}:generation: "{self.generation}"', *base]
            file.write_text("\n".join([*kept, *config, ""]), encoding="utf-8")

    def config(self, key: str, stack: str) -> Path:
        return self.folder / key / f"Pulumi.{stack}.yaml"

    def next_generation(self) -> None:
        """Make the next update replace two topics and change all that follow them."""
        self.generation += 1
        self.configure()

    def program(self, key: str) -> Path:
        """The program of the project `base` or `app`."""
        return self.folder / key / "__main__.py"

    # running

    def start(self, *words: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Begin a command of the orchestrator; `before` are words of a program that starts it."""
        whole = [*before, sys.executable, "-m", "orchestrator", *words, "--engine", "pulumi"]
        if words[0].partition("-")[0] in ("create", "update", "destroy"):
            whole.append("--yes")
        return subprocess.Popen(
            whole, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: str, seconds: float = LONGEST_SECONDS, before: Sequence[str] = ()) -> Said:
        """A command from beginning to end; AssertionError when it shows a traceback."""
        return self.end(self.start(*words, before=before), seconds)

    def power_off(self) -> bool:
        """End all that runs here at once; False when nothing does. Stopped first, none sees another one die."""
        hit = self.processes()
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for pid in hit:
                send(pid, sign)
        return bool(hit)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """The machine loses its power during a command."""
        self.power_off()
        process.communicate()

    def end(self, process: subprocess.Popen[str], seconds: float = LONGEST_SECONDS) -> Said:
        """Wait for a command."""
        results, told = process.communicate(timeout=seconds)
        assert "Traceback (most recent call last)" not in results + told, results + told
        return Said(process.returncode, results, told)

    def pulumi(self, key: str, *words: str) -> Said:
        """A command of the CLI itself in the project's folder."""
        whole = ["pulumi", "--non-interactive", *words]
        done = subprocess.run(
            whole,
            cwd=self.folder / key,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def processes(self, program: str | None = None) -> list[int]:
        """What runs here, found by the environment that we gave it."""
        mark = f"PULUMI_HOME={self.folder / 'home'}".encode()
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                name = (folder / "comm").read_text().strip()
                if mark in (folder / "environ").read_bytes().split(b"\0") and program in (None, name):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def settle(self, seconds: float = LONGEST_SECONDS) -> bool:
        """Wait until nothing runs here any more; what then still does is killed.

        A language host whose engine is gone does nothing, and ends by itself when it looks for it, after minutes.
        """
        deadline = time.monotonic() + seconds
        while (left := set(self.processes()) - set(self.processes(LANGUAGE_HOST))) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in self.processes():
            send(pid, signal.SIGKILL)
        return not left

    def redate(self, shift: timedelta) -> None:
        """As if all that carries a time had been written at another one: locks, notes, records, checkpoints."""

        def moved(found: re.Match[str]) -> str:
            try:
                return (datetime.fromisoformat(found[0]) + shift).strftime("%Y-%m-%dT%H:%M:%S")
            except (ValueError, OverflowError):
                return found[0]

        for file in (self.state / ".pulumi").rglob("*"):
            if file.suffix in (".json", ".pulumi-tags") and "history" not in file.parts:
                text = file.read_text(encoding="utf-8")
                file.write_text(re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", moved, text), encoding="utf-8")

    def refuse(self, **errors: str) -> None:
        """Let the cloud refuse `create_NAME="why"`, `delete_NAME=...`; nothing when called without."""
        self.cloud.set_rules(Rules(refuse={key.replace("_", ":", 1): text for key, text in errors.items()}))

    # looking

    def checkpoint_file(self, project: str, stack: str) -> Path:
        return self.state / ".pulumi" / "stacks" / project / f"{stack}.json"

    def checkpoint(self, project: str, stack: str) -> dict[str, Any] | None:
        file = self.checkpoint_file(project, stack)
        return json.loads(file.read_text(encoding="utf-8"))["checkpoint"]["latest"] if file.exists() else None

    def locks(self) -> list[Path]:
        return list((self.state / ".pulumi" / "locks").rglob("*.json"))

    def broken(self, topics: list[str]) -> list[str]:
        """What is not as it must be when the cloud should have these topics: lost, doubled, left over."""
        found: list[str] = []
        cloud = {(item["urn"], item["id"]) for item in self.cloud.resources().values()}
        known: set[tuple[str, str]] = set()
        for file in sorted((self.state / ".pulumi" / "stacks").glob("*/*.json")):
            latest = json.loads(file.read_text(encoding="utf-8"))["checkpoint"]["latest"] or {}
            known |= {(r["urn"], r["id"]) for r in latest.get("resources") or () if r["type"] == TOPIC_TYPE}
            if latest.get("pending_operations"):
                found.append(f"{file.parent.name}/{file.stem} has pending operations")
        found += [f"lost: {urn.rpartition('::')[2]} ({id_}) is in no state" for urn, id_ in sorted(cloud - known)]
        found += [
            f"a ghost: {urn.rpartition('::')[2]} ({id_}) is in the state only" for urn, id_ in sorted(known - cloud)
        ]
        urns = Counter(item["urn"] for item in self.cloud.resources().values())
        found += [f"{urn.rpartition('::')[2]} is there {count} times" for urn, count in urns.items() if count > 1]
        names = self.cloud.names()
        if names != topics:
            found.append(f"the cloud has {names}")
        # One whose owner is gone holds nobody up: the next operation on its stack removes it.
        held = [path.name for path in self.locks() if alive(json.loads(path.read_text())["pid"])]
        return found + [f"a lock is left: {name}" for name in held]


def send(pid: int, sign: signal.Signals) -> None:
    """A signal to a process that may be gone already."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def alive(pid: int) -> bool:
    """Whether a process runs."""
    return Path(f"/proc/{pid}").exists()


def until(condition: Callable[[], Any], seconds: float = 120) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
