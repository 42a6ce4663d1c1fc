"""The group Data: databases, secrets and tunnels. No value of a secret is ever printed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import Commands, Common, DryRunOption, EnvironmentArgument
from orchestrator.cli.shared import calls_of, end, on_environment, updated

if TYPE_CHECKING:
    from orchestrator.cli.one_environment import EnvironmentCommand
    from orchestrator.operations.database.databases import DatabaseResult

NoReleaseOption = Annotated[bool, typer.Option("--no-release", help="Do not run the release command afterwards.")]
AllowProdDataOption = Annotated[
    bool, typer.Option("--allow-prod-data", help="Allow data of production in this environment.")
]
StoreOption = Annotated[str, typer.Option("--to", metavar="STORE", help="Store of the values: secretsmanager or ssm.")]
# The surplus words can be a value. They are accepted so that no message of the parser repeats them.
SurplusArgument = Annotated[list[str] | None, typer.Argument(hidden=True)]
ProvidedOption = Annotated[
    str,
    typer.Option(
        "--provided",
        metavar="WHAT",
        help="Action for variables that the stack itself provides: refuse, keep (the value of the stack) or replace.",
    ),
]


def tunnel_(
    common: Common,
    name: EnvironmentArgument,
    port: Annotated[int, typer.Option("--port", "-p", help="Local TCP port.")] = 15432,
    print_: Annotated[bool, typer.Option("--print", help="Print the AWS command and do not run it.")] = False,
) -> None:
    """Open a tunnel from a local port to the database of an environment, until Ctrl-C.

    Example: orchestrator tunnel alpha --port 6000
    """
    from orchestrator.operations import tunnel
    from orchestrator.rendering import operation_text

    request = tunnel.OpenTunnel(port=port)
    work = on_environment(common, name)
    found = tunnel.locate(request, work.target, work.clients)
    if print_ or common.as_json:
        work.report(found, f"{found.aws_command}\n")
        return
    if work.target.notice is None:
        work.console.result(operation_text.tunnel(found))
    result = tunnel.run(found, work.target, work.clients, work.view)
    if work.target.notice is not None:
        work.report(result, "")
    end(result.code)


def db_create(common: Common, name: EnvironmentArgument) -> None:
    """Create the database and its role if they do not exist.

    Example: orchestrator db create alpha
    """
    from orchestrator.operations.database import databases

    work = on_environment(common, name)
    _print_database(work, databases.create(work.target, work.clients, work.view))


def db_drop(common: Common, name: EnvironmentArgument) -> None:
    """Delete the database and its role. Refused for production.

    Example: orchestrator db drop alpha
    """
    from orchestrator.operations.database import databases

    work = on_environment(common, name)
    confirm = _confirm(work, "loses its database")
    _print_database(work, databases.drop(work.target, work.clients, work.view, confirm=confirm))


def db_reset(
    common: Common,
    name: EnvironmentArgument,
    seed: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command that loads data, after --.", show_default=False),
    ] = None,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database by an empty one, run the release command, then load data with COMMAND.

    Example: orchestrator db reset alpha -- python manage.py loaddata demo
    """
    from orchestrator.operations.database import databases

    request = databases.ResetDatabase(seed=tuple(seed or ()), release=not no_release)
    work = on_environment(common, name)
    confirm = _confirm(work, "loses all its data")
    _print_database(work, databases.reset(request, work.target, work.clients, work.view, confirm=confirm))


