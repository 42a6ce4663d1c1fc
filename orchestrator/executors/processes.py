"""Runs each unit in a process of its own on this machine, so simulated programs use all cores."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from orchestrator.engines.protocol import Sink
from orchestrator.errors import StateError
from orchestrator.events import UnitEvent
from orchestrator.executors.remote import Answer, RemoteExecutor, Task, carry_out


class ProcessExecutor(RemoteExecutor):
    """A new process for each unit, so units share no memory."""

    def __init__(self, root: Path, engine: str) -> None:
        super().__init__(root, engine)
        self._context = multiprocessing.get_context("spawn")
        self._interrupted = self._context.Event()

    def send(self, task: Task, tell: Sink) -> Future[Answer]:
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_work, args=(task, theirs, self._interrupted), name=f"unit {task.request.unit}", daemon=True
        )
        process.start()
        theirs.close()
        threading.Thread(target=_listen, args=(process, ours, tell, future), daemon=True).start()
        return future

    def interrupt(self) -> None:
        self._interrupted.set()


def _listen(process: Any, ours: Connection, tell: Sink, future: Future[Answer]) -> None:
    try:
        while True:
            kind, said = ours.recv()
            if kind == "event":
                tell(said)
            elif kind == "answer":
                future.set_result(said)
                return
            else:
                future.set_exception(said)
                return
    except (EOFError, OSError):
        process.join()
        future.set_exception(
            StateError(
                f"the worker process ended without a result (exit code {process.exitcode})",
                "run the same command again: it continues",
            )
        )


def _work(task: Task, theirs: Connection, interrupted: Any) -> None:
    # Ctrl-C in the terminal reaches every process of the group; only the run handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard = threading.Lock()

    def tell(event: UnitEvent) -> None:
        with guard:
            theirs.send(("event", event))

    try:
        answer = carry_out(task, tell, interrupted.wait)
    except BaseException as error:  # also SystemExit of a program: the parent waits for an answer
        theirs.send(("error", error if isinstance(error, Exception) else RuntimeError(str(error))))
        return
    with guard:
        theirs.send(("answer", answer))
