"""A process that imports Pulumi's SDK once, and forks a host for each run of a program.

`python -P starter.py DESCRIPTOR`: a socket of the orchestrator. Each byte from it comes with the socket of a run. The process
has one thread and no connection, so forks are safe; it ends with the orchestrator, and hosts outlive both.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

_EXECUTOR_MODULES = (
    "argparse",
    "asyncio",
    "inspect",
    "logging",
    "runpy",
    "concurrent.futures",
    "pulumi",
    "pulumi.runtime",
)
"""The imports of `pulumi-language-python-exec`."""

_OFTEN_USED = ("pulumi_aws",)
"""Packages whose import has no effect besides time."""


def main(descriptor: int) -> None:
    """Serve the orchestrator until it ends."""
    path = list(sys.path)
    gc.disable()
    for name in _EXECUTOR_MODULES:
        importlib.import_module(name)
    kept = frozenset(sys.modules)
    for name in _OFTEN_USED:
        with suppress(ImportError):
            importlib.import_module(name)
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from orchestrator.engines.program_host import host
    from orchestrator.engines.program_host.program import Fresh

    sys.path[:] = path
    gc.freeze()
    gc.enable()
    orchestrator = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, lambda *_signal: _reap())
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(orchestrator, 1, 1)
        if not message:
            os._exit(0)
        run = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orchestrator.close()
            host.serve(run, Fresh(path=path, modules=kept))
        run.close()


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
