"""Time cold processes on the simulation engine: `--help`, `init`, `list` with 200 stacks, `create-env` of a base and an
environment, and the rehearsal of both engines."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import head, row, timed

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "orchestrator"]
STACKS = 200
REHEARSAL = """
import gc, time
gc.disable()  # as the command line does
from orchestrator import Orchestrator
from orchestrator.lifecycle import CreateEnv, rehearsal
job = Orchestrator(".", engine="simulation").prepare(CreateEnv(names=("alpha",), base="dev"))
began = time.process_time()
assert len(rehearsal.of(job)) == 2
print(time.process_time() - began)
"""


def project(folder: Path) -> Path:
    """Copy the projects of this repository into `folder`, and return it."""
    for name in ("orchestrator.toml", "projects"):
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder)
    return folder


# The real engine rehearses in a process of its own.
QUESTION = """
import pickle, sys
from orchestrator import Orchestrator
from orchestrator.engines.automation.rehearsal import Program, Question
from orchestrator.engines.protocol import Asked
from orchestrator.lifecycle import CreateEnv
orchestrator = Orchestrator(".", engine="simulation")
job = orchestrator.prepare(CreateEnv(names=("alpha",), base="dev"))
projects = orchestrator.context.settings.by_key
programs = [
    Program(
        asked=Asked(unit=unit, config=job.configs[unit].text()),
        project=projects[unit.project],
        reference_name=orchestrator.context.engine.reference_name(unit),
    )
    for unit in job.plan.units
]
open(sys.argv[1], "wb").write(pickle.dumps(Question(programs=programs, stacks={})))
"""


def _rehearsal(folder: Path) -> str:
    """The processor time of rehearsals of a base and an environment, with the load of the Pulumi SDK: least and median."""
    shutil.rmtree(folder / ".orchestrator", ignore_errors=True)
    words = [sys.executable, "-c", REHEARSAL]
    times = [float(subprocess.run(words, cwd=folder, capture_output=True, check=True).stdout) for _ in range(5)]
    return f"{min(times):.2f}, {statistics.median(times):.2f} s"


def _real_rehearsal(folder: Path) -> None:
    asked, answered = folder / "question", folder / "answer"
    subprocess.run([sys.executable, "-c", QUESTION, str(asked)], cwd=folder, check=True)
    words = [sys.executable, "-m", "orchestrator.engines.automation.rehearsal", str(asked), str(answered)]
    row("the rehearsal's process (real engine)", lambda: timed(words, folder))


def _init(folder: Path) -> None:
    """`init` in the shop, which has Celery, Channels, uploads and a Dockerfile."""
    shop = folder / "shop"
    shutil.copytree(ROOT / "examples" / "shop", shop, ignore=shutil.ignore_patterns("infrastructure", "__pycache__"))
    subprocess.run(["git", "init", "-q", str(shop)], check=True)

    def init() -> tuple[float, float, float]:
        shutil.rmtree(shop / "infrastructure", ignore_errors=True)
        return timed([*COMMAND, "init", "--yes"], shop)

    row("init --yes (examples/shop)", init)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        here = project(Path(name))
        head()
        row("orchestrator --help", lambda: timed([*COMMAND, "--help"], here))

        _init(here)

        def create() -> tuple[float, float, float]:
            shutil.rmtree(here / ".orchestrator", ignore_errors=True)
            return timed([*COMMAND, "create-env", "alpha", "--base", "dev"], here)

        row("create-env alpha --base dev (simulation)", create)
        print(f"{'  of that the rehearsal, processor time':42} {_rehearsal(here)}")
        _real_rehearsal(here)
        row("create-env again, nothing to do", lambda: timed([*COMMAND, "create-env", "alpha"], here))
        row("list, 2 stacks", lambda: timed([*COMMAND, "list"], here))
        state = here / ".orchestrator" / "simulation" / "app"
        for number in range(STACKS - 2):
            shutil.copy(state / "alpha.jsonl", state / f"env-{number}.jsonl")
        row(f"list, {STACKS} stacks", lambda: timed([*COMMAND, "list"], here))


if __name__ == "__main__":
    main()
