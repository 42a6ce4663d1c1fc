"""`db`: an environment's own database on its base's server. Only the tasks for it may read the server's master password.

Operations that delete data call `confirm` after every check and before any change. They never drop, reset or replace by a
copy production's database. Its data goes to an ad-hoc environment only with `allow_prod_data`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.operations import run as runs
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import dumps, scripts
from orchestrator.operations.database.dumps import Dump
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.operations.tasks import TaskRun, run_family
from pulumi_django.rules.kinds import Kind

RELEASE_SECONDS = 3600.0

Confirm = Callable[[], None]
"""Asks for confirmation; raises to refuse."""


def no_confirmation() -> None:
    """Confirm without a question."""


@dataclass(frozen=True, kw_only=True)
class ResetDatabase:
    """An empty database, the release command, then optionally data."""

    seed: tuple[str, ...] = ()
    """A command with the web service's definition that fills the database."""

    release: bool = True
    """Whether the release command (migrate) runs."""


@dataclass(frozen=True, kw_only=True)
class CloneDatabase:
    """Replace the database with a copy of another environment's."""

    source: Target
    allow_prod_data: bool = False
    """Whether production's data may be copied to an ad-hoc environment."""

    release: bool = True
    """Whether the release command runs afterwards; the copy may have another version."""


@dataclass(frozen=True, kw_only=True)
class RestoreDatabase:
    """Replace the database with a dump."""

    source: str
    """`s3://bucket/key`, or a file on this machine."""

    allow_prod: bool = False
    """Whether production's database may be replaced."""

    allow_prod_data: bool = False
    release: bool = True


@dataclass(frozen=True, kw_only=True)
class DatabaseResult:
    """The steps on an environment's database."""

    database: str
    done: tuple[str, ...]
    """The steps in order: `created`, `dropped`, `emptied`, `filled`, `released`, `seeded`, `dumped`."""

    tasks: tuple[TaskRun, ...]
    dump: Dump | None = field(default=None)
    """The written or restored dump."""


def create(target: Target, clients: Clients, observer: Observer = ignore) -> DatabaseResult:
    """Create database and role if they do not exist. Raises OperationFailedError."""
    with explained(target.aws):
        task = run_family(target, clients, observer, dumps.family(target), None)
    return DatabaseResult(database=target.outputs.database_name, done=("created",), tasks=(task,))


def drop(
    target: Target, clients: Clients, observer: Observer = ignore, *, confirm: Confirm = no_confirmation
) -> DatabaseResult:
    """Delete database and role, and end their connections. Raises RefusedError for production."""
    _refuse_prod(target, "dropped")
    confirm()
    with explained(target.aws):
        task = run_family(target, clients, observer, dumps.family(target), scripts.psql(scripts.DROP_SQL))
    return DatabaseResult(database=target.outputs.database_name, done=("dropped",), tasks=(task,))


def reset(
    request: ResetDatabase,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    confirm: Confirm = no_confirmation,
) -> DatabaseResult:
    """Drop the database, create it again, run the release and the seed command. Raises RefusedError for production."""
    _refuse_prod(target, "reset")
    if request.seed and not request.release:
        raise UsageError("a database without tables cannot be filled: a seed command needs the release")
    confirm()
    with explained(target.aws):
        family = dumps.family(target)
        tasks = [
            run_family(target, clients, observer, family, scripts.psql(scripts.DROP_SQL)),
            run_family(target, clients, observer, family, None),
        ]
    done = ["dropped", "created"]
    _release(request.release, target, clients, observer, tasks, done)
    if request.seed:
        _seed(request.seed, target, clients, observer)
        done.append("seeded")
    return DatabaseResult(database=target.outputs.database_name, done=tuple(done), tasks=tuple(tasks))


