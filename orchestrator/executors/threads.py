"""Runs each unit in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonExecutor(Executor):
    """A daemon thread for each call, which does not keep the process alive.

    After a second Ctrl-C the process prints its report and ends, while an engine in a process of its own completes its
    operations; `ThreadPoolExecutor` would wait for them. The runner limits the number of calls.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # the caller of the future decides
                future.set_exception(error)

        future.set_running_or_notify_cancel()
        threading.Thread(target=work, name="orchestrator-unit", daemon=True).start()
        return future