def db_clone(
    common: Common,
    name: EnvironmentArgument,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="ENV",
            help="Environment to copy the data from.",
            autocompletion=completion.environments,
        ),
    ],
    allow_prod_data: AllowProdDataOption = False,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database by a copy of the database of another environment.

    Example: orchestrator db clone alpha --from beta
    """
    from orchestrator.operations.aws import targets
    from orchestrator.operations.database import databases

    work = on_environment(common, name)
    request = databases.CloneDatabase(
        source=targets.find(work.session.orchestrator.context, source),
        allow_prod_data=allow_prod_data,
        release=not no_release,
    )
    confirm = _confirm(work, f"loses all its data and gets that of {source}")
    _print_database(work, databases.clone(request, work.target, work.clients, work.view, confirm=confirm))


def db_dump(
    common: Common,
    name: EnvironmentArgument,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Also save the dump as a local file.", show_default=False)
    ] = None,
) -> None:
    """Dump the database into the bucket of the environment.

    Example: orchestrator db dump alpha --to alpha.dump
    """
    from orchestrator.operations.database import databases

    work = on_environment(common, name)
    _print_database(work, databases.dump(work.target, work.clients, work.view, to=to))


def db_restore(
    common: Common,
    name: EnvironmentArgument,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Local file, or s3://BUCKET/KEY.")],
    allow_prod_data: AllowProdDataOption = False,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database by the contents of a dump.

    Example: orchestrator db restore alpha alpha.dump
    """
    from orchestrator.operations.database import databases

    request = databases.RestoreDatabase(
        source=source,
        allow_prod=common.allow_prod,
        allow_prod_data=allow_prod_data,
        release=not no_release,
    )
    work = on_environment(common, name)
    confirm = _confirm(work, f"loses all its data and gets that of {source}")
    _print_database(work, databases.restore(request, work.target, work.clients, work.view, confirm=confirm))


def db_shell(common: Common, name: EnvironmentArgument) -> None:
    """Open psql on the database, as the role of the environment.

    Example: orchestrator db shell alpha
    """
    from orchestrator.operations.database import shell as database_shell

    work = on_environment(common, name)
    result = database_shell.run(work.target, work.clients, work.view)
    if work.target.notice is not None or common.as_json:
        work.report(result, "")
    end(result.code)


def _confirm(work: EnvironmentCommand, what: str) -> Callable[[], None]:
    """A function that asks for confirmation before data is deleted."""

    def ask() -> None:
        if not work.session.common.yes:
            work.console.confirm((work.target.environment,), f"{work.target.environment} {what}")

    return ask


def _print_database(work: EnvironmentCommand, result: DatabaseResult) -> None:
    from orchestrator.rendering import operation_text

    work.report(result, operation_text.database(result))


def secrets_push(
    common: Common,
    name: EnvironmentArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Dotenv or JSON file; - is standard input.")],
    surplus: SurplusArgument = None,
    to: StoreOption = "secretsmanager",
    provided: ProvidedOption = "refuse",
    dry_run: DryRunOption = False,
) -> None:
    """Store the values of a file as secrets of the environment. Values are never shown.

    Example: orchestrator secrets push alpha .env
    """
    from orchestrator.errors import UsageError
    from orchestrator.operations import dotenv

    if surplus:
        raise UsageError(
            "`secrets push` takes an environment and one file",
            "put the values into the file, or pass them on standard input",
        )
    text = _stdin() if file == "-" else _read(file, "FILE")
    values = dotenv.parse(text, "standard input" if file == "-" else file)
    _push(common, name, values, to, provided, dry_run=dry_run)


def secrets_set(
    common: Common,
    name: EnvironmentArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Name of the variable.")],
    surplus: SurplusArgument = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read the value from a file.", show_default=False)
    ] = None,
    to: StoreOption = "secretsmanager",
    provided: ProvidedOption = "refuse",
    dry_run: DryRunOption = False,
) -> None:
    """Store one value, from a file, from standard input or from a prompt.

    Example: orchestrator secrets set alpha STRIPE_KEY
    """
    from orchestrator.errors import UsageError
    from orchestrator.operations import dotenv

    if surplus or "=" in key:
        raise UsageError(
            "`secrets set` takes an environment and the name of a variable: a value on the command line would stay in "
            "the history of the shell",
            "pass the value on standard input, with --file, or type it at the prompt",
        )
    dotenv.check_name(key, "KEY")
    if file is not None:
        value = _read(file, "--file")
    elif sys.stdin.isatty():
        value = typer.prompt(key, hide_input=True, err=True)
    else:
        value = _stdin()
    _push(common, name, {key: value.rstrip("\r\n")}, to, provided, dry_run=dry_run)


