"""The environment on this machine, by its name: `Orchestrator(...).local`. The command line is one client of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import filelock

from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.local import journal, state
from orchestrator.local.folder import StateFolder, of_environment
from orchestrator.local.state import LocalState
from orchestrator.model import Scope
from orchestrator.operations.events import LogLine, Note, Observer, ignore

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings
    from orchestrator.local.prepare import Prepared

DEFAULT_PORT = 8080
DOWN_SECONDS = 180
"""Longest wait of `down` for the end. A container has at most 120 s."""


@dataclass(frozen=True, kw_only=True)
class DownResult:
    """The end of an environment on this machine."""

    environment: str
    stopped: bool
    """Whether it ran."""

    data_removed: bool


@dataclass(frozen=True, kw_only=True)
class Composed:
    """An environment as a compose file."""

    environment: str
    compose: str
    """Text of the file, without a secret."""

    env_file: str
    """Path of the private file with the values, for `docker compose --env-file`."""

    variables: list[str]
    """Names in that file."""

    unknown: list[str]
    """Those whose values only AWS has, and that are made up."""


class Local:
    """Runs environments on this machine, from their own declaration.

    local = Orchestrator("infrastructure").local
    local.up("alpha", code="..")                # until a signal, or `down` from another process
    local.run("alpha", ["python", "manage.py", "check"])
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def up(
        self,
        name: str,
        *,
        code: Path | str | None = None,
        python: Path | str | None = None,
        port: int = DEFAULT_PORT,
        database_url: str | None = None,
        redis_url: str | None = None,
        values: Mapping[str, str] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        reload: bool = False,
        observer: Observer = ignore,
        begun: Callable[[Prepared], None] = lambda _prepared: None,
        started: Callable[[Prepared], None] = lambda _prepared: None,
    ) -> None:
        """Run the environment until SIGINT, SIGTERM or `down`.

        `begun` is called when everything is checked and nothing runs yet, `started` when all services run.

        Raises UnknownStackError, RefusedError, UsageError and OperationFailedError; nothing runs afterwards.
        """
        import asyncio

        from orchestrator.local import declaration
        from orchestrator.local.prepare import Wanted, prepare

        declaration.check(self._settings, name)
        wanted = Wanted(
            name=name,
            code=Path(code) if code is not None else None,
            python=Path(python) if python is not None else None,
            port=port,
            database_url=database_url,
            redis_url=redis_url,
            values={**self._own_values(name), **(values or {})},
            commands=commands or {},
            reload=reload,
        )
        with self._alone(name):
            observer(Note(text=f"reading what {name} declares"))
            prepared = prepare(self._settings, wanted, Path.cwd())
            begun(prepared)

            async def run() -> None:
                from orchestrator.local.running import Running

                await Running(prepared, observer, lambda: started(prepared)).run()

            asyncio.run(run())

    def run(
        self, name: str, command: Sequence[str], *, service: str | None = None, output: TextIO | None = None
    ) -> int:
        """Run a command with the variables of a service (default: the web service), on this terminal. Returns its exit code.

        `output` is a file for its standard output. Raises RefusedError when the environment does not run, UsageError for an
        unknown service.
        """
        if not command:
            raise UsageError(
                "no command is given", f"for example: `orchestrator local run {name} -- python manage.py shell`"
            )
        found = self.ps(name)
        variables = found.variables[self._container(found, service)]
        program = shutil.which(command[0], path=variables.get("PATH"))
        if program is None:
            raise RefusedError(
                f"{command[0]} cannot run here: it is not installed in {variables.get('VIRTUAL_ENV', 'the PATH')}",
                "install it there",
            )
        # Ctrl-C belongs to the command. A handler of ours is not inherited, an ignored signal would be.
        before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            code = subprocess.call(
                [program, *command[1:]],
                env={**variables, "TERM": os.environ.get("TERM", "dumb")},
                cwd=found.code,
                stdout=output,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        return code if code >= 0 else 128 - code

    def ps(self, name: str) -> LocalState:
        """The state of the environment. Raises RefusedError when it does not run on this machine."""
        return state.current(self._folder(name), name)

    def logs(self, name: str, services: Sequence[str] = (), *, follow: bool = False) -> Iterator[LogLine]:
        """The lines of the current or the last run, in order of time; with `follow` until it ends.

        Raises RefusedError without a log, UsageError for an unknown service.
        """
        folder = self._folder(name)
        if not folder.log.exists():
            raise RefusedError(f"{name} has no log on this machine", f"start it: `orchestrator local up {name}`")
        known = {*journal.names(folder), *self.containers(name)} if services else set[str]()
        for service in services:
            if service not in known:
                raise UsageError(
                    f"{name} has no lines of {service!r} here: it has those of {', '.join(sorted(known))}",
                    "choose one of them with --service",
                )
        return journal.lines(folder, set(services), follow=follow, runs=lambda: self._runs(name))

    def containers(self, name: str) -> tuple[str, ...]:
        """The containers of the environment that runs on this machine; none when it does not run."""
        try:
            return tuple(each.container for each in self.ps(name).services)
        except RefusedError:
            return ()

    def compose(self, name: str, *, port: int = DEFAULT_PORT) -> Composed:
        """The environment as a compose file, from its images. Writes the values that it needs to a private file.

        Raises UnknownStackError, RefusedError and OperationFailedError.
        """
        from orchestrator.local import compose, declaration

        declaration.check(self._settings, name)
        declared = declaration.declared_apart(self._settings, name)
        folder = self._folder(name)
        folder.create()
        made = compose.compose(declared, folder, port)
        lines = "".join(f"{variable}={value}\n" for variable, value in made.values.items())
        folder.write_text(folder.compose_values, lines)
        return Composed(
            environment=name,
            compose=made.text,
            env_file=str(folder.compose_values),
            variables=list(made.values),
            unknown=list(made.unknown),
        )

    def down(self, name: str, *, data: bool = False, confirm: Callable[[], None] = lambda: None) -> DownResult:
        """Stop the environment in order; with `data` also remove its database, secrets and files on this machine.

        `confirm` is called before data is removed. Raises RefusedError when there is nothing to stop or remove.
        """
        folder = self._folder(name)
        if data:
            if not folder.path.exists():
                raise RefusedError(f"{name} has no data on this machine", "see `orchestrator local up --help`")
            confirm()
        stopped = self._stop(name, needed=not data)
        if data:
            with self._alone(name):
                shutil.rmtree(folder.path, ignore_errors=True)
        return DownResult(environment=name, stopped=stopped, data_removed=data)

    def _stop(self, name: str, *, needed: bool) -> bool:
        folder = self._folder(name)
        try:
            found = state.current(folder, name)
        except RefusedError:
            if needed:
                raise
            return False
        try:
            os.kill(found.pid, signal.SIGTERM)
        except PermissionError:
            raise RefusedError(
                f"{name} was not stopped: another user runs it (pid {found.pid})", "stop it as that user"
            ) from None
        until = time.monotonic() + DOWN_SECONDS
        while time.monotonic() < until:
            if not self._runs(name):
                return True
            time.sleep(0.1)
        raise OperationFailedError(
            f"{name} still runs after {DOWN_SECONDS} s", f"look at it with `orchestrator local ps {name}`"
        )

    def _runs(self, name: str) -> bool:
        try:
            state.current(self._folder(name), name)
        except RefusedError:
            return False
        return True

    def _folder(self, name: str) -> StateFolder:
        projects = self._settings.in_scope(Scope.ENVIRONMENT)
        return of_environment(projects[0].name, name)

    def _own_values(self, name: str) -> dict[str, str]:
        """The values in the user's own file."""
        from orchestrator.operations import dotenv

        file = self._folder(name).values
        return dotenv.parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else {}

    @contextlib.contextmanager
    def _alone(self, name: str) -> Generator[None]:
        """Hold the lock of the environment. Raises RefusedError when it already runs."""
        folder = self._folder(name)
        folder.create()
        lock = filelock.FileLock(folder.lock, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise RefusedError(
                f"{name} already runs on this machine",
                f"look at it with `orchestrator local ps {name}`, or stop it with `orchestrator local down {name}`",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _container(self, found: LocalState, service: str | None) -> str:
        """The container whose variables a command gets. Raises UsageError."""
        named = [each for each in found.services if service in (each.service, each.container)]
        if not named and service in (None, "web"):
            named = [each for each in found.services if each.service == found.web]
        if named:
            # The own container of a service has its name, and proxies and agents beside it have others.
            own = [each for each in named if each.container in (service, each.service)]
            return (own or named)[0].container
        names = ", ".join(dict.fromkeys(each.service for each in found.services))
        raise UsageError(
            f"{found.environment} has no service {service!r} here: it has {names}", "choose one with --service"
        )
