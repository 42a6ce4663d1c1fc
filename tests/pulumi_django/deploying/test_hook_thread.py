"""Blocking work of hooks: overlapping, cancelled with its hook, in the program's context."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from pulumi_django.deploying.hook_thread import in_thread
from pulumi_django.deploying.polling import Cancelled, Clock

GENEROUS_SECONDS = 30


def test_many_pieces_of_work_overlap() -> None:
    # Each waits for all the others, so that none ends unless all run at once; more than asyncio's own threads could.
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
