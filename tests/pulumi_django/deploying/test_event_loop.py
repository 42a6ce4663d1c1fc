"""Hooks that run in threads, and the end of a program whose event loop has stopped."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pulumi_django.deploying import event_loop
from pulumi_django.deploying.event_loop import in_thread
from pulumi_django.deploying.polling import Cancelled, Clock

GENEROUS_SECONDS = 30


def test_many_pieces_of_work_overlap() -> None:
    # Each waits for all others, so none ends unless all run at once. There are more than asyncio's own threads.
    together = threading.Barrier(40)

    async def main() -> list[int]:
        def work(_: Clock) -> int:
            return together.wait(GENEROUS_SECONDS)

        return await asyncio.gather(*[in_thread(work, name="hook") for _ in range(40)])

    assert sorted(asyncio.run(main())) == list(range(40))


def test_what_the_work_raises_is_raised_to_the_hook() -> None:
    def work(_: Clock) -> None:
        raise RuntimeError("no such service")

    with pytest.raises(RuntimeError, match=r"^no such service$"):
        asyncio.run(in_thread(work, name="hook"))


def test_the_work_sees_the_context_of_its_hook() -> None:
    variable = contextvars.ContextVar("variable", default="outside")

    async def main() -> str:
        variable.set("inside")
        return await in_thread(lambda _: variable.get(), name="hook")

    assert asyncio.run(main()) == "inside"


def test_work_that_waits_ends_when_its_hook_is_cancelled() -> None:
    waiting, ended = threading.Event(), threading.Event()

    def work(clock: Clock) -> None:
        waiting.set()
        try:
            clock.sleep(GENEROUS_SECONDS * 100)
        except Cancelled:
            ended.set()
            raise

    async def main() -> None:
        hook = asyncio.ensure_future(in_thread(work, name="hook"))
        while not waiting.is_set():
            await asyncio.sleep(0)
        hook.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hook

    asyncio.run(main())

    assert ended.wait(GENEROUS_SECONDS)


def test_work_whose_program_is_gone_ends_in_silence() -> None:
    release, ended = threading.Event(), threading.Event()

    def work(_: Clock) -> None:
        release.wait(GENEROUS_SECONDS)
        ended.set()

    async def main() -> None:
        hook = asyncio.ensure_future(in_thread(work, name="leftover"))
        await asyncio.sleep(0)
        hook.cancel()

    asyncio.run(main())
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "leftover"]
    release.set()
    thread.join(GENEROUS_SECONDS)

    assert ended.is_set()
    assert not thread.is_alive()


# As in the language host: run the program, then wait for threads whose response never arrives.
HOST = """
import asyncio, sys, threading
from pulumi_django.deploying import event_loop

async def program():
    event_loop.watch(patience_seconds=0.2)
    threading.Thread(target=threading.Event().wait, daemon={ends}).start()

asyncio.run(program())
print("stopped", flush=True)
"""


def run(folder: Path, name: str, *, ends: bool) -> subprocess.CompletedProcess[str]:
    host = folder / name
    host.write_text(HOST.format(ends=ends), encoding="utf-8")
    words = [sys.executable, "-u", str(host)]
    root = str(Path(__file__).parents[3])
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=300, check=False, env={"PYTHONPATH": root}
    )


def test_a_program_of_the_language_host_ends_although_a_registration_waits_for_ever(tmp_path: Path) -> None:
    answer = run(tmp_path, "pulumi-language-python-exec", ends=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (event_loop.ALREADY_TOLD, "stopped\n", "")


def test_a_program_that_ends_by_itself_keeps_its_own_exit_code(tmp_path: Path) -> None:
    answer = run(tmp_path, "pulumi-language-python-exec", ends=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "stopped\n", "")


def test_other_processes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop.asyncio, "get_running_loop", lambda: pytest.fail("it looked for a loop"))
    event_loop.watch(command_line=[sys.executable, "-m", "pytest"])
    assert not event_loop._watching.is_set()