def secrets_list(common: Common, name: EnvironmentArgument) -> None:
    """List the secret variables and where their values are stored. No value is read.

    Example: orchestrator secrets list alpha
    """
    from orchestrator.operations import app_stack, secrets
    from orchestrator.rendering import operation_text

    work = on_environment(common, name)
    app = app_stack.find(work.session.orchestrator.context, work.target.environment)
    found = secrets.listed(work.target, work.clients, app)
    work.report(found, operation_text.secrets(found, work.console.width), picture=True)


def _push(common: Common, name: str, values: dict[str, str], to: str, provided: str, *, dry_run: bool) -> None:
    from orchestrator.errors import UsageError
    from orchestrator.lifecycle import UpdateEnv
    from orchestrator.operations import app_stack, secrets
    from orchestrator.rendering import operation_documents, operation_text

    if to not in list(secrets.Store):
        raise UsageError(f"--to {to} is invalid: it must be {' or '.join(secrets.Store)}")
    if provided not in list(secrets.Provided):
        raise UsageError(f"--provided {provided} is invalid: it must be {', '.join(secrets.Provided)}")
    request = secrets.PushSecrets(
        values=values,
        store=secrets.Store(to),
        dry_run=dry_run,
        provided=secrets.Provided(provided),
        allow_prod=common.allow_prod,
    )
    work = on_environment(common, name)
    app = app_stack.find(work.session.orchestrator.context, work.target.environment)
    result = secrets.push(request, work.target, work.clients, app)
    if result.empty:
        work.console.note(
            f"not stored because they are empty, and ECS starts no task with an empty secret: "
            f"{', '.join(result.empty)}; `--set extra_env.NAME=` sets an empty variable"
        )
    assignments = () if dry_run else secrets.assignments(result, app)
    if not common.as_json:
        work.report(result, operation_text.pushed(result))
    report, code = None, 0
    if assignments:
        report, code = updated(work.session, UpdateEnv(names=(work.target.environment,), assignments=assignments))
    elif not dry_run:
        secrets.restart(work.target, work.clients, result.stale, work.view)
    if common.as_json:
        work.console.document(
            operation_documents.pushed(
                work.target.environment, result, report, calls_of(work.clients), work.session.notice
            )
        )
    end(code)


_OPEN_FILES = tuple(Path(name).parts for name in ("/dev/fd", "/dev/stdin", "/proc/self/fd"))
"""Beginnings of the names of files that the process has open already."""


def _read(file: str, argument: str) -> str:
    """The text of a file. Raises UsageError without the text and without the name, which can be a value."""
    from orchestrator.config import documents
    from orchestrator.errors import UsageError
    from orchestrator.operations.dotenv import MOST_CHARACTERS

    try:
        if any(
            Path(file).parts[: len(begin)] == begin for begin in _OPEN_FILES
        ):  # a pipe of the shell, such as <(sops -d secrets.env)
            with Path(file).open(encoding="utf-8") as opened:
                return opened.read(MOST_CHARACTERS + 1)
        return documents.text(Path(file), 4 * MOST_CHARACTERS)
    except UnicodeDecodeError:
        raise UsageError(f"the file of {argument} cannot be read: it is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"the file of {argument} cannot be read: {error.strerror or 'it is not a file'}") from None
    except ValueError:
        raise UsageError(f"the file of {argument} cannot be read: its name is not a file name") from None


def _stdin() -> str:
    from orchestrator.errors import UsageError
    from orchestrator.operations.dotenv import MOST_CHARACTERS

    try:
        return sys.stdin.read(MOST_CHARACTERS + 1)
    except UnicodeDecodeError:
        raise UsageError("standard input cannot be read: it is not UTF-8 text") from None


GROUP = "Data"
COMMANDS: Commands = {"tunnel": (tunnel_, False)}
DB: Commands = {
    "create": (db_create, True),
    "drop": (db_drop, True),
    "reset": (db_reset, True),
    "clone": (db_clone, True),
    "dump": (db_dump, True),
    "restore": (db_restore, True),
    "shell": (db_shell, True),
}
SECRETS: Commands = {"push": (secrets_push, True), "set": (secrets_set, True), "list": (secrets_list, False)}
SUBGROUPS = {
    "db": ("Create, copy, dump, restore and delete the database of an environment.", DB),
    "secrets": ("Store and list the secret values of an environment.", SECRETS),
}
