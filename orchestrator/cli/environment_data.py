"""Commands on what environments hold and how large they are: sleep, scale, database, secrets, tunnel."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.commands import CHANGE, end, session_of
from orchestrator.cli.operations import WORK
from orchestrator.cli.options import Common, NameArgument, NamesArgument, with_common

if TYPE_CHECKING:
    from orchestrator.cli.operating import Operating
    from orchestrator.cli.session import Session
    from orchestrator.lifecycle import Request
    from orchestrator.operations.aws.clients import Clients
    from orchestrator.operations.database.databases import DatabaseResult
    from orchestrator.operations.secrets import PushResult
    from orchestrator.operations.sleep import Want

StoreOption = Annotated[
    str, typer.Option("--to", metavar="STORE", help="secretsmanager or ssm: where the values are kept.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show which keys would be stored, and store nothing.")]
NoReleaseOption = Annotated[bool, typer.Option("--no-release", help="Do not run the release command afterwards.")]
AllowProdDataOption = Annotated[
    bool, typer.Option("--allow-prod-data", help="Production's data may come into this environment.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, panel, command, working in (
        ("sleep", CHANGE, sleep_, True),
        ("wake", CHANGE, wake, True),
        ("scale", CHANGE, scale_, True),
        ("tunnel", WORK, tunnel_, False),
    ):
        app.command(name, rich_help_panel=panel)(with_common(command, working=working))
    db = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for name, command in (
        ("create", db_create),
        ("drop", db_drop),
        ("reset", db_reset),
        ("clone", db_clone),
        ("dump", db_dump),
        ("restore", db_restore),
        ("shell", db_shell),
    ):
        db.command(name)(with_common(command, working=True))
    app.add_typer(db, name="db", rich_help_panel=WORK, help="Work on an environment's own database.")
    secrets = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for name, command in (("push", secrets_push), ("set", secrets_set), ("list", secrets_list)):
        secrets.command(name)(with_common(command, working=name != "list"))
    app.add_typer(secrets, name="secrets", rich_help_panel=WORK, help="Keep an environment's secret values.")


# sleep, scale


def sleep_(common: Common, names: NamesArgument) -> None:
    """Put environments to sleep; bases too, whose database server is then stopped.

    Nothing is lost, and waking brings back exactly what was there.

    Example: orchestrator sleep alpha beta dev
    """
    from orchestrator.operations.sleep import Want

    _rest(common, names, Want.SLEEP)


def wake(common: Common, names: NamesArgument) -> None:
    """Wake environments, and bases before them."""
    from orchestrator.operations.sleep import Want

    _rest(common, names, Want.WAKE)


def _rest(common: Common, names: list[str], want: Want) -> None:
    from orchestrator.operations import sleep

    session = session_of(common)
    rest = sleep.prepare(session.orchestrator.context, tuple(names), want, allow_prod=common.allow_prod)
    for name in rest.settled:
        session.console.note(f"{name} {'sleeps' if want is sleep.Want.SLEEP else 'is awake'} already")
    found: dict[str, Any] = {"environments": None, "servers": []}
    code = 0
    if want is sleep.Want.WAKE:
        sleep.check_servers(session.orchestrator.context, rest)
        found["servers"] = _servers(session, rest, sleep.start)
    if rest.update is not None:
        found["environments"], code = _updated(session, rest.update)
    if want is sleep.Want.SLEEP and code == 0:
        found["servers"] = _servers(session, rest, sleep.stop)
    if common.as_json:
        _document(session, found)
    end(code)


def _servers(session: Session, rest: Any, operation: Any) -> list[Any]:
    from orchestrator.cli.operating import View
    from orchestrator.operations.aws import reach
    from orchestrator.operations.aws.clients import RecordingClients
    from orchestrator.rendering import environment_data, operations

    results: list[Any] = []
    for base in rest.bases:
        clients = reach.clients_for(base)
        result = operation(base, clients, View(session.console, real=base.notice is None))
        noted = clients.calls if isinstance(clients, RecordingClients) else None
        if not session.common.as_json:
            text = environment_data.servers([result]) if noted is None else operations.calls(noted)
            session.console.result(text)
        if result.note and noted is not None:
            session.console.note(result.note)
        calls = None if noted is None else operations.calls_document(noted)
        results.append({**operations.as_document(result), "note": result.note, "calls": calls})
    return results


def scale_(
    common: Common,
    name: NameArgument,
    counts: Annotated[
        list[str], typer.Argument(metavar="SERVICE=N", help="Tasks, or FEWEST..MOST of a service that is scaled.")
    ],
) -> None:
    """Change how many tasks services have.

    Example: orchestrator scale alpha web=3 default=2
    """
    from orchestrator.lifecycle import UpdateEnv
    from orchestrator.operations import application, scale
    from orchestrator.rendering import environment_data, operations

    wanted = scale.parse(counts)
    work = _operating(common, name)
    app = application.find(work.session.orchestrator.context, work.target.environment)
    found = scale.prepare(wanted, work.target, work.clients, app)
    work.console.note(environment_data.scaled(found))
    if work.target.asleep:
        work.console.note(f"{name} sleeps: the numbers count when it wakes")
    assignments = tuple(assignment for item in found for assignment in item.assignments)
    report, code = _updated(work.session, UpdateEnv(names=(work.target.environment,), assignments=assignments))
    if common.as_json:
        services = [{"service": item.service, "count": str(item.count)} for item in found]
        _document(work.session, {"environment": name, "services": operations.as_document(services), "update": report})
    end(code)


# tunnel


def tunnel_(
    common: Common,
    name: NameArgument,
    port: Annotated[int, typer.Option("--port", "-p", help="TCP port on this machine.")] = 15432,
    print_: Annotated[bool, typer.Option("--print", help="Print the AWS command instead.")] = False,
) -> None:
    """Bring the environment's database to a port of this machine, until Ctrl-C.

    Example: orchestrator tunnel alpha --port 6000
    """
    from orchestrator.operations import tunnel
    from orchestrator.rendering import environment_data

    request = tunnel.OpenTunnel(port=port)
    work = _operating(common, name)
    found = tunnel.locate(request, work.target, work.clients)
    if print_ or common.as_json:
        work.report(found, f"{found.aws_command}\n")
        return
    if work.target.notice is None:
        work.console.result(environment_data.tunnel(found))
    result = tunnel.run(found, work.target, work.clients, work.view)
    if work.target.notice is not None:
        work.report(result, "")
    end(result.code)


# db


def db_create(common: Common, name: NameArgument) -> None:
    """Make sure that the database and its role exist; what is there stays."""
    from orchestrator.operations.database import databases

    work = _operating(common, name)
    _told(work, databases.create(work.target, work.clients, work.view))


def db_drop(common: Common, name: NameArgument) -> None:
    """Delete the database and its role. Refused for production."""
    from orchestrator.operations.database import databases

    work = _operating(common, name)
    confirm = _confirm(work, "will lose its database")
    _told(work, databases.drop(work.target, work.clients, work.view, confirm=confirm))


def db_reset(
    common: Common,
    name: NameArgument,
    seed: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command that fills it, after --.", show_default=False),
    ] = None,
    no_release: NoReleaseOption = False,
) -> None:
    """Begin with an empty database: drop, create, release, and perhaps a command that fills it.

    Example: orchestrator db reset alpha -- python manage.py loaddata demo
    """
    from orchestrator.operations.database import databases

    request = databases.ResetDatabase(seed=tuple(seed or ()), release=not no_release)
    work = _operating(common, name)
    confirm = _confirm(work, "will lose all its data")
    _told(work, databases.reset(request, work.target, work.clients, work.view, confirm=confirm))


def db_clone(
    common: Common,
    name: NameArgument,
    source: Annotated[str, typer.Option("--from", metavar="ENV", help="Environment whose data is copied.")],
    allow_prod_data: AllowProdDataOption = False,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database by a copy of another environment's.

    Example: orchestrator db clone alpha --from beta
    """
    from orchestrator.operations.aws import target as targets
    from orchestrator.operations.database import databases

    work = _operating(common, name)
    request = databases.CloneDatabase(
        source=targets.find(work.session.orchestrator.context, source),
        allow_prod_data=allow_prod_data,
        release=not no_release,
    )
    confirm = _confirm(work, f"will lose all its data and get that of {source}")
    _told(work, databases.clone(request, work.target, work.clients, work.view, confirm=confirm))


