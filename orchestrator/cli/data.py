"""The group Data: databases, secrets and tunnels. No value of a secret is ever printed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import Commands, Common, DryRunOption, EnvironmentArgument, ProvidedName, StoreName
from orchestrator.cli.shared import end, on_environment

if TYPE_CHECKING:
    from orchestrator.cli.one_environment import EnvironmentCommand
    from orchestrator.operations.database.databases import DatabaseResult
    from orchestrator.operations.secrets import PushResult
    from orchestrator.operations.tunnel import Tunnel

NoReleaseOption = Annotated[bool, typer.Option("--no-release", help="Do not run the release command afterwards.")]
AllowProdDataOption = Annotated[
    bool, typer.Option("--allow-prod-data", help="Allow data of production in this environment.")
]
StoreOption = Annotated[StoreName, typer.Option("--to", help="Store of the values.")]
# The surplus words can be a value. They are accepted so that no message of the parser repeats them.
SurplusArgument = Annotated[list[str] | None, typer.Argument(hidden=True)]
ProvidedOption = Annotated[
    ProvidedName,
    typer.Option(
        "--provided",
        help="Action for variables that the stack itself provides: refuse, keep (the value of the stack) or replace.",
    ),
]


def tunnel_(
    common: Common,
    name: EnvironmentArgument,
    port: Annotated[int, typer.Option("--port", "-p", help="Local TCP port.")] = 15432,
    print_: Annotated[bool, typer.Option("--print", help="Print the AWS command instead of running it.")] = False,
) -> None:
    """Open a tunnel from a local port to the database of an environment, until Ctrl-C.

    Example: orchestrator tunnel alpha --port 6000
    """
    from orchestrator.rendering import operation_text

    work = on_environment(common, name)
    if print_ or common.as_json:
        found = work.operations.find_tunnel(name, port)
        work.report(found, f"{found.aws_command}\n")
        return

    def opened(tunnel: Tunnel) -> None:
        if not work.simulated:
            work.console.result(operation_text.tunnel(tunnel))

    result = work.operations.tunnel(name, port, opened=opened, observer=work.view)
    if work.simulated:
        work.report(result, "")
    end(result.code)


def db_create(common: Common, name: EnvironmentArgument) -> None:
    """Create the database and its role if they do not exist.

    Example: orchestrator db create alpha
    """
    work = on_environment(common, name)
    _print_database(work, work.operations.databases.create(name, observer=work.view))


def db_drop(common: Common, name: EnvironmentArgument) -> None:
    """Delete the database and its role. Refused for production.

    Example: orchestrator db drop alpha
    """
    work = on_environment(common, name)
    confirm = _confirm(work, "loses its database")
    _print_database(work, work.operations.databases.drop(name, observer=work.view, confirm=confirm))


def db_reset(
    common: Common,
    name: EnvironmentArgument,
    seed: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command that loads data, after --.", show_default=False),
    ] = None,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database with an empty one, run the release command, then load data with COMMAND.

    Example: orchestrator db reset alpha -- python manage.py loaddata demo
    """
    work = on_environment(common, name)
    confirm = _confirm(work, "loses all its data")
    result = work.operations.databases.reset(
        name, seed=seed or (), release=not no_release, observer=work.view, confirm=confirm
    )
    _print_database(work, result)


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
    """Replace the database with a copy of the database of another environment.

    Example: orchestrator db clone alpha --from beta
    """
    work = on_environment(common, name)
    result = work.operations.databases.clone(
        name,
        source,
        allow_prod_data=allow_prod_data,
        release=not no_release,
        observer=work.view,
        confirm=_confirm(work, f"loses all its data and gets that of {source}"),
    )
    _print_database(work, result)


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
    work = on_environment(common, name)
    _print_database(work, work.operations.databases.dump(name, to=to, observer=work.view))


def db_restore(
    common: Common,
    name: EnvironmentArgument,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Local file, or s3://BUCKET/KEY.")],
    allow_prod_data: AllowProdDataOption = False,
    no_release: NoReleaseOption = False,
) -> None:
    """Replace the database with the contents of a dump.

    Example: orchestrator db restore alpha alpha.dump
    """
    work = on_environment(common, name)
    result = work.operations.databases.restore(
        name,
        source,
        allow_prod_data=allow_prod_data,
        release=not no_release,
        observer=work.view,
        confirm=_confirm(work, f"loses all its data and gets that of {source}"),
    )
    _print_database(work, result)


def db_shell(common: Common, name: EnvironmentArgument) -> None:
    """Open psql on the database, as the role of the environment.

    Example: orchestrator db shell alpha
    """
    work = on_environment(common, name)
    result = work.operations.databases.shell(name, observer=work.view)
    if work.simulated or common.as_json:
        work.report(result, "")
    end(result.code)


def _confirm(work: EnvironmentCommand, what: str) -> Callable[[], None]:
    """A function that asks for confirmation before data is deleted."""

    def ask() -> None:
        if not work.session.common.yes:
            work.console.confirm((work.name,), f"{work.name} {what}")

    return ask


def _print_database(work: EnvironmentCommand, result: DatabaseResult) -> None:
    from orchestrator.rendering import operation_text

    work.report(result, operation_text.database(result))


def secrets_push(
    common: Common,
    name: EnvironmentArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Dotenv or JSON file; - is standard input.")],
    surplus: SurplusArgument = None,
    to: StoreOption = StoreName.SECRETS_MANAGER,
    provided: ProvidedOption = ProvidedName.REFUSE,
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
    to: StoreOption = StoreName.SECRETS_MANAGER,
    provided: ProvidedOption = ProvidedName.REFUSE,
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
    from orchestrator.rendering import operation_text

    work = on_environment(common, name)
    found = work.operations.secrets.list(name)
    work.report(found, operation_text.secrets(found, work.console.width), picture=True)


def _push(
    common: Common, name: str, values: dict[str, str], to: StoreName, provided: ProvidedName, *, dry_run: bool
) -> None:
    from orchestrator.rendering import operation_documents, operation_text

    work = on_environment(common, name)

    def stored(result: PushResult) -> None:
        if result.empty:
            work.console.note(
                f"not stored because they are empty, and ECS starts no task with an empty secret: "
                f"{', '.join(result.empty)}; `--set extra_env.NAME=` sets an empty variable"
            )
        if not common.as_json:
            work.report(result, operation_text.pushed(result))

    delivered = work.operations.secrets.push(
        name, values, store=to.value, provided=provided.value, dry_run=dry_run, stored=stored, observer=work.view
    )
    if common.as_json:
        work.console.document(
            operation_documents.pushed(name, delivered.stored, delivered.report, work.calls, work.session.notice)
        )
    end(delivered.report.exit_code if delivered.report else 0)


_OPEN_FILES = tuple(Path(name).parts for name in ("/dev/fd", "/dev/stdin", "/proc/self/fd"))
"""Beginnings of the names of files that the process has open already."""

_FILE_HINT = "give the path of a file that this user can read"


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
        raise UsageError(f"{argument} cannot be read: it is not UTF-8 text", _FILE_HINT) from None
    except OSError as error:
        raise UsageError(f"{argument} cannot be read: {error.strerror or 'it is not a file'}", _FILE_HINT) from None
    except ValueError:
        raise UsageError(f"{argument} cannot be read: its name is not a file name", _FILE_HINT) from None


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
