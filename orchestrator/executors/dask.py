"""Runs units on the workers of a Dask cluster, for more units than one machine can run. Needs `pulumi-django[dask]`.

Each worker needs this package, the Pulumi CLI, credentials, and the same folder with `orchestrator.toml`. The state has to
be in a backend that all workers reach, such as `s3://`.
"""

from __future__ import annotations

import pickle
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from orchestrator.engines.protocol import Sink
from orchestrator.errors import EngineUnavailableError
from orchestrator.events import UnitEvent
from orchestrator.executors.remote import Answer, RemoteExecutor, Task, carry_out

CONNECT_SECONDS = 10
NO_WORKER_SECONDS = 60.0
"""Time without any worker after which the units fail. Until then a worker that died may be replaced."""

_LOOK_SECONDS = 1.0
LOCAL_WORKERS = 2
LOOPBACK = "127.0.0.1"


class DaskExecutor(RemoteExecutor):
    """A context manager that connects to the scheduler, or starts two local workers when no address is given."""

    def __init__(self, root: Path, engine: str, scheduler: str | None, threads: int) -> None:
        super().__init__(root, engine)
        self._scheduler, self._threads = scheduler, threads
        self._run = f"orchestrator-{uuid.uuid4().hex}"
        self._listeners: dict[str, Sink] = {}
        self._waiting: dict[str, tuple[Any, Future[Answer]]] = {}
        self._closed = threading.Event()
        self._client: Any = None
        self._event: Any = None

    def __enter__(self) -> Self:
        try:
            import distributed
        except ImportError:
            raise EngineUnavailableError(
                'the executor "dask" is not installed', "install it: pip install 'pulumi-django[dask]'"
            ) from None
        self._client = self._connected(distributed)
        if not self._client.scheduler_info()["workers"]:
            self.close()
            raise EngineUnavailableError(
                f"the Dask scheduler {self._scheduler} has no worker", f"start one: `dask worker {self._scheduler}`"
            )
        self._event = distributed.Event(self._run, client=self._client)
        self._client.subscribe_topic(self._run, self._hear)
        threading.Thread(target=self._watch, name="dask workers", daemon=True).start()
        return self

    def _connected(self, distributed: Any) -> Any:
        """A client of the scheduler or of a new local cluster. Raises EngineUnavailableError."""
        try:
            if self._scheduler:
                return distributed.Client(self._scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
            return distributed.Client(
                n_workers=LOCAL_WORKERS,
                threads_per_worker=max(self._threads // LOCAL_WORKERS, 1),
                host=LOOPBACK,
                # Without a host the dashboard would listen on all network interfaces of this machine.
                dashboard_address=f"{LOOPBACK}:0",
                set_as_default=False,
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineUnavailableError(
                f"the Dask scheduler {self._scheduler} cannot be reached: {error}",
                "start it (`dask scheduler`), or correct runner.scheduler in orchestrator.toml",
            ) from error

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; a local cluster that was started here ends."""
        self._closed.set()
        self._client.close()

    def send(self, task: Task, tell: Sink) -> Future[Answer]:
        key = f"{self._run}-{task.request.unit}"
        self._listeners[key] = tell
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        sent = self._client.submit(_work, task, self._run, key, key=key, pure=False, retries=0)
        self._waiting[key] = (sent, future)
        sent.add_done_callback(lambda done: self._settle(key, done))
        return future

    def interrupt(self) -> None:
        self._event.set()

    def _watch(self) -> None:
        """Fail the units when no worker comes back. The scheduler itself waits for one without end."""
        without = 0.0
        while not self._closed.wait(_LOOK_SECONDS):
            # When the scheduler is lost, the client ends the units itself.
            with suppress(OSError, TimeoutError, ValueError, RuntimeError):
                without = 0.0 if self._client.scheduler_info()["workers"] else without + _LOOK_SECONDS
            if without < NO_WORKER_SECONDS:
                continue
            for key, (sent, future) in [*self._waiting.items()]:
                self._waiting.pop(key, None)
                error = EngineUnavailableError(
                    f"the Dask scheduler {self._client.scheduler.address} has had no worker for {NO_WORKER_SECONDS:g} s",
                    "start one, then run the same command again: it continues",
                )
                with suppress(InvalidStateError):
                    future.set_exception(error)
                sent.cancel()

    def _settle(self, key: str, done: Any) -> None:
        _, future = self._waiting.pop(key, (None, None))
        if future is None:
            return
        with suppress(InvalidStateError):
            try:
                future.set_result(done.result())
            except BaseException as error:  # a worker that died, or any error of the scheduler
                future.set_exception(error)

    def _hear(self, said: Any) -> None:
        _moment, message = said
        listener: Callable[[UnitEvent], None] | None = self._listeners.get(message["key"])
        if listener is not None:
            listener(pickle.loads(message["event"]))


def _work(task: Task, run: str, key: str) -> Answer:
    """Carry out a task; runs on a worker."""
    import distributed

    worker = distributed.get_worker()
    interrupted = distributed.Event(run, client=distributed.get_client())

    def tell(event: UnitEvent) -> None:
        worker.log_event(run, {"key": key, "event": pickle.dumps(event)})

    return carry_out(task, tell, lambda seconds: bool(interrupted.wait(timeout=seconds)))