def db_dump(
    common: Common,
    name: NameArgument,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Also write it to this machine.", show_default=False)
    ] = None,
) -> None:
    """Write the database into the environment's bucket.

    Example: orchestrator db dump alpha --to alpha.dump
    """
    from orchestrator.operations.database import databases

    work = _operating(common, name)
    _told(work, databases.dump(work.target, work.clients, work.view, to=to))


def db_restore(
    common: Common,
    name: NameArgument,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A file, or s3://BUCKET/KEY.")],
    allow_prod_data: AllowProdDataOption = False,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database by what a dump says.

    Example: orchestrator db restore alpha alpha.dump
    """
    from orchestrator.operations.database import databases

    request = databases.RestoreDatabase(
        source=source,
        allow_prod=common.allow_prod,
        allow_prod_data=allow_prod_data,
        release=not no_release,
    )
    work = _operating(common, name)
    confirm = _confirm(work, f"will lose all its data and get that of {source}")
    _told(work, databases.restore(request, work.target, work.clients, work.view, confirm=confirm))


def db_shell(common: Common, name: NameArgument) -> None:
    """Open psql on the environment's database, as its own role."""
    from orchestrator.operations.database import shell as database_shell

    work = _operating(common, name)
    result = database_shell.run(work.target, work.clients, work.view)
    if work.target.notice is not None or common.as_json:
        work.report(result, "")
    end(result.code)


# secrets


def secrets_push(
    common: Common,
    name: NameArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Dotenv or JSON; - is standard input.")],
    to: StoreOption = "secretsmanager",
    dry_run: DryRunOption = False,
) -> None:
    """Store the values of a file, and hand them to the containers. Values are never shown.

    Example: orchestrator secrets push alpha .env
    """
    from orchestrator.operations import dotenv

    text = sys.stdin.read() if file == "-" else _read(file)
    _push(common, name, dotenv.parse(text, "standard input" if file == "-" else file), to, dry_run=dry_run)


def secrets_set(
    common: Common,
    name: NameArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Variable.")],
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read the value from a file.", show_default=False)
    ] = None,
    to: StoreOption = "secretsmanager",
    dry_run: DryRunOption = False,
) -> None:
    """Store one value: from a file, from standard input, or typed unseen.

    Example: orchestrator secrets set alpha STRIPE_KEY
    """
    from orchestrator.operations import dotenv

    dotenv.check_name(key, "the key")
    if file is not None:
        value = _read(file)
    elif sys.stdin.isatty():
        value = typer.prompt(key, hide_input=True, err=True)
    else:
        value = sys.stdin.read()
    _push(common, name, {key: value.rstrip("\r\n")}, to, dry_run=dry_run)


