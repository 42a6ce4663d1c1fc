"""The group `local`: an environment on this machine, from its own declaration."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.daily_work import GROUP, CommandArgument, ServiceOption, ServicesOption
from orchestrator.cli.options import Commands, Common, EnvironmentArgument
from orchestrator.cli.shared import end, session_of

if TYPE_CHECKING:
    from orchestrator.console import Console
    from orchestrator.local.prepare import Prepared
    from orchestrator.operations.events import Event, LogLine

__all__ = ["GROUP", "SUBGROUPS"]


CodeOption = Annotated[
    Path | None,
    typer.Option("--code", metavar="DIR", help="Working copy (default: the nearest folder with manage.py)."),
]
PythonOption = Annotated[
    Path | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="Python or virtual environment of the working copy (default: the active one, else its .venv).",
    ),
]
DatabaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        envvar="ORCHESTRATOR_DATABASE_URL",
        help="PostgreSQL server to use, with a role that may create roles and databases (default: start one).",
    ),
]
RedisUrlOption = Annotated[
    str | None,
    typer.Option(
        "--redis-url", metavar="URL", envvar="ORCHESTRATOR_REDIS_URL", help="Redis to use (default: start one)."
    ),
]
EnvFileOption = Annotated[
    str | None,
    typer.Option("--env-file", metavar="FILE", help="Dotenv file with values that replace those of the declaration."),
]
CommandsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--command",
        metavar="CONTAINER=COMMAND",
        help="Command to run in a container instead of its own; can be repeated.",
    ),
]


def local_up(
    common: Common,
    name: EnvironmentArgument,
    code: CodeOption = None,
    python: PythonOption = None,
    port: Annotated[int, typer.Option("--port", "-p", help="Port of the front door.")] = 8080,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start services again when a file of the working copy changes.")
    ] = False,
    database_url: DatabaseUrlOption = None,
    redis_url: RedisUrlOption = None,
    env_file: EnvFileOption = None,
    command: CommandsOption = None,
    times: Annotated[bool, typer.Option("--times", "-t", help="Print the time of each line.")] = False,
) -> None:
    """Run an environment on this machine until Ctrl-C: its services from the working copy, PostgreSQL, Redis, S3 and SQS.

    Example: orchestrator local up alpha --reload
    """
    session = session_of(common)
    lines = _Lines(session.console, times=times)
    session.orchestrator.local.up(
        name,
        code=code,
        python=python,
        port=port,
        database_url=database_url,
        redis_url=redis_url,
        values=_values(env_file),
        commands=_commands(command),
        reload=reload,
        observer=lines,
        begun=lines.begun,
        started=lines.started,
    )


def local_run(
    common: Common,
    name: EnvironmentArgument,
    command: CommandArgument = None,
    service: ServiceOption = None,
) -> None:
    """Run a command on this machine with the variables of a service.

    Example: orchestrator local run alpha -- python manage.py shell
    """
    from orchestrator.rendering import local_results

    session = session_of(common)
    output = sys.stderr if common.as_json else None
    code = session.orchestrator.local.run(name, command or (), service=service, output=output)
    if common.as_json:
        session.console.document(local_results.run_document(name, code))
    end(code)


def local_ps(common: Common, name: EnvironmentArgument) -> None:
    """Show the services of an environment that runs on this machine.

    Example: orchestrator local ps alpha
    """
    from orchestrator.rendering import local_results

    session = session_of(common)
    found = session.orchestrator.local.ps(name)
    if common.as_json:
        session.console.document(local_results.state_document(found))
    else:
        session.console.table(local_results.state_text(found, session.console.width))


def local_logs(
    common: Common,
    name: EnvironmentArgument,
    service: ServicesOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines as they are written.")
    ] = False,
    times: Annotated[bool, typer.Option("--times", "-t", help="Print the time of each line.")] = False,
) -> None:
    """Print the log of an environment on this machine, of this run or the last one.

    Example: orchestrator local logs alpha --service default --follow
    """
    session = session_of(common)
    local = session.orchestrator.local
    lines = _Lines(session.console, times=times)
    found = local.logs(name, service or (), follow=follow)
    lines.name(service or local.containers(name))
    try:
        for line in found:
            lines.line(line)
            if session.console.gone:
                break
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def local_down(
    common: Common,
    name: EnvironmentArgument,
    data: Annotated[bool, typer.Option("--data", help="Also remove its database, secrets and files here.")] = False,
) -> None:
    """Stop an environment that runs on this machine.

    Example: orchestrator local down alpha --data
    """
    session = session_of(common)

    def confirm() -> None:
        if not common.yes:
            session.console.confirm((name,), f"{name} loses its database and secrets on this machine")

    from orchestrator.rendering import local_results

    result = session.orchestrator.local.down(name, data=data, confirm=confirm)
    if common.as_json:
        session.console.document(local_results.down_document(result))
    else:
        session.console.table(local_results.down_text(result))


def local_compose(
    common: Common,
    name: EnvironmentArgument,
    port: Annotated[int, typer.Option("--port", "-p", help="Port of the front door.")] = 8080,
) -> None:
    """Print an environment as a file for docker compose or podman compose, from its images. No secret is printed.

    Example: orchestrator local compose alpha --port 9000
    """
    from orchestrator.rendering import local_results

    session = session_of(common)
    made = session.orchestrator.local.compose(name, port=port)
    if common.as_json:
        session.console.document(local_results.compose_document(made))
        return
    session.console.note(local_results.composed(made))
    session.console.result(made.compose)


_SERVERS = ("postgres", "cache", "aws")
"""Servers whose lines only --verbose and `local logs` show."""


class _Lines:
    """Prints log lines to stdout, with the names of their containers, and notes to stderr."""

    def __init__(self, console: Console, *, times: bool) -> None:
        self._console, self._times, self._told = console, times, False
        self.name(())

    def name(self, names: Sequence[str]) -> None:
        """Take the names for the first column."""
        from orchestrator.cli.one_environment import Prefixes

        self._prefixes = Prefixes(self._console, names, times=self._times)

    def begun(self, prepared: Prepared) -> None:
        """Show what runs."""
        from orchestrator.rendering import local_results

        shown = prepared.containers + (_SERVERS if self._console.verbose else ())
        self.name(shown)
        self._console.note(local_results.begun(prepared.wanted.name, str(prepared.code), prepared.notes))

    def started(self, prepared: Prepared) -> None:
        """Show the addresses."""
        from orchestrator.rendering import local_results

        self._console.note(local_results.started(prepared.wanted.name, prepared.urls))

    def __call__(self, event: Event) -> None:
        from orchestrator.operations.events import LogLine, Note

        if isinstance(event, LogLine):
            if event.service not in _SERVERS or self._console.verbose:
                self.line(event)
        elif isinstance(event, Note):
            (self._console.warning if event.severity == "warning" else self._console.note)(event.text)

    def line(self, line: LogLine) -> None:
        """Print one line, with --json as a document."""
        from orchestrator.rendering import operation_documents

        shown = operation_documents.line(line) if self._console.as_json else self._prefixes.text(line)
        self._console.result(shown)
        if self._console.gone and not self._told:
            # No reader is left: `orchestrator local up alpha | head` must leave nothing behind.
            self._told = True
            signal.raise_signal(signal.SIGTERM)


def _values(file: str | None) -> dict[str, str]:
    """The values of a dotenv file. Raises UsageError."""
    from orchestrator.errors import UsageError
    from orchestrator.operations import dotenv

    if file is None:
        return {}
    try:
        return dotenv.parse(Path(file).read_text(encoding="utf-8"), "--env-file")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"--env-file cannot be read: {why}", "give the path of a file that this user can read"
        ) from None


def _commands(texts: list[str] | None) -> dict[str, list[str]]:
    """The words of each container's own command. Raises UsageError."""
    import shlex

    from orchestrator.errors import UsageError

    found: dict[str, list[str]] = {}
    for text in texts or ():
        name, equals, command = text.partition("=")
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if not name or not equals or not words:
            raise UsageError(
                f"--command {text} is invalid: it must be CONTAINER=COMMAND", "quote it: --command 'web-ui=npm start'"
            )
        found[name] = words
    return found


COMMANDS: Commands = {
    "up": (local_up, False),
    "run": (local_run, False),
    "ps": (local_ps, False),
    "logs": (local_logs, False),
    "down": (local_down, False),
    "compose": (local_compose, False),
}
SUBGROUPS = {"local": ("Run an environment on this machine, from its own declaration.", COMMANDS)}
