"""Ends a Pulumi program that has failed and that the engine still asks something.

The engine calls back into the program for transforms and hooks, on the program's event loop. When the program fails, its
loop stops, and the SDK's language host waits for the registrations in flight before it ends the process. A registration that
waits for a callback is never answered then: `pulumi up` would hang for ever, after an error that it does not show.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

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
