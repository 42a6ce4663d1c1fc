"""Runs units on the workers of a Dask cluster, for more units than one machine can run. Needs `pulumi-django[dask]`.

Each worker needs this package, the Pulumi CLI, credentials, and the same folder with `orchestrator.toml`. The state has to
be in a backend that all workers reach, such as `s3://`.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from orchestrator.engines.protocol import Sink
from orchestrator.errors import EngineUnavailableError
from orchestrator.events import UnitEvent
from orchestrator.executors.remote import Answer, RemoteExecutor, Task, carry_out

CONNECT_SECONDS = 10
LOCAL_WORKERS = 2
LOOPBACK = "127.0.0.1"


class DaskExecutor(RemoteExecutor):
    """A context manager that connects to the scheduler, or starts two local workers when no address is given."""

    def __init__(self, root: Path, engine: str, scheduler: str | None, threads: int) -> None:
        super().__init__(root, engine)
        self._scheduler, self._threads = scheduler, threads
        self._run = f"orchestrator-{uuid.uuid4().hex}"
        self._listeners: dict[str, Sink] = {}
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
        self._client.close()

    def send(self, task: Task, tell: Sink) -> Future[Answer]:
        key = f"{self._run}-{task.request.unit}"
        self._listeners[key] = tell
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        sent = self._client.submit(_work, task, self._run, key, key=key, pure=False, retries=0)
        sent.add_done_callback(lambda done: _settle(done, future))
        return future

    def interrupt(self) -> None:
        self._event.set()

    def _hear(self, said: Any) -> None:
        _moment, message = said
        listener: Callable[[UnitEvent], None] | None = self._listeners.get(message["key"])
        if listener is not None:
            listener(pickle.loads(message["event"]))


def _settle(done: Any, future: Future[Answer]) -> None:
    try:
        future.set_result(done.result())
    except BaseException as error:  # a worker that died, or any error of the scheduler
        future.set_exception(error)


def _work(task: Task, run: str, key: str) -> Answer:
    """Carry out a task; runs on a worker."""
    import distributed

    worker = distributed.get_worker()
    interrupted = distributed.Event(run, client=distributed.get_client())

    def tell(event: UnitEvent) -> None:
        worker.log_event(run, {"key": key, "event": pickle.dumps(event)})

    return carry_out(task, tell, lambda seconds: bool(interrupted.wait(timeout=seconds)))
