"""Sends the work of a unit to another process, which carries it out with an engine of its own.

The worker needs the same folder with `orchestrator.toml` and the projects, at the same path or in ORCHESTRATOR_PROJECT_DIR.
Configuration files travel with the work, and back when the CLI changed them.
"""

from __future__ import annotations

import os
import tempfile
import threading
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.config import settings
from orchestrator.config.stack_config import config_path
from orchestrator.config.yaml_files import write_text
from orchestrator.engines import factory
from orchestrator.engines.protocol import Engine, Sink, UnitRequest
from orchestrator.events import UnitEvent
from orchestrator.model import UnitResult

_FILES = ("config_file", "plan_file")

Work = Callable[[Engine, UnitRequest, Sink], UnitResult]
"""Runs one operation on one unit: a function of a module, which the other process imports."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One operation, with every file that it reads."""

    work: Work
    root: str
    """The folder with `orchestrator.toml` on the sending machine."""

    engine: str
    request: UnitRequest
    config: str | None
    """The text of the stack's configuration file; None when there is none."""

    files: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None], repr=False)
    """The contents of the request's own files, by field; None for a file that the operation writes."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a task, with every file that it wrote."""

    result: UnitResult
    config: str | None
    files: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)


class RemoteExecutor(Executor):
    """Runs units in other processes: `submit(work, engine, request, tell)` sends the work and the request without the engine."""

    def __init__(self, root: Path, engine: str) -> None:
        self._root, self._engine = root, engine

    @abstractmethod
    def send(self, task: Task, tell: Sink) -> Future[Answer]:
        """Send the task to a worker; `tell` receives its events as they arrive."""

    @abstractmethod
    def interrupt(self) -> None:
        """Interrupt the engines of all workers, as `Engine.interrupt` does for one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function of an engine, a request and a receiver of events; raises TypeError for any other one."""
        if len(args) != 3 or not isinstance(args[1], UnitRequest) or kwargs:
            raise TypeError("a remote executor runs only the work on a unit")
        _, request, tell = args
        return self._returned(self.send(self._task(fn, request), tell), request)

    def _task(self, work: Work, request: UnitRequest) -> Task:
        file = self._config_path(request)
        paths: dict[str, Path] = {name: path for name in _FILES if (path := getattr(request, name)) is not None}
        return Task(
            work=work,
            root=str(self._root),
            engine=self._engine,
            request=request,
            config=file.read_text(encoding="utf-8") if file.exists() else None,
            files={name: path.read_bytes() if path.exists() else None for name, path in paths.items()},
        )

    def _config_path(self, request: UnitRequest) -> Path:
        return config_path(settings.load(self._root).by_key[request.unit.project], request.unit.stack)

    def _returned(self, sent: Future[Answer], request: UnitRequest) -> Future[UnitResult]:
        answered: Future[UnitResult] = Future()
        answered.set_running_or_notify_cancel()

        def done(future: Future[Answer]) -> None:
            try:
                answer = future.result()
                _write_back(answer, request, self._config_path(request))
                answered.set_result(answer.result)
            except BaseException as error:  # a lost worker, for example
                answered.set_exception(error)

        sent.add_done_callback(done)
        return answered


def carry_out(task: Task, tell: Callable[[UnitEvent], None], interrupted: Callable[[float], bool]) -> Answer:
    """Carry out a task in this process.

    `interrupted` waits for a number of seconds and returns whether the run was interrupted.
    """
    here = settings.load(None if os.environ.get(settings.PROJECT_DIR_VARIABLE) else Path(task.root))
    engine = factory.create(here, task.engine)
    file = config_path(here.by_key[task.request.unit.project], task.request.unit.stack)
    if task.config is not None and (not file.exists() or file.read_text(encoding="utf-8") != task.config):
        write_text(file, task.config)
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            if interrupted(0.5):
                engine.interrupt()
                return

    threading.Thread(target=listen, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory(prefix="orchestrator-task-") as folder:
            placed = _placed(task, Path(folder))
            engine.check()
            result = task.work(engine, placed, tell)
            files = {name: getattr(placed, name).read_bytes() for name in task.files if getattr(placed, name).exists()}
    finally:
        over.set()
    return Answer(result=result, config=file.read_text(encoding="utf-8") if file.exists() else None, files=files)


def _placed(task: Task, folder: Path) -> UnitRequest:
    """The request with its own files in a folder of this machine."""
    placed: dict[str, Any] = {}
    for name, content in task.files.items():
        placed[name] = folder / getattr(task.request, name).name
        if content is not None:
            placed[name].write_bytes(content)
    return replace(task.request, **placed)


def _write_back(answer: Answer, request: UnitRequest, config: Path) -> None:
    for name, content in answer.files.items():
        getattr(request, name).write_bytes(content)
    if answer.config is not None and (not config.exists() or config.read_text(encoding="utf-8") != answer.config):
        write_text(config, answer.config)
