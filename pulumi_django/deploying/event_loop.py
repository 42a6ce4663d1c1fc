"""The event loop of a Pulumi program: work of hooks that must not block it, and the end of a program whose loop has stopped.

The engine calls back into the program for transforms and hooks, on the program's event loop. When the program fails, its
loop stops, and the SDK's language host waits for open registrations before it ends the process. A registration that waits
for a callback never gets its answer, so `pulumi up` would hang and never show the error. `watch` ends such a process.
"""

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
    """Run `work` in a thread of its own and return its result. It gets a clock that is cancelled together with the hook.

    `asyncio.to_thread` does not serve here. Its few threads also carry the SDK's calls to the engine, which must not queue
    behind rollouts, and the process joins them when it ends, so an interrupted program would hang.
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
            # The context holds the SDK's connection to the engine. Without it pulumi.log has no effect.
            deliver = functools.partial(outcome.set_result, context.run(work, clock))
        except Exception as error:  # the awaiting coroutine raises it
            deliver = functools.partial(outcome.set_exception, error)
        # The loop is closed after an interrupt, and nothing waits for the result.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, deliver)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await outcome
    finally:
        clock.cancel()


LANGUAGE_HOST = "pulumi-language-python-exec"
ALREADY_TOLD = 32
"""Exit code with which the language host reports that the error has been shown."""

PATIENCE_SECONDS = 10.0
"""Time within which open registrations can end by themselves."""

_watching = threading.Event()


def watch(patience_seconds: float = PATIENCE_SECONDS, command_line: Sequence[str] | None = None) -> None:
    """End the process some time after its event loop has stopped. Code that registers callbacks calls this.

    It acts only in a process of the language host, which runs one program. Elsewhere a stopped loop is normal.
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