def clone(
    request: CloneDatabase,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    confirm: Confirm = no_confirmation,
) -> DatabaseResult:
    """Replace the database with a copy: within a server, or between two servers by a temporary dump.

    `clients` are the target's; they also read the source. Raises UsageError, RefusedError, OperationFailedError.
    """
    source = request.source
    if source.environment == target.environment:
        raise UsageError(f"{target.environment} cannot be a copy of itself", "choose another environment with --from")
    _refuse_prod(target, "replaced by a copy")
    _check_origin(source.outputs.kind, source.environment, target, allowed=request.allow_prod_data)
    confirm()
    if source.base_outputs.get("database_host") != target.base_outputs.get("database_host"):
        return _clone_between_servers(request, target, clients, observer)
    with explained(target.aws):
        tasks = [dumps.clone(source.outputs.database_name, target, clients, observer)]
    done = ["emptied", "filled"]
    _release(request.release, target, clients, observer, tasks, done)
    return DatabaseResult(database=target.outputs.database_name, done=tuple(done), tasks=tuple(tasks))


def dump(target: Target, clients: Clients, observer: Observer = ignore, *, to: str | None = None) -> DatabaseResult:
    """Write the database to the environment's bucket, and also to the file `to`.

    Raises OperationFailedError; UsageError when the file exists.
    """
    with explained(target.aws):
        written, task = dumps.dump(target, clients, observer, to)
    return DatabaseResult(database=target.outputs.database_name, done=("dumped",), tasks=(task,), dump=written)


def restore(
    request: RestoreDatabase,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    confirm: Confirm = no_confirmation,
) -> DatabaseResult:
    """Replace the database with a dump. Raises RefusedError, UsageError, OperationFailedError."""
    if target.outputs.kind == Kind.PROD and not request.allow_prod:
        raise RefusedError(
            f"the database of {target.environment} was not replaced: {target.environment} is production",
            "add --allow-prod",
        )
    with explained(target.aws):
        found = dumps.look(request.source, target, clients)
        if found.kind is None:
            observer(Note(text=f"the environment of the data in {found.source} is unknown", severity="warning"))
        _check_origin(found.kind, found.environment or found.source, target, allowed=request.allow_prod_data)
        confirm()
        tasks = [dumps.restore(found, target, clients, observer)]
    done = ["emptied", "filled"]
    _release(request.release, target, clients, observer, tasks, done)
    return DatabaseResult(database=target.outputs.database_name, done=tuple(done), tasks=tuple(tasks), dump=found)


def _clone_between_servers(
    request: CloneDatabase, target: Target, clients: Clients, observer: Observer
) -> DatabaseResult:
    observer(Note(text=f"{request.source.environment} has another server: its data is copied by a dump"))
    written = dump(request.source, clients, observer)
    assert written.dump is not None
    try:
        restored = restore(
            RestoreDatabase(
                source=written.dump.source, allow_prod_data=request.allow_prod_data, release=request.release
            ),
            target,
            clients,
            observer,
        )
    finally:
        with explained(target.aws):
            dumps.delete(written.dump, clients)
    return DatabaseResult(database=restored.database, done=restored.done, tasks=(*written.tasks, *restored.tasks))


def _release(
    wanted: bool, target: Target, clients: Clients, observer: Observer, tasks: list[TaskRun], done: list[str]
) -> None:
    """Run the release command on the last released version."""
    if not wanted:
        return
    with explained(target.aws):
        family = target.outputs.release_task_family
        tasks.append(run_family(target, clients, observer, family, None, timeout_seconds=RELEASE_SECONDS))
    done.append("released")


def _seed(command: Sequence[str], target: Target, clients: Clients, observer: Observer) -> None:
    result = runs.run(runs.RunCommand(command=tuple(command)), target, clients, observer)
    if result.code:
        raise OperationFailedError(
            f"the database was reset but not filled: the seed command {result.reason}", result.hint
        )


def _refuse_prod(target: Target, what: str) -> None:
    if target.outputs.kind == Kind.PROD:
        raise RefusedError(
            f"the database of {target.environment} was not {what}: {target.environment} is production",
            "no option allows this: delete production's data by hand",
        )


def _check_origin(kind: str | None, origin: str, target: Target, *, allowed: bool) -> None:
    """Refuse production's data outside production unless it is allowed."""
    if kind == Kind.PROD and target.outputs.kind != Kind.PROD and not allowed:
        raise RefusedError(
            f"data of {origin} was not copied to {target.environment}: {origin} is production",
            f"anonymize it first, or add --allow-prod-data if all users of {target.environment} may see it",
        )
