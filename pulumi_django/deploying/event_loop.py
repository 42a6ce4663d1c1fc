"""The event loop of a Pulumi program: hooks that must not block it, and a program whose loop has stopped."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
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


LANGUAGE_HOST = "pulumi-language-python-exec"
ALREADY_TOLD = 32
"""Exit code by which the language host says that the error has been shown."""

PATIENCE_SECONDS = 10.0
"""Time that registrations in flight have to end by themselves."""

_watching = threading.Event()


def watch(patience_seconds: float = PATIENCE_SECONDS, command_line: Sequence[str] | None = None) -> None:
    """Be called by whatever registers callbacks: end the process some time after its event loop has stopped.

    Only in a process of the language host, which runs one program and ends: elsewhere a stopped loop is nothing unusual.
    """
    words = sys.orig_argv if command_line is None else command_line
    if _watching.is_set() or not any(Path(word).name == LANGUAGE_HOST for word in words[:3]):
        return
    _watching.set()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_end_after, args=(loop, patience_seconds), name="program-end", daemon=True).start()


def _end_after(loop: asyncio.AbstractEventLoop, patience_seconds: float) -> None:
    while loop.is_running():
        time.sleep(min(1.0, patience_seconds))
    time.sleep(patience_seconds)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ALREADY_TOLD)
