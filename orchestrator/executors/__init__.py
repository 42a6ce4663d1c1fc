"""Executors that run units: threads or processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Executor
from contextlib import contextmanager

from orchestrator.config.settings import RunnerSettings, Settings
from orchestrator.executors.run_unit import DaemonExecutor

__all__ = ["DaemonExecutor", "opened"]


@contextmanager
def opened(settings: Settings, engine: str, given: Executor | None = None) -> Generator[Executor]:
    """The `given` executor, else the one in the settings, which is closed at the end.

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
        yield DaemonExecutor()
