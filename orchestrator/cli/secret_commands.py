"""The commands `secrets push`, `secrets set` and `secrets list`. No value is ever shown, nor what may be one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.commands import end
from orchestrator.cli.environment_data import calls, operating, updated, write_document
from orchestrator.cli.operations import WORK
from orchestrator.cli.options import Common, NameArgument, with_common

if TYPE_CHECKING:
    from orchestrator.cli.operating import Operating
    from orchestrator.operations.secrets import PushResult

StoreOption = Annotated[
    str, typer.Option("--to", metavar="STORE", help="secretsmanager or ssm: where the values are kept.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show which keys would be stored, and store nothing.")]
# What stands here may be a value: it is taken so that no message of the parser repeats it.
SurplusArgument = Annotated[list[str] | None, typer.Argument(hidden=True)]
ProvidedOption = Annotated[
    str,
    typer.Option(
        "--provided",
        metavar="WHAT",
        help="What to do with variables that the stack itself gives: refuse, keep (the stack's), or replace.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    secrets = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for name, command in (("push", secrets_push), ("set", secrets_set), ("list", secrets_list)):
        secrets.command(name)(with_common(command, working=name != "list"))
    app.add_typer(secrets, name="secrets", rich_help_panel=WORK, help="Keep an environment's secret values.")


def secrets_push(
    common: Common,
    name: NameArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Dotenv or JSON; - is standard input.")],
    surplus: SurplusArgument = None,
    to: StoreOption = "secretsmanager",
    provided: ProvidedOption = "refuse",
    dry_run: DryRunOption = False,
) -> None:
    """Store the values of a file, and hand them to the containers. Values are never shown.

    Example: orchestrator secrets push alpha .env
    """
    from orchestrator.errors import UsageError
    from orchestrator.operations import dotenv

    if surplus:
        raise UsageError(
            "`secrets push` takes an environment and one file", "give values in the file, or on standard input"
        )
    text = _stdin() if file == "-" else _read(file, "FILE")
    values = dotenv.parse(text, "standard input" if file == "-" else file)
    _push(common, name, values, to, provided, dry_run=dry_run)


def secrets_set(
    common: Common,
    name: NameArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Variable.")],
    surplus: SurplusArgument = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read the value from a file.", show_default=False)
    ] = None,
    to: StoreOption = "secretsmanager",
    provided: ProvidedOption = "refuse",
    dry_run: DryRunOption = False,
) -> None:
    """Store one value: from a file, from standard input, or typed unseen.

    Example: orchestrator secrets set alpha STRIPE_KEY
    """
    from orchestrator.errors import UsageError
    from orchestrator.operations import dotenv

    if surplus or "=" in key:
        raise UsageError(
            "`secrets set` takes an environment and the name of a variable: a value on the command line would stay in "
            "the shell's history",
            "give the value on standard input, with --file, or when you are asked",
        )
    dotenv.check_name(key, "KEY")
    if file is not None:
        value = _read(file, "--file")
    elif sys.stdin.isatty():
        value = typer.prompt(key, hide_input=True, err=True)
    else:
        value = _stdin()
    _push(common, name, {key: value.rstrip("\r\n")}, to, provided, dry_run=dry_run)


def secrets_list(common: Common, name: NameArgument) -> None:
    """List the variables that are secrets and where their values are kept; no value is read."""
    from orchestrator.operations import app_stack, secrets
    from orchestrator.rendering import environment_data

    work = operating(common, name)
    app = app_stack.find(work.session.orchestrator.context, work.target.environment)
    found = secrets.listed(work.target, work.clients, app)
    work.report(found, environment_data.secrets(found))


def _push(common: Common, name: str, values: dict[str, str], to: str, provided: str, *, dry_run: bool) -> None:
    from orchestrator.errors import UsageError
    from orchestrator.lifecycle import UpdateEnv
    from orchestrator.operations import app_stack, secrets
    from orchestrator.rendering import environment_data

    if to not in list(secrets.Store):
        raise UsageError(f"--to {to!r} cannot be used: values are kept in {' or '.join(secrets.Store)}")
    if provided not in list(secrets.Provided):
        raise UsageError(f"--provided {provided!r} cannot be used: it is {' or '.join(secrets.Provided)}")
    request = secrets.PushSecrets(
        values=values,
        store=secrets.Store(to),
        dry_run=dry_run,
        provided=secrets.Provided(provided),
        allow_prod=common.allow_prod,
    )
    work = operating(common, name)
    app = app_stack.find(work.session.orchestrator.context, work.target.environment)
    result = secrets.push(request, work.target, work.clients, app)
    if result.empty:
        work.console.note(
            f"not stored, since they are empty and ECS does not start tasks with empty secrets: "
            f"{', '.join(result.empty)}; `--set extra_env.NAME=` gives an application an empty variable"
        )
    assignments = () if dry_run else secrets.assignments(result, app)
    if not common.as_json:
        work.report(result, environment_data.pushed(result))
    report, code = None, 0
    if assignments:
        report, code = updated(work.session, UpdateEnv(names=(work.target.environment,), assignments=assignments))
    elif not dry_run:
        secrets.restart(work.target, work.clients, result.stale, work.view)
    if common.as_json:
        write_document(work.session, {**_secret_document(work, result), "update": report, "calls": calls(work.clients)})
    end(code)


def _secret_document(work: Operating, result: PushResult) -> dict[str, Any]:
    from orchestrator.rendering import operations

    return {"environment": work.target.environment, "result": operations.as_document(result)}


def _read(file: str, argument: str) -> str:
    """The text of a file. Raises UsageError, which repeats neither the text nor the name: it may be a value."""
    from orchestrator.errors import UsageError
    from orchestrator.operations.dotenv import MOST_CHARACTERS

    try:
        with Path(file).open(encoding="utf-8") as opened:
            return opened.read(MOST_CHARACTERS + 1)
    except UnicodeDecodeError:
        raise UsageError(f"the file of {argument} cannot be read: it is no text in UTF-8") from None
    except OSError as error:
        raise UsageError(f"the file of {argument} cannot be read: {error.strerror or 'it is no file'}") from None
    except ValueError:
        raise UsageError(f"the file of {argument} cannot be read: its name is no name of a file") from None


def _stdin() -> str:
    from orchestrator.errors import UsageError
    from orchestrator.operations.dotenv import MOST_CHARACTERS

    try:
        return sys.stdin.read(MOST_CHARACTERS + 1)
    except UnicodeDecodeError:
        raise UsageError("standard input cannot be read: it is no text in UTF-8") from None
