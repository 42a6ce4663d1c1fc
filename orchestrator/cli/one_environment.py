"""A command on one environment: it calls the Python API, shows the events and prints the result."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.cli.options import Common
from orchestrator.cli.session import Session
from orchestrator.console import Console
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.operations.events import Event, LogLine, Note, RolloutMoved, TaskMoved
from orchestrator.rendering import operation_documents, operation_text

if TYPE_CHECKING:
    from orchestrator.operations.aws.clients import ApiCall
    from orchestrator.operations.run import OnInterrupt

COLORS = tuple(f"\x1b[{number}m" for number in (36, 33, 32, 35, 34, 96, 93, 92, 95, 94))
"""Colors of ten services. Red is reserved for errors."""


class EnvironmentCommand:
    """A command on one environment."""

    def __init__(self, common: Common, name: str) -> None:
        self.session = Session(common)
        self.console = self.session.console
        self.name = name
        self.operations = self.session.operations
        self.simulated = self.session.notice is not None
        self.view = View(self.console, real=not self.simulated)
        self._noted = False

    @property
    def calls(self) -> tuple[ApiCall, ...] | None:
        """The API calls that the simulation recorded; None on AWS."""
        return self.operations.calls if self.simulated else None

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """While the block runs, Ctrl-C ends the current wait, and the operation decides what follows."""
        with heard_by(self.operations.interrupt):
            yield

    def decide(self, task: str) -> OnInterrupt:
        """The fate of the task of `run` after Ctrl-C: the user's choice; without a terminal it stops."""
        from orchestrator.operations.run import OnInterrupt

        if not self.console.can_ask:
            return OnInterrupt.STOP
        choices = {choice.value: choice.value for choice in OnInterrupt}
        return OnInterrupt(ask_by_letter(self.console, f"task {task} runs", choices, OnInterrupt.LEAVE.value))

    def report(self, result: object, text: str, *, always: bool = False, picture: bool = False) -> None:
        """Print a result: one JSON document, or text; in the simulation the API calls that AWS would receive.

        `always`: the result is real in the simulation too. `picture`: the simulation shows the text as on AWS, and the API
        calls only with --verbose.
        """
        calls = self.calls
        if self.session.common.as_json:
            shown = result if calls is None or always else None
            self.console.document(operation_documents.outcome(self.name, shown, calls, self.session.notice))
            return
        if calls is not None and not always:
            self.note_simulation()
        if calls is None or picture:
            self.console.table(text)
        if calls is not None and (self.console.verbose or not picture):
            self.console.result(operation_text.calls(calls))

    def note_simulation(self) -> None:
        """Print once that nothing is created in AWS; nothing on AWS."""
        if self.session.notice and not self._noted:
            self._noted = True
            self.console.note(f"{self.session.notice}\n")


class Prefixes:
    """The first column of log lines: the name of the service, on a terminal in its own color."""

    def __init__(self, console: Console, services: Sequence[str], *, times: bool) -> None:
        self._console, self._times = console, times
        self._width = max(map(len, services), default=0)
        self._colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(services)}

    def text(self, line: LogLine) -> str:
        """The line with its prefix."""
        time = f"{line.at.astimezone():%H:%M:%S} " if self._times and line.at else ""
        if len(self._colors) < 2:
            return f"{time}{line.text}\n"
        name = self._console.colored(line.service.ljust(self._width), self._colors.get(line.service, ""))
        return f"{time}{name} | {line.text}\n"


class View:
    """An observer that prints log lines to stdout and all other events to stderr.

    Of events that are not `real` (in the simulation), only notes are printed.
    """

    def __init__(self, console: Console, *, real: bool) -> None:
        self._console, self._real = console, real

    def __call__(self, event: Event) -> None:
        match event:
            case LogLine() | TaskMoved() | RolloutMoved() if not self._real:
                pass
            case LogLine():
                self.line(event)
            case TaskMoved():
                self._console.note(f"task {event.task} ({event.service}): {event.status.lower()}")
            case RolloutMoved():
                self._console.note(operation_text.rollout(event))
            case Note(severity="warning"):
                self._console.warning(event.text)
            case Note():
                self._console.note(event.text)

    def line(self, event: LogLine) -> None:
        """Print one line of a log; with --json to stderr, since stdout is one document."""
        if self._console.as_json:
            self._console.note(event.text)
        else:
            self._console.result(f"{event.text}\n")


class RolloutLines:
    """A view that shows rollouts among the progress of an update.

    The hooks of the stack report how many tasks run. This view adds how many are healthy and how many failed.
    """

    def __init__(self, session: Session, view: View) -> None:
        self._session, self._view = session, view

    def __call__(self, event: Event) -> None:
        if not isinstance(event, RolloutMoved):
            self._view(event)
        elif event.healthy is not None or event.failed:
            self._session.tell(operation_text.rollout(event))


def ask_by_letter(console: Console, question: str, choices: Mapping[str, str], otherwise: str) -> str:
    """The choice whose first letter the user types; `otherwise` without a terminal, or after another Ctrl-C."""
    handler = None
    with contextlib.suppress(ValueError):  # outside the main thread
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return console.choose(question, choices, otherwise)
    except KeyboardInterrupt:
        return otherwise
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
