"""`db`: an environment's own database on its base's server, by tasks that alone may read the server's master password.

What deletes data calls `confirm` after everything was checked and before anything is touched. Production's database is never dropped, reset or replaced
by a copy here, and its data goes to no ad-hoc environment unless that is allowed.
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
"""Asks whoever has to agree; raises when they do not."""


def no_confirmation() -> None:
    """Confirm without a question."""


@dataclass(frozen=True, kw_only=True)
class ResetDatabase:
    """Begin anew: an empty database, the release command, then perhaps data."""

    seed: tuple[str, ...] = ()
    """Words of a command, run like the web service's, that fills the database."""

    release: bool = True
    """Whether the release command (migrate) runs."""


@dataclass(frozen=True, kw_only=True)
class CloneDatabase:
    """Replace the database by a copy of another environment's."""

    source: Target
    allow_prod_data: bool = False
    """Whether production's data may come into an ad-hoc environment."""

    release: bool = True
    """Whether the release command runs afterwards, as the copy may be of another version."""


@dataclass(frozen=True, kw_only=True)
class RestoreDatabase:
    """Replace the database by what a dump says."""

    source: str
    """`s3://bucket/key`, or a file on this machine."""

    allow_prod: bool = False
    """Whether production's database may be replaced."""

    allow_prod_data: bool = False
    release: bool = True


@dataclass(frozen=True, kw_only=True)
class DatabaseResult:
    """What was done with an environment's database."""

    database: str
    done: tuple[str, ...]
    """What happened, in order: `created`, `dropped`, `emptied`, `filled`, `released`, `seeded`."""

    tasks: tuple[TaskRun, ...]
    dump: Dump | None = field(default=None)
    """The dump that was written or read."""


def create(target: Target, clients: Clients, observer: Observer = ignore) -> DatabaseResult:
    """Make sure that database and role exist; what is there stays. Raises OperationFailedError."""
    with explained(target.aws):
        task = run_family(target, clients, observer, dumps.family(target), None)
    return DatabaseResult(database=target.outputs.database_name, done=("created",), tasks=(task,))


def drop(
    target: Target, clients: Clients, observer: Observer = ignore, *, confirm: Confirm = no_confirmation
) -> DatabaseResult:
    """Delete database and role, and throw out who is connected. Raises RefusedError for production."""
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
        raise UsageError("data cannot be put into a database without tables: seed is given, and release is off")
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
    """Replace the database by a copy, within the server, or between two servers by a dump that is deleted afterwards.

    `clients` are the target's; the source is asked through them. Raises UsageError, RefusedError, OperationFailedError.
    """
    source = request.source
    if source.environment == target.environment:
        raise UsageError(f"{target.environment} cannot be a copy of itself: name another environment with --from")
    _refuse_prod(target, "replaced by a copy")
    _check_origin(source.outputs.kind, source.environment, target, allowed=request.allow_prod_data)
    confirm()
    if source.base_outputs.get("database_host") != target.base_outputs.get("database_host"):
        return _clone_between_servers(request, target, clients, observer)
    with explained(target.aws):
        words = scripts.clone(source.outputs.database_name)
        tasks = [run_family(target, clients, observer, dumps.family(target), words)]
    done = ["emptied", "filled"]
    _release(request.release, target, clients, observer, tasks, done)
    return DatabaseResult(database=target.outputs.database_name, done=tuple(done), tasks=tuple(tasks))


def dump(target: Target, clients: Clients, observer: Observer = ignore, *, to: str | None = None) -> DatabaseResult:
    """Write the database into the environment's bucket, and with `to` into a file on this machine too.

    Raises OperationFailedError; UsageError when the file is there already.
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
    """Replace the database by what a dump says. Raises RefusedError, UsageError, OperationFailedError."""
    if target.outputs.kind == Kind.PROD and not request.allow_prod:
        raise RefusedError(
            f"the database of {target.environment} was not replaced: {target.environment} is production",
            "add --allow-prod",
        )
    with explained(target.aws):
        found = dumps.look(request.source, target, clients)
        if found.kind is None:
            observer(Note(text=f"{found.source} does not say whose data it holds", severity="warning"))
        _check_origin(found.kind, found.environment or found.source, target, allowed=request.allow_prod_data)
        confirm()
        tasks = [dumps.restore(found, target, clients, observer)]
    done = ["emptied", "filled"]
    _release(request.release, target, clients, observer, tasks, done)
    return DatabaseResult(database=target.outputs.database_name, done=tuple(done), tasks=tuple(tasks), dump=found)


def _clone_between_servers(
    request: CloneDatabase, target: Target, clients: Clients, observer: Observer
) -> DatabaseResult:
    observer(Note(text=f"{request.source.environment} has another server: its data goes through a dump"))
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
    """Run the release command as the next deploy would, on the version that was released last."""
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
            f"the database was reset and not filled: the seed command {result.reason}", result.hint
        )


def _refuse_prod(target: Target, what: str) -> None:
    if target.outputs.kind == Kind.PROD:
        raise RefusedError(
            f"the database of {target.environment} was not {what}: {target.environment} is production",
            "there is no option for it: production's data is deleted by hand or not at all",
        )


def _check_origin(kind: str | None, origin: str, target: Target, *, allowed: bool) -> None:
    """Production's data stays in production unless somebody allows it."""
    if kind == Kind.PROD and target.outputs.kind != Kind.PROD and not allowed:
        raise RefusedError(
            f"data of {origin} did not come into {target.environment}: {origin} is production",
            "make it anonymous first, or add --allow-prod-data if everybody who reaches "
            f"{target.environment} may see it",
        )
