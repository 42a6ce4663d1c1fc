"""The start of a container again, after a changed file and after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.local import running
from orchestrator.local.addresses import Place
from orchestrator.local.folder import StateFolder
from orchestrator.local.prepare import Prepared, Wanted
from orchestrator.local.processes import Process, Program, Supervisor
from orchestrator.local.programs import LocalContainer, LocalService
from orchestrator.local.routes import Action, Routes
from orchestrator.local.running import Running
from orchestrator.local.tasks import Service, Task
from orchestrator.operations.events import Event, LogLine, Note
from tests.support.ports import free_port

LONG = 300
"""Seconds after which a test that waits fails."""


class Environment(Running):
    """An environment without servers. Its one container runs a script, and the test changes its files."""

    def __init__(self, folder: Path, script: str) -> None:
        self.events: list[Event] = []
        self.changes: asyncio.Queue[set[tuple[int, str]]] = asyncio.Queue()
        program = Program(
            name="job", words=["sh", "-c", script], environment={"PATH": os.environ["PATH"]}, folder=folder
        )
        service = LocalService(
            service=Service(name="alpha-job", short="job", task=Task(family="job", containers=[]), count=1),
            place=Place(address="127.0.0.1", ports={}),
            containers=[LocalContainer(service="job", program=program, from_code=True)],
        )
        prepared = SimpleNamespace(
            folder=StateFolder(folder),
            services=[service],
            routes=Routes(rules=[], otherwise=Action(kind="fixed-response"), checks={}),
            wanted=Wanted(name="alpha", port=free_port(), reload=True),
            code=folder,
            url="http://alpha.localhost",
            web="job",
            database=None,
            release=None,
            steps=[],
        )
        super().__init__(cast(Prepared, prepared), self.events.append, lambda: None)

    async def _start_database(self) -> None:
        """There is none."""

    _start_cache = _start_aws = _start_database

    def notes(self, part: str) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note) and part in event.text]

    def lines(self, text: str) -> int:
        return sum(isinstance(event, LogLine) and event.text == text for event in self.events)

    async def change(self) -> None:
        """Change a file of the working copy. Returns when the environment has noted it."""
        before = len(self.notes("changed"))
        self.changes.put_nowait({(2, "shop/urls.py")})
        await until(lambda: len(self.notes("changed")) > before)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.sleep(0.01)


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, script: str, act: Callable[[Environment], Awaitable[None]]
) -> None:
    """Run the environment while the test acts."""

    async def work() -> None:
        environment = Environment(folder, script)

        async def watch(*_: object, **__: object) -> AsyncIterator[Any]:
            while True:
                yield await environment.changes.get()

        monkeypatch.setattr("watchfiles.awatch", watch)
        doing = asyncio.ensure_future(environment.run())
        try:
            await act(environment)
        finally:
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await doing

    monkeypatch.setattr(running, "SETTLED_SECONDS", 0)
    asyncio.run(work())


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the test finds ended processes in /proc")
def test_a_crash_is_reported_even_when_a_file_changes_right_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The child keeps the output open, so the environment still waits for lines when the file changes.
    script = "echo $$ > pid; setsid sleep 10 & [ -e once ] && sleep 600; touch once; exit 3"

    async def act(environment: Environment) -> None:
        await until((tmp_path / "once").exists)
        first = int((tmp_path / "pid").read_text())
        await until(lambda: not exists(first))
        await environment.change()
        await until(lambda: environment.notes("ended"))
        assert environment.notes("ended") == ["job ended with exit code 3: it starts again in 1 s"]

    run(monkeypatch, tmp_path, script, act)


def test_a_file_that_changes_during_a_start_starts_the_container_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = Supervisor.start, 0

    async def act(environment: Environment) -> None:
        async def changed_meanwhile(supervisor: Supervisor, program: Program) -> Process:
            nonlocal started
            started += 1
            process = await start(supervisor, program)
            if started == 2:
                await environment.change()
            return process

        monkeypatch.setattr(Supervisor, "start", changed_meanwhile)
        await until(lambda: environment.lines("ready") == 1)
        await environment.change()
        await until(lambda: started == 3)
        # Nothing of the changes is left: the next end is a crash.
        (tmp_path / "crash").touch()
        await until(lambda: environment.notes("ended with exit code 3"))

    script = "echo ready; until [ -e crash ]; do sleep 0.1; done; exit 3"
    run(monkeypatch, tmp_path, script, act)


def test_a_container_that_still_stops_for_one_change_gets_no_second_signal_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "trap 'echo stop; stopped=1' TERM; echo ready; until [ -n \"$stopped\" ] && [ -e go ]; do sleep 0.1; done"

    async def act(environment: Environment) -> None:
        await until(lambda: environment.lines("ready") == 1)
        await environment.change()
        await until(lambda: environment.lines("stop") == 1)
        await environment.change()
        (tmp_path / "go").touch()
        await until(lambda: environment.lines("ready") == 2)
        assert environment.lines("stop") == 1

    run(monkeypatch, tmp_path, script, act)
