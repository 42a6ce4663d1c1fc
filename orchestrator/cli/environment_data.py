"""Commands on what environments hold and how large they are: sleep, scale, database, tunnel."""

from __future__ import annotations

from collections.abc import Callable
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
    from orchestrator.operations.sleep import Want

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
        found["environments"], code = updated(session, rest.update)
    if want is sleep.Want.SLEEP and code == 0:
        found["servers"] = _servers(session, rest, sleep.stop)
    if common.as_json:
        write_document(session, found)
    end(code)


def _servers(session: Session, rest: Any, operation: Any) -> list[Any]:
    from orchestrator.cli.operating import View
    from orchestrator.operations.aws import reach
    from orchestrator.rendering import environment_data, operations

    results: list[Any] = []
    for base in rest.bases:
        clients = reach.for_base(base)
        result = operation(base, clients, View(session.console, real=base.notice is None))
        noted = clients.calls if clients.simulated else None
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
    from orchestrator.operations import app_stack, scale
    from orchestrator.rendering import environment_data, operations

    wanted = scale.parse(counts)
    work = operating(common, name)
    app = app_stack.find(work.session.orchestrator.context, work.target.environment)
    found = scale.prepare(wanted, work.target, work.clients, app)
    work.console.note(environment_data.scaled(found))
    if work.target.asleep:
        work.console.note(f"{name} sleeps: the numbers count when it wakes")
    assignments = tuple(assignment for item in found for assignment in item.assignments)
    report, code = updated(work.session, UpdateEnv(names=(work.target.environment,), assignments=assignments))
    if common.as_json:
        services = [{"service": item.service, "count": str(item.count)} for item in found]
        write_document(
            work.session, {"environment": name, "services": operations.as_document(services), "update": report}
        )
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
    work = operating(common, name)
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

    work = operating(common, name)
    _told(work, databases.create(work.target, work.clients, work.view))


def db_drop(common: Common, name: NameArgument) -> None:
    """Delete the database and its role. Refused for production."""
    from orchestrator.operations.database import databases

    work = operating(common, name)
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
    work = operating(common, name)
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
    from orchestrator.operations.aws import targets
    from orchestrator.operations.database import databases

    work = operating(common, name)
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

    work = operating(common, name)
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
    work = operating(common, name)
    confirm = _confirm(work, f"will lose all its data and get that of {source}")
    _told(work, databases.restore(request, work.target, work.clients, work.view, confirm=confirm))


def db_shell(common: Common, name: NameArgument) -> None:
    """Open psql on the environment's database, as its own role."""
    from orchestrator.operations.database import shell as database_shell

    work = operating(common, name)
    result = database_shell.run(work.target, work.clients, work.view)
    if work.target.notice is not None or common.as_json:
        work.report(result, "")
    end(result.code)


# what they do alike


def operating(common: Common, name: str) -> Operating:
    from orchestrator.cli.operating import Operating

    return Operating(common, name)


def updated(session: Session, request: Request) -> tuple[dict[str, Any], int]:
    """Carry out an update; its document, and its exit code."""
    from orchestrator.rendering import document

    report = session.do(session.orchestrator.prepare(request), quiet_document=True)
    return document.report(report), report.exit_code


def write_document(session: Session, found: dict[str, Any]) -> None:
    from orchestrator.rendering import document

    session.console.document(document.one(found, session.notice))


def calls(clients: Clients) -> list[dict[str, Any]] | None:
    from orchestrator.rendering import operations

    return operations.calls_document(clients.calls) if clients.simulated else None


def _confirm(work: Operating, what: str) -> Callable[[], None]:
    """Asks before data is deleted; in the simulation there is none."""

    def ask() -> None:
        if not work.session.common.yes and work.target.notice is None:
            work.console.confirm((work.target.environment,), f"{work.target.environment} {what}")

    return ask


def _told(work: Operating, result: DatabaseResult) -> None:
    from orchestrator.rendering import environment_data

    work.report(result, environment_data.database(result))
