"""The only writer to the terminal: results to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from orchestrator.errors import ConfirmationError, OrchestratorError
from orchestrator.visible import visible

ESCAPE = "\x1b"
RED, YELLOW, GREEN, BOLD, RESET = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


class Console:
    """Where a command writes and asks. Control characters in what it writes are spelled out, not obeyed; its own colors
    are set by `colored`.

    `quiet` leaves progress and notes out; `verbose` adds what programs and providers say; `as_json` makes stdout one
    document.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        as_json: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self.quiet, self.verbose, self.as_json = quiet, verbose, as_json
        self._out, self._err = out or sys.stdout, err or sys.stderr
        # Text from outside cannot guess how a color begins, so it cannot color itself.
        self._mark = f"\0{secrets.token_hex(8)}"
        self._marks = re.compile(rf"{self._mark}(\[\d+m)")
        self.gone = False
        """Whether whoever read the results has stopped reading."""

    @property
    def live(self) -> bool:
        """Whether progress may redraw the terminal."""
        return self._err.isatty() and not self.quiet and os.environ.get("TERM") != "dumb"

    @property
    def err(self) -> TextIO:
        """The stream for progress."""
        return self._err

    @property
    def width(self) -> int | None:
        """The width of the terminal in characters; None if results go elsewhere, where tables are whole."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    def result(self, text: str) -> None:
        """Write a result."""
        try:
            self._out.write(self._shown(text))
            self._out.flush()
        except BrokenPipeError:
            self.gone = True
            _write_nowhere()

    def colored(self, text: str, color: str) -> str:
        """A part of a result in a color, where results are shown on a terminal; `result` writes it."""
        return self._marked(text, color, self._out)

    def document(self, value: Mapping[str, Any]) -> None:
        """Write a result as one JSON document."""
        self.result(json.dumps(value, indent=2, default=str) + "\n")

    def note(self, text: str) -> None:
        """Say something beside the result."""
        if not self.quiet:
            self._write(text.rstrip("\n") + "\n")

    def warning(self, text: str) -> None:
        """Say something that may need attention."""
        self._write(f"{self._colored('warning:', YELLOW)} {text}\n")

    def error(self, error: OrchestratorError) -> None:
        """Say what went wrong and what to do."""
        self.problem(error.message, error.hint)

    def problem(self, message: str, hint: str | None) -> None:
        """`error:` and `hint:`."""
        self._write(f"{self._colored('error:', RED)} {message}\n")
        if hint:
            self._write(f"{self._colored('hint:', GREEN)} {hint}\n")

    def confirm(self, names: Sequence[str], question: str) -> None:
        """Have the user type the names; ConfirmationError when something else comes, or nobody can be asked."""
        wanted = " ".join(names)
        if not sys.stdin or sys.stdin.closed or not sys.stdin.isatty():
            raise ConfirmationError(
                f"{question} needs a confirmation and nobody can be asked: standard input is not a terminal; nothing was "
                "changed",
                "add --yes to go on without one",
            )
        self._write(f"{question}. Type {self._colored(wanted, BOLD)} to go on: ")
        try:
            answer = sys.stdin.readline().strip()
        except KeyboardInterrupt:
            self._write("\n")
            raise
        if answer.split() != list(names):
            raise ConfirmationError("not confirmed: nothing was changed", f"type exactly {wanted}, or add --yes")

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits in front of the terminal."""
        return bool(sys.stdin) and not sys.stdin.closed and sys.stdin.isatty() and self._err.isatty()

    def choose(self, question: str, choices: Mapping[str, str], otherwise: str) -> str:
        """The choice (key) whose text begins with the letter that the user types.

        `otherwise` when nothing is typed, or nobody can be asked. Raises KeyboardInterrupt.
        """
        if not self.can_ask:
            return otherwise
        letters = {text[0]: key for key, text in choices.items()}
        shown = ", ".join(f"[{text[0]}]{text[1:]}" for text in choices.values())
        while True:
            self._write(f"{question}: {shown}? ")
            typed = sys.stdin.readline()
            if not typed.strip():
                return otherwise
            if typed.strip().lower()[0] in letters:
                return letters[typed.strip().lower()[0]]

    def _write(self, text: str) -> None:
        with _quiet_when_closed():
            self._err.write(self._shown(text))
            self._err.flush()

    def _colored(self, text: str, color: str) -> str:
        return self._marked(text, color, self._err)

    def _marked(self, text: str, color: str, stream: TextIO) -> str:
        # https://no-color.org
        if os.environ.get("NO_COLOR") or not stream.isatty():
            return text
        return "".join((self._mark, color.removeprefix(ESCAPE), text, self._mark, RESET.removeprefix(ESCAPE)))

    def _shown(self, text: str) -> str:
        # Every second part is a color of ours.
        parts = self._marks.split(text)
        return "".join(f"{ESCAPE}{part}" if number % 2 else visible(part) for number, part in enumerate(parts))


@contextlib.contextmanager
def _quiet_when_closed() -> Any:
    """`orchestrator list | head -1` ends without a word, as other programs do."""
    try:
        yield
    except BrokenPipeError:
        _write_nowhere()


def _write_nowhere() -> None:
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
