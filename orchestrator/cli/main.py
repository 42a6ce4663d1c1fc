"""The console script, and the one place where an error becomes an exit code."""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.help import as_error, shows_help
from orchestrator.cli.parser import parser
from orchestrator.errors import InterruptedRunError, OrchestratorError, UsageError

if TYPE_CHECKING:
    from orchestrator.console import Console

BUG_HINT = "this is a bug in the orchestrator: run the command again with --verbose and report its output"
JSON_VARIABLE = "ORCHESTRATOR_JSON"
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, and lone surrogates, by which Python represents bytes that are not UTF-8."""

_TRUE = ("1", "true", "t", "yes", "y", "on")


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # A command lives for seconds, or waits for the engine. The search for cyclic garbage, while thousands of classes are
    # loaded, would take a fifth of its time.
    gc.disable()
    code = main(list(sys.argv[1:] if arguments is None else arguments))
    # The command is over: another Ctrl-C must not change the exit code.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Python searches for garbage once more when it ends. In frozen objects it does not search.
    gc.freeze()
    sys.exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run the command line. Returns the exit code."""
    from orchestrator.console import Console

    console = Console(verbose=bool({"--verbose", "-v"} & _own(arguments)), as_json=_as_json(arguments))
    try:
        _refuse_unusable(arguments)
        with _written(console), _details(console):
            outcome = parser()(list(arguments), prog_name="orchestrator", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except OrchestratorError as error:
        return _report(console, error)
    except (KeyboardInterrupt, typer.Abort):
        return _report(console, InterruptedRunError("interrupted"))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception as error:  # a fault of this program gets a report too
        return _unexpected(console, error, arguments)


def _refuse_unusable(arguments: Sequence[str]) -> None:
    for number, argument in enumerate(arguments, 1):
        if _UNUSABLE.search(argument):
            raise UsageError(f"argument {number} is not UTF-8 text", "write it with the characters of UTF-8")


@contextmanager
def _written(console: Console) -> Generator[None]:
    """Write the output of a command to its end. A full stdout ends the command with code 1 and an error.

    A reader that stops reading is not an error: `orchestrator list | head -1` ends quietly.
    """
    try:
        yield
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        from orchestrator.console import write_nowhere

        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        write_nowhere()
        if error.errno == errno.EPIPE:
            raise SystemExit(0) from None
        console.problem(f"the output is incomplete: {error.strerror}", None)
        raise SystemExit(1) from None


@contextmanager
def _details(console: Console) -> Generator[None]:
    """With `--verbose`, show what the rooms below log: failures that a command survives, and tracebacks of bugs."""
    if not console.verbose:
        yield
        return
    import logging

    class Shown(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            console.note(self.format(record))

    log, shown = logging.getLogger("orchestrator"), Shown()
    before = log.level
    log.addHandler(shown)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(shown)
        log.setLevel(before)


def _own(arguments: Sequence[str]) -> set[str]:
    """The words of the orchestrator itself: those after `--` belong to a command that it runs."""
    words = list(arguments)
    return set(words[: words.index("--")] if "--" in words else words)


def _as_json(arguments: Sequence[str]) -> bool:
    return "--json" in _own(arguments) or os.environ.get(JSON_VARIABLE, "").lower() in _TRUE


def _command_of(arguments: Sequence[str]) -> str:
    """The first words as far as they name a command, such as `db clone`."""
    command, path = parser(), list[str]()
    for word in arguments:
        commands = getattr(command, "commands", {})
        if word not in commands:
            break
        command = commands[word]
        path.append(word)
    return " ".join(path)


def _unexpected(console: Console, error: Exception, arguments: Sequence[str]) -> int:
    """Report a usage error of the parser, or a bug."""
    usage = as_error(error, _command_of(arguments))
    if usage is not None and shows_help(error):
        console.note(usage.message)
        return usage.exit_code
    if usage is None and console.verbose:
        console.note("".join(traceback.format_exception(error)))
    return _report(console, usage or OrchestratorError(f"{type(error).__name__}: {error}", BUG_HINT))


def _report(console: Console, error: OrchestratorError) -> int:
    """Print an error, with --json also as a document on stdout. Returns its exit code."""
    console.error(error)
    if console.as_json:
        from orchestrator.rendering import document

        console.document(document.error(error.message, error.hint, error.exit_code))
    return error.exit_code
