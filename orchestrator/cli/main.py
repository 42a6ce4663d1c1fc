"""The console script, and the one place where an error becomes an exit code."""

from __future__ import annotations

import gc
import io
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from orchestrator.cli import commands, environment_data, health, life, operations, secret_commands
from orchestrator.errors import OrchestratorError

HELP = """Creates, updates, inspects and destroys Django environments on AWS, in dependency order.

A base holds what environments share (VPC, load balancer, database server); an environment is one Django application on
it. Both are Pulumi stacks.
"""
BUG_HINT = "this is a bug of the orchestrator: run the command again with --verbose and report what it prints"

app = typer.Typer(
    name="orchestrator",
    help=HELP,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
commands.register(app)
life.register(app)
operations.register(app)
environment_data.register(app)
secret_commands.register(app)
health.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("pulumi-django"))
        raise typer.Exit


@app.callback()
def _root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # A command lives for seconds, or waits for the engine. Looking for cyclic garbage while thousands of classes are
    # loaded would be a fifth of its time.
    gc.disable()
    code = main(list(sys.argv[1:] if arguments is None else arguments))
    # All is said and done: one more Ctrl-C must not turn the exit code into another one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    from orchestrator.console import Console

    console = Console(verbose=bool({"--verbose", "-v"} & set(arguments)))
    try:
        outcome: Any = app(list(arguments), prog_name="orchestrator", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except OrchestratorError as error:
        console.error(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        console.problem("interrupted", None)
        return 130
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception as error:
        return _unexpected(console, error)


def _unexpected(console: Any, error: Exception) -> int:
    """A usage error of the parser, or a bug."""
    show = getattr(error, "show", None)
    if show is not None and hasattr(error, "exit_code"):
        said = io.StringIO()
        show(file=said)
        console.note(said.getvalue())
        return int(error.exit_code)  # type: ignore[attr-defined]
    if console.verbose:
        console.note("".join(traceback.format_exception(error)))
        return 1
    console.problem(f"{type(error).__name__}: {error}", BUG_HINT)
    return 1
