"""The group Set-up: the stacks of a repository, checks of this machine, schemas, agents, help and the version."""

from __future__ import annotations

from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import completion
from orchestrator.cli.options import Commands, Common, EngineOption, ProjectDirOption, WaitOption
from orchestrator.cli.shared import code_of_checks, end, needs_extra, shown_checks

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


class ConfigurationFile(StrEnum):
    """Values of `schema --for`."""

    SETTINGS = "settings"
    BASE = "base"
    APP = "app"


class OtherTool(StrEnum):
    """Values of `init --from`."""

    COPILOT = "copilot"
    PROCFILE = "procfile"
    COMPOSE = "compose"


def init_(
    common: Common,
    path: Annotated[
        Path | None, typer.Argument(help="Repository of a Django project (default: this folder).", show_default=False)
    ] = None,
    directory: Annotated[
        str, typer.Option("--dir", metavar="FOLDER", help="Folder of the stacks, in the repository.")
    ] = "infrastructure",
    source: Annotated[
        OtherTool | None, typer.Option("--from", help="Start from the files of another tool.", show_default=False)
    ] = None,
    dockerfile: Annotated[
        bool, typer.Option("--dockerfile", help="Also write a Dockerfile and a .dockerignore, if there are none.")
    ] = False,
    health_view: Annotated[
        bool, typer.Option("--health-view", help="Also write a view for health checks of the load balancer.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the result, and write nothing.")] = False,
) -> None:
    """Write the stacks of a Django repository: a base, an environment, and production.

    The source is read, never imported. Files that you edited stay as they are. With --yes, every question takes its
    default.

    Example: orchestrator init
    """
    from orchestrator.console import Console
    from orchestrator.onboarding.initialise import Init, initialise
    from orchestrator.rendering import onboarding_report

    console = Console(quiet=common.quiet, verbose=common.verbose, as_json=common.as_json)
    root = path or Path.cwd()
    request = Init(
        root=root,
        folder=directory,
        source=source.value if source else None,
        dockerfile=dockerfile,
        health_view=health_view,
        dry_run=dry_run,
    )
    silent = common.yes or common.as_json
    result = initialise(request, lambda _key, question, default: default if silent else console.ask(question, default))
    if common.as_json:
        console.document(onboarding_report.document(result, root, written=not dry_run))
    else:
        console.table(onboarding_report.text(result, root, written=not dry_run, directory=directory))


def schema_(
    common: Common,
    name: Annotated[
        str | None, typer.Argument(help="Name of the document (default: all documents).", show_default=False)
    ] = None,
    configuration: Annotated[
        ConfigurationFile | None,
        typer.Option("--for", help="Schema of a configuration file instead, for editors.", show_default=False),
    ] = None,
) -> None:
    """Print the JSON Schema of the documents that --json and --events write, or of a configuration file.

    Example: orchestrator schema report
    """
    import json

    from orchestrator.console import Console
    from orchestrator.errors import UsageError
    from orchestrator.rendering.schema import SCHEMAS, schema

    if configuration is not None:
        if name is not None:
            raise UsageError("schema takes a name or --for, not both", "leave one of them out")
        Console(quiet=common.quiet).result(json.dumps(_file_schema(common, configuration), indent=1) + "\n")
        return
    if name is not None and name not in SCHEMAS:
        raise UsageError(f"there is no document {name}", f"documents are {', '.join(SCHEMAS)}")
    found = schema(name) if name else {each: schema(each) for each in SCHEMAS}
    Console(quiet=common.quiet).result(json.dumps(found, indent=2) + "\n")


def _file_schema(common: Common, file: ConfigurationFile) -> dict[str, Any]:
    """The schema of a configuration file, for the projects of this folder or those of this repository."""
    from orchestrator.config import settings
    from orchestrator.errors import SettingsError
    from orchestrator.model import Scope
    from orchestrator.onboarding.initialise import schema

    name = f"django-{file.value}"
    try:
        found = settings.load(common.project_dir).in_scope(
            Scope.BASE if file is ConfigurationFile.BASE else Scope.ENVIRONMENT
        )
        name = found[0].name if found else name
    except SettingsError:
        if common.project_dir is not None:
            raise
    return schema(file.value, name)


def mcp_(
    project_dir: ProjectDirOption = None,
    engine: EngineOption = None,
    wait: WaitOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Offer only the tools that change nothing.")] = False,
) -> None:
    """Serve tools for agents over the Model Context Protocol, on standard input and output.

    An agent reads everything except secrets. It changes by a preview and its plan, never production.

    Example: orchestrator mcp --read-only
    """
    import sys

    from orchestrator.errors import UsageError

    needs_extra("mcp", "mcp", "mcp")
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal: an agent's client starts this command", "add it to the client's servers"
        )
    from orchestrator.agents.opened import Opening
    from orchestrator.agents.server import serve

    opening = Opening(where=project_dir, engine=engine.value if engine else None, wait=wait)
    opening.orchestrator()  # settings that cannot be read end the command, not every call
    serve(opening, read_only=read_only)


def help_(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command, for example `db clone`.", show_default=False),
    ] = None,
) -> None:
    """Show the help of a command. Options after its name are ignored.

    Example: orchestrator help create-env
    """
    names = list(takewhile(lambda word: not word.startswith("-"), words or ()))
    path = " ".join(names)
    root = context.find_root()
    found, group = root, root.command
    for word in names:
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
COMMANDS: Commands = {
    "init": (init_, False),
    "doctor": (doctor_, False),
    "schema": (schema_, False),
}
PLAIN = {"mcp": mcp_, "help": help_, "version": version_}
"""Commands without the shared options."""
