"""A small run of the fuzzer: bad input of every kind ends in a result or in one clear error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.fuzz import NAMES

ROOT = Path(__file__).parents[2]
FUZZ = [sys.executable, "benchmarks/fuzz.py"]


def test_hundreds_of_bad_inputs_end_without_a_traceback(tmp_path: Path) -> None:
    words = ["--inputs", "330", "--batch", "15", "--seed", "100", "--results", str(tmp_path / "results")]
    done = subprocess.run([*FUZZ, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [" ".join(row[:-4]) for row in rows[1:-1]] == NAMES
    assert rows[-1] == ["all", "330", "0"]


def test_a_stopped_run_continues_after_its_finished_batches(tmp_path: Path) -> None:
    words = ["--only", "dotenv", "--inputs", "30", "--batch", "10", "--results", str(tmp_path)]
    times: list[dict[str, int]] = []
    for _ in range(2):
        assert subprocess.run([*FUZZ, *words], cwd=ROOT, capture_output=True, check=False).returncode == 0
        times.append({path.name: path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())})
        (tmp_path / "dotenv-1000000.json").unlink()
    first, second = times
    assert list(first) == list(second) == [f"dotenv-100000{number}.json" for number in range(3)]
    assert [name for name in first if first[name] != second[name]] == ["dotenv-1000000.json"]
