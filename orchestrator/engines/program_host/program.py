"""The process of one program. It runs `pulumi-language-python-exec`, as the CLI's host does in a new interpreter."""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NoReturn

GRACE_SECONDS = 5
"""Time between the interrupt of a program and its end by force, as in the CLI's host."""


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """The state of a new interpreter: its search path, and the modules that the executor itself imports."""

    path: Sequence[str]
    modules: Collection[str]


def run(host: socket.socket, output: int, errors: int, executor: str, fresh: Fresh) -> NoReturn:
    """Wait for the arguments of the program from the host, then run it. Ends the process.

    Only this process runs here: it was forked for this, and its streams are pipes of the host.
    """
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for descriptor in (output, errors):
        os.close(descriptor)
    asked = host.makefile("rb").readline()
    if not asked:  # the host has ended without a run
        os._exit(0)
    told = json.loads(asked)
    threading.Thread(target=_follow, args=(host,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for the processes in its background
    os.environ.update(told["environment"])
    sys.argv = [executor, *told["arguments"]]
    sys.path[:] = [os.path.dirname(executor), *fresh.path]
    _forget(told["folder"], fresh.modules)
    runpy.run_path(executor, run_name="__main__")
    sys.exit(0)


def _follow(host: socket.socket) -> None:
    """End with the host, which interrupts its program before it ends."""
    while host.recv(1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def _forget(folder: str, kept: Collection[str]) -> None:
    """Forget imported modules that the program would find elsewhere: ours, and those that its folder has too."""
    try:
        own = {name.partition(".")[0] for name in os.listdir(folder)}
    except OSError:
        own = set[str]()
    own |= {name.partition(".")[0] for name in os.listdir(os.path.dirname(sys.argv[0]))}
    for name in tuple(sys.modules):
        top = name.partition(".")[0]
        if name not in kept and (top == "orchestrator" or top in own) and name != "__main__":
            del sys.modules[name]
