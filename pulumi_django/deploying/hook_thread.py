"""Runs blocking work of a resource hook in a thread of its own, so that the hooks of several resources overlap."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import TypeVar

from pulumi_django.deploying.polling import SystemClock

T = TypeVar("T")


async def in_thread(work: Callable[[SystemClock], T], *, name: str) -> T:
    """The result of `work`, which gets a clock that is cancelled together with the hook.

    Not `asyncio.to_thread`: its few threads also carry the SDK's calls to the engine, which must not queue behind
    rollouts; and its threads are joined when the process ends, so that an interrupted program would hang.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    clock = SystemClock()
    context = contextvars.copy_context()

    def settle(deliver: Callable[[], None]) -> None:
        if not outcome.done():
            deliver()

    def run() -> None:
        try:
            # The context carries the SDK's connection to the engine, without which pulumi.log goes nowhere.
            deliver = functools.partial(outcome.set_result, context.run(work, clock))
        except Exception as error:
            deliver = functools.partial(outcome.set_exception, error)
        # The loop is closed when the program was interrupted: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, deliver)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await outcome
    finally:
        clock.cancel()
