"""Time cold processes on the simulation engine: `--help`, `list` with 200 stacks, `create-env` of a base and an environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import head, row, timed

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "orchestrator"]
STACKS = 200
REHEARSAL = """
import time
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


def _rehearsal(folder: Path) -> float:
    """The least processor time of three rehearsals of a base and an environment, with the load of the Pulumi SDK."""
    shutil.rmtree(folder / ".orchestrator", ignore_errors=True)
    words = [sys.executable, "-c", REHEARSAL]
    return min(float(subprocess.run(words, cwd=folder, capture_output=True, check=True).stdout) for _ in range(3))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        here = project(Path(name))
        head()
        row("orchestrator --help", lambda: timed([*COMMAND, "--help"], here))

        def create() -> tuple[float, float]:
            shutil.rmtree(here / ".orchestrator", ignore_errors=True)
            return timed([*COMMAND, "create-env", "alpha", "--base", "dev"], here)

        row("create-env alpha --base dev (simulation)", create)
        print(f"{'  of that the rehearsal, processor time':42} {_rehearsal(here):7.2f} s")
        row("create-env again, nothing to do", lambda: timed([*COMMAND, "create-env", "alpha"], here))
        row("list, 2 stacks", lambda: timed([*COMMAND, "list"], here))
        state = here / ".orchestrator" / "simulation" / "app"
        for number in range(STACKS - 2):
            shutil.copy(state / "alpha.jsonl", state / f"env-{number}.jsonl")
        row(f"list, {STACKS} stacks", lambda: timed([*COMMAND, "list"], here))


if __name__ == "__main__":
    main()
