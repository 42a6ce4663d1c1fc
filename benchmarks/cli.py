"""Time cold processes on the simulation engine: `--help`, `list` with 200 stacks, `create-env` of a base and an environment."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measure import head, row, timed

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "orchestrator"]
STACKS = 200


def project(folder: Path) -> Path:
    """Copy the projects of this repository into `folder`, and return it."""
    for name in ("orchestrator.toml", "projects"):
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder)
    return folder


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        here = project(Path(name))
        head()
        row("orchestrator --help", lambda: timed([*COMMAND, "--help"], here))

        def create() -> tuple[float, float]:
            shutil.rmtree(here / ".orchestrator", ignore_errors=True)
            return timed([*COMMAND, "create-env", "alpha", "--base", "dev"], here)

        row("create-env alpha --base dev (simulation)", create)
        row("create-env again, nothing to do", lambda: timed([*COMMAND, "create-env", "alpha"], here))
        row("list, 2 stacks", lambda: timed([*COMMAND, "list"], here))
        state = here / ".orchestrator" / "simulation" / "app"
        for number in range(STACKS - 2):
            shutil.copy(state / "alpha.jsonl", state / f"env-{number}.jsonl")
        row(f"list, {STACKS} stacks", lambda: timed([*COMMAND, "list"], here))


if __name__ == "__main__":
    main()