def secrets_list(common: Common, name: NameArgument) -> None:
    """List the variables that are secrets and where their values are kept; no value is read."""
    from orchestrator.operations import application, secrets
    from orchestrator.rendering import environment_data

    work = _operating(common, name)
    app = application.find(work.session.orchestrator.context, work.target.environment)
    found = secrets.listed(work.target, work.clients, app)
    work.report(found, environment_data.secrets(found))


def _push(common: Common, name: str, values: dict[str, str], to: str, *, dry_run: bool) -> None:
    from orchestrator.errors import UsageError
    from orchestrator.lifecycle import UpdateEnv
    from orchestrator.operations import application, secrets
    from orchestrator.rendering import environment_data

    if to not in list(secrets.Store):
        raise UsageError(f"--to {to!r} cannot be used: values are kept in {' or '.join(secrets.Store)}")
    request = secrets.PushSecrets(values=values, store=secrets.Store(to), dry_run=dry_run, allow_prod=common.allow_prod)
    work = _operating(common, name)
    app = application.find(work.session.orchestrator.context, work.target.environment)
    result = secrets.push(request, work.target, work.clients)
    assignments = () if dry_run else secrets.assignments(result, app)
    if not common.as_json:
        work.report(result, environment_data.pushed(result))
    report, code = None, 0
    if assignments:
        report, code = _updated(work.session, UpdateEnv(names=(work.target.environment,), assignments=assignments))
    elif not dry_run:
        secrets.restart(work.target, work.clients, result.stale, work.view)
    if common.as_json:
        _document(work.session, {**_secret_document(work, result), "update": report, "calls": _calls(work.clients)})
    end(code)


def _secret_document(work: Operating, result: PushResult) -> dict[str, Any]:
    from orchestrator.rendering import operations

    return {"environment": work.target.environment, "result": operations.as_document(result)}


# what they do alike


def _operating(common: Common, name: str) -> Operating:
    from orchestrator.cli.operating import Operating

    return Operating(common, name)


def _updated(session: Session, request: Request) -> tuple[dict[str, Any], int]:
    """Carry out an update; its document, and its exit code."""
    from orchestrator.rendering import document

    report = session.do(session.orchestrator.prepare(request), quiet_document=True)
    return document.report(report), report.exit_code


def _document(session: Session, found: dict[str, Any]) -> None:
    from orchestrator.rendering import document

    session.console.document(document.one(found, session.notice))


def _calls(clients: Clients) -> list[dict[str, Any]] | None:
    from orchestrator.operations.aws.clients import RecordingClients
    from orchestrator.rendering import operations

    return operations.calls_document(clients.calls) if isinstance(clients, RecordingClients) else None


def _confirm(work: Operating, what: str) -> Callable[[], None]:
    """Asks before data is deleted; in the simulation there is none."""

    def ask() -> None:
        if not work.session.common.yes and work.target.notice is None:
            work.console.confirm((work.target.environment,), f"{work.target.environment} {what}")

    return ask


def _told(work: Operating, result: DatabaseResult) -> None:
    from orchestrator.rendering import environment_data

    work.report(result, environment_data.database(result))


def _read(file: str) -> str:
    """The text of a file. Raises UsageError, which does not repeat it."""
    from orchestrator.errors import UsageError

    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} cannot be read: it is no text in UTF-8") from None
