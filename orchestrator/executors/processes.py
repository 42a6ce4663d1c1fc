"""Runs each unit in a process of its own on this machine, so simulated programs use all cores."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
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
        # An Event that all processes share would block `set` without end after a process that ended while it waited.
        self._guard = threading.Lock()
        self._interrupted = False
        self._workers: set[Connection] = set()
        """Connections through which the workers hear of an interrupt."""

    def send(self, task: Task, tell: Sink) -> Future[Answer]:
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        pipe: Any = self._context.Pipe
        ours, theirs = pipe(duplex=False)
        heard, interrupt = pipe(duplex=False)
        process = self._context.Process(
            target=_work, args=(task, theirs, heard), name=f"unit {task.request.unit}", daemon=True
        )
        process.start()
        theirs.close()
        heard.close()
        with self._guard:
            self._workers.add(interrupt)
            if self._interrupted:
                _send(interrupt)

        def listen() -> None:
            _listen(process, ours, tell, future)
            with self._guard:
                self._workers.discard(interrupt)
            interrupt.close()

        threading.Thread(target=listen, daemon=True).start()
        return future

    def interrupt(self) -> None:
        with self._guard:
            self._interrupted = True
            for each in self._workers:
                _send(each)


def _send(interrupt: Connection) -> None:
    with contextlib.suppress(OSError):  # the worker has ended
        interrupt.send_bytes(b"interrupt")


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


def _work(task: Task, theirs: Connection, heard: Connection) -> None:
    # Ctrl-C in the terminal reaches every process of the group; only the run handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard = threading.Lock()

    def tell(event: UnitEvent) -> None:
        with guard:
            theirs.send(("event", event))

    def interrupted(seconds: float) -> bool:
        try:
            return heard.poll(seconds) and bool(heard.recv_bytes())
        except (EOFError, OSError):  # the orchestrator is gone, and this unit goes on to its end
            time.sleep(seconds)
            return False

    try:
        answer = carry_out(task, tell, interrupted)
    except BaseException as error:  # also SystemExit of a program: the parent waits for an answer
        with guard:
            theirs.send(("error", error if isinstance(error, Exception) else RuntimeError(str(error))))
        return
    with guard:
        theirs.send(("answer", answer))
