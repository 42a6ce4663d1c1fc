"""The group Set-up: checks of this machine, schemas, help and the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import Commands, Common
from orchestrator.cli.shared import code_of_checks, end, shown_checks

if TYPE_CHECKING:
    from orchestrator.api import Orchestrator
    from orchestrator.lifecycle import Context


def doctor_(
    common: Common,
    name: Annotated[
        str | None,
        typer.Argument(
            help="Environment or base; it need not exist, only be configured.",
            show_default=False,
            autocompletion=completion.stacks,
        ),
    ] = None,
) -> None:
    """Check that the programs, the backend, the credentials and the AWS resources for NAME are available.

    The exit code is 1 when a check fails. A warning is not a failure.

    Example: orchestrator doctor alpha
    """
    from orchestrator.api import Orchestrator
    from orchestrator.console import Console
    from orchestrator.operations.health import doctor
    from orchestrator.rendering import operation_documents, operation_text

    console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
    made: list[Orchestrator] = []

    def load() -> Context:
        made.append(Orchestrator(common.project_dir, engine=common.engine))
        return made[0].context

    found = shown_checks(console, doctor.checks(load, name))
    notice = made[0].engine.notice if made else None
    if common.as_json:
        console.document(operation_documents.doctor(name, found, notice))
    else:
        console.note(operation_text.checks(found))
    end(code_of_checks(found))


def schema_(
    common: Common,
    name: Annotated[
        str | None, typer.Argument(help="Name of the document (default: all documents).", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of the documents that --json and --events write.

    Example: orchestrator schema report
    """
    import json

    from orchestrator.console import Console
    from orchestrator.errors import UsageError
    from orchestrator.rendering.schema import SCHEMAS, schema

    if name is not None and name not in SCHEMAS:
        raise UsageError(f"there is no document {name}", f"documents are {', '.join(SCHEMAS)}")
    found = schema(name) if name else {each: schema(each) for each in SCHEMAS}
    Console(quiet=common.quiet).result(json.dumps(found, indent=2) + "\n")


def help_(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command, for example `db clone`.", show_default=False),
    ] = None,
) -> None:
    """Show the help of a command.

    Example: orchestrator help create-env
    """
    path = " ".join(words or ())
    root = context.find_root()
    found, group = root, root.command
    for word in words or ():
        commands = getattr(group, "commands", {})
        if word not in commands:
            root.fail(f"there is no command {path}")
        group = commands[word]
        found = type(root)(group, info_name=word, parent=found)
    typer.echo(group.get_help(found))


def version_() -> None:
    """Print the version.

    Example: orchestrator version
    """
    from importlib.metadata import version

    typer.echo(version("pulumi-django"))


GROUP = "Set-up"
COMMANDS: Commands = {"doctor": (doctor_, False), "schema": (schema_, False)}
PLAIN = {"help": help_, "version": version_}
"""Commands without the shared options."""
