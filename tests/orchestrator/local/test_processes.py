"""Processes on this machine: how they stop, and that none is left, however the orchestrator ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.local.processes import Process, Program, Supervisor
from orchestrator.operations.events import LogLine

LONG = 300
"""Seconds after which a test that waits for a process fails."""


def program(script: str, **given: object) -> Program:
    return Program(
        name="job",
        words=["sh", "-c", script],
        environment={"PATH": os.environ["PATH"]},
        folder=Path("/"),
        **given,  # type: ignore[arg-type]
    )


def supervised(work: Callable[[Supervisor, list[LogLine]], object]) -> list[LogLine]:
    lines: list[LogLine] = []

    async def run() -> None:
        supervisor = Supervisor(lines.append)
        supervisor.open()
        try:
            result = work(supervisor, lines)
            if asyncio.iscoroutine(result):
                await result
        finally:
            supervisor.close()

    asyncio.run(run())
    return lines


async def said(lines: list[LogLine], text: str) -> None:
    async with asyncio.timeout(LONG):
        while text not in [line.text for line in lines]:
            await asyncio.sleep(0.01)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or " Z " not in Path(f"/proc/{pid}/stat").read_text()


def gone(*pids: int) -> bool:
    until = time.monotonic() + LONG
    while any(map(exists, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(exists, pids))


def test_lines_of_both_outputs_are_read_without_colors() -> None:
    async def work(supervisor: Supervisor, _lines: list[LogLine]) -> None:
        process = await supervisor.finish(
            program("printf '\\033[32mgreen\\033[0m\\n'; echo error >&2; printf last; exit 3")
        )
        assert process.code == 3

    assert [line.text for line in supervised(work)] == ["green", "error", "last"]


def test_a_process_that_ignores_the_stop_signal_is_killed_after_its_stop_timeout() -> None:
    async def work(supervisor: Supervisor, lines: list[LogLine]) -> None:
        process = await supervisor.start(
            program("trap '' TERM; echo ready; while :; do sleep 0.1; done", stop_seconds=0.2)
        )
        await said(lines, "ready")
        await process.stop()
        assert process.code == -signal.SIGKILL

    supervised(work)


def test_the_stop_signal_reaches_the_program_and_what_it_left_behind_is_killed() -> None:
    found: list[Process] = []

    async def work(supervisor: Supervisor, lines: list[LogLine]) -> None:
        script = "trap 'echo bye; exit 0' TERM; sleep 600 & echo $!; echo ready; while :; do sleep 0.05; done"
        process = await supervisor.start(program(script))
        await said(lines, "ready")
        await process.stop()
        found.append(process)

    lines = [line.text for line in supervised(work)]
    assert lines[1:] == ["ready", "bye"]
    assert found[0].code == 0
    assert gone(int(lines[0]))


ORPHANS = """
import asyncio, os, sys
from pathlib import Path
from orchestrator.local.processes import Program, Supervisor

async def main():
    supervisor = Supervisor(lambda line: print(line.text, flush=True))
    supervisor.open()
    for trap in ("", "trap '' TERM;"):
        words = ["sh", "-c", trap + "sleep 600 & echo $$ $!; wait; while :; do sleep 0.1; done"]
        await supervisor.start(Program(name="job", words=words, environment={"PATH": os.environ["PATH"]}, folder=Path("/")))
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_nothing_is_left_when_the_orchestrator_is_killed() -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", ORPHANS],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert killed.stdout is not None
    with killed.stdout:
        pids = [int(pid) for _ in range(2) for pid in killed.stdout.readline().split()]
    assert len(pids) == 4
    killed.kill()
    killed.wait()
    assert gone(*pids)
