"""Executors that run units elsewhere: in processes of this machine, or on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Executor
from contextlib import contextmanager

from orchestrator.config.settings import RunnerSettings, Settings


@contextmanager
def opened(settings: Settings, engine: str, given: Executor | None = None) -> Generator[Executor | None]:
    """The `given` executor, else the one in the settings, which is closed at the end; None for threads of this process.

    `engine` is the name of the engine that workers create. Raises EngineUnavailableError.
    """
    runner: RunnerSettings = settings.runner
    if given is not None:
        yield given
    elif runner.executor == "processes":
        from orchestrator.executors.processes import ProcessExecutor

        yield ProcessExecutor(settings.root, engine)
    elif runner.executor == "dask":
        from orchestrator.executors.dask import DaskExecutor

        with DaskExecutor(settings.root, engine, runner.scheduler, runner.parallel) as executor:
            yield executor
    else:
        yield None
