"""A small run of the fuzzer: bad input of every kind ends in a result or in one clear error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.fuzz import NAMES

ROOT = Path(__file__).parents[2]


def test_hundreds_of_bad_inputs_end_without_a_traceback(tmp_path: Path) -> None:
    words = [
        "benchmarks/fuzz.py",
        "--inputs",
        "360",
        "--batch",
        "40",
        "--seed",
        "100",
        "--results",
        str(tmp_path / "results"),
    ]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [" ".join(row[:-4]) for row in rows[1:-1]] == NAMES
    assert rows[-1] == ["all", "360", "0"]


def test_a_stopped_run_continues_after_its_finished_batches(tmp_path: Path) -> None:
    words = ["benchmarks/fuzz.py", "--only", "dotenv", "--inputs", "20", "--batch", "10", "--results", str(tmp_path)]
    for expected in (["dotenv-1000000.json", "dotenv-1000001.json"], ["dotenv-1000001.json"]):
        assert subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False).returncode == 0
        assert sorted(path.name for path in tmp_path.iterdir())[-len(expected) :] == expected
        before = (tmp_path / "dotenv-1000001.json").stat().st_mtime_ns
        (tmp_path / "dotenv-1000000.json").unlink()
    assert (tmp_path / "dotenv-1000001.json").stat().st_mtime_ns == before
