"""A program that failed does not hang because the engine still waits for its callbacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_django.deploying import program_end

# As the language host does it: run the program, then wait for threads that wait for an answer that never comes.
HOST = """
import asyncio, sys, threading
from pulumi_django.deploying import program_end

async def program():
    program_end.watch(patience_seconds=0.2)
    threading.Thread(target=threading.Event().wait, daemon={ends}).start()

asyncio.run(program())
print("stopped", flush=True)
"""


def run(folder: Path, name: str, *, ends: bool) -> subprocess.CompletedProcess[str]:
    host = folder / name
    host.write_text(HOST.format(ends=ends), encoding="utf-8")
    words = [sys.executable, "-u", str(host)]
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=60, check=False, env={"PYTHONPATH": root}
    )


def test_a_program_of_the_language_host_ends_although_a_registration_waits_for_ever(tmp_path: Path) -> None:
    answer = run(tmp_path, "pulumi-language-python-exec", ends=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (program_end.ALREADY_TOLD, "stopped\n", "")


def test_a_program_that_ends_by_itself_keeps_its_own_exit_code(tmp_path: Path) -> None:
    answer = run(tmp_path, "pulumi-language-python-exec", ends=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "stopped\n", "")


def test_other_processes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_end.asyncio, "get_running_loop", lambda: pytest.fail("it looked for a loop"))
    program_end.watch(command_line=[sys.executable, "-m", "pytest"])
    assert not program_end._watching.is_set()
