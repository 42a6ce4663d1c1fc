"""The only writer to the terminal: results to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from orchestrator.errors import ConfirmationError, OrchestratorError
from orchestrator.visible import visible

ESCAPE = "\x1b"
RED, YELLOW, GREEN, CYAN, BOLD, RESET = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[36m", "\x1b[1m", "\x1b[0m"
_STATUS_COLORS = {
    **dict.fromkeys(("created", "updated", "destroyed", "refreshed", "succeeded", "ready", "steady", "ok"), GREEN),
    **dict.fromkeys(("running", "healthy", "started"), GREEN),
    **dict.fromkeys(
        ("asleep", "updating", "incomplete", "cancelled", "skipped", "empty", "rolling out", "warn"), YELLOW
    ),
    **dict.fromkeys(("stopped", "stopping", "starting", "waits for approval"), YELLOW),
    **dict.fromkeys(("failed", "damaged", "unreadable", "failing", "missing tasks", "fail", "unhealthy"), RED),
}
_CLOSED = r"closed until \w+ [\d:]+"
"""The status of an environment outside its office hours."""

# A status is a whole cell of a table: two blanks or an end of the line on both sides.
_STATUS = re.compile(rf"(?<![^\s])({'|'.join(_STATUS_COLORS)}|{_CLOSED})(?=  |\n|$)")

_GAP = re.compile(r"  +(?=\S)")


class Console:
    """The output of a command, and its questions. Control characters in the output are spelled out, not obeyed; `colored`
    sets colors.

    `quiet` omits progress and notes; `verbose` adds the output of programs and providers; with `as_json` stdout is one
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
        # A stream is None when its file descriptor is closed.
        self._out, self._err = out or sys.stdout or _Nowhere(), err or sys.stderr or _Nowhere()
        # Text from outside cannot guess the mark of a color, so it cannot color itself.
        self._mark = f"\0{os.urandom(8).hex()}"
        self._marks = re.compile(rf"{self._mark}(\[\d+m)")
        self.gone = False
        """Whether the reader of stdout has stopped reading."""

    @property
    def live(self) -> bool:
        """Whether progress may redraw the terminal."""
        return self._err.isatty() and not self.quiet and os.environ.get("TERM") != "dumb"

    @property
    def err(self) -> TextIO:
        """The stream for progress."""
        return self._err

    def result(self, text: str) -> None:
        """Write a result."""
        try:
            self._out.write(self._shown(text))
            self._out.flush()
        except BrokenPipeError:
            self.gone = True
            write_nowhere()

    def colored(self, text: str, color: str) -> str:
        """A part of a result in a color, if stdout is a terminal; `result` writes it."""
        return self._marked(text, color, self._out)

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None when stdout is not a terminal, so that lines stay whole."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    def table(self, text: str) -> None:
        """Write a result whose statuses are colored, at most one in a line, and whose lines break between words only."""
        if self.width:
            text = "".join(_broken(line, self.width) for line in text.splitlines(keepends=True))
        lines = (
            _STATUS.sub(lambda found: self.colored(found[1], _STATUS_COLORS.get(found[1], YELLOW)), line, count=1)
            for line in text.splitlines(keepends=True)
        )
        self.result("".join(lines))

    def document(self, value: Mapping[str, Any]) -> None:
        """Write a result as one JSON document."""
        self.result(json.dumps(value, indent=2, default=str) + "\n")

    def note(self, text: str) -> None:
        """Write something beside the result."""
        if not self.quiet:
            self._write(text.rstrip("\n") + "\n")

    def warning(self, text: str) -> None:
        """Write a warning."""
        self._write(f"{self._colored('warning:', YELLOW)} {text}\n")

    def error(self, error: OrchestratorError) -> None:
        """Write an error and its hint."""
        self.problem(error.message, error.hint)

    def problem(self, message: str, hint: str | None) -> None:
        """`error:` and `hint:`."""
        self._write(f"{self._colored('error:', RED)} {message}\n")
        if hint:
            self._write(f"{self._colored('hint:', CYAN)} {hint}\n")

    def confirm(self, names: Sequence[str], question: str) -> None:
        """Ask the user to type the names. Raises ConfirmationError for another answer, and without a terminal."""
        wanted = " ".join(names)
        if not sys.stdin or sys.stdin.closed or not sys.stdin.isatty():
            raise ConfirmationError(
                "nothing was changed: confirmation is needed and stdin is not a terminal",
                f"{question}: pass --yes to confirm",
            )
        self._write(f"{question}. Type {self._colored(wanted, BOLD)} to continue: ")
        try:
            answer = sys.stdin.readline().strip()
        except KeyboardInterrupt:
            self._write("\n")
            raise
        if answer.split() != list(names):
            raise ConfirmationError(
                "nothing was changed: the answer does not match", f"type exactly {wanted}, or pass --yes"
            )

    @property
    def can_ask(self) -> bool:
        """Whether questions can be asked: stdin and stderr are a terminal."""
        return bool(sys.stdin) and not sys.stdin.closed and sys.stdin.isatty() and self._err.isatty()

    def ask(self, question: str, default: str) -> str:
        """The line that the user types; `default` for an empty line, and without a terminal. Raises KeyboardInterrupt."""
        if not self.can_ask:
            return default
        self._write(f"{question}{f' [{default}]' if default else ''}: ")
        return sys.stdin.readline().strip() or default

    def choose(self, question: str, choices: Mapping[str, str], otherwise: str) -> str:
        """The key of the choice whose text begins with the letter that the user types.

        `otherwise` for an empty answer, and without a terminal. Raises KeyboardInterrupt.
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


def _broken(line: str, width: int) -> str:
    """A line of a table, with its last column continued below itself; a word that is too long stays whole."""
    if len(line.rstrip("\n")) <= width:
        return line
    start = max((found.end() for found in _GAP.finditer(line[: width * 2 // 3])), default=0)
    indent = " " * (start or 2)
    return (
        textwrap.fill(
            line[start:],
            width,
            initial_indent=line[:start],
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
    )


class _Nowhere(io.StringIO):
    """A stream in place of a closed one."""

    def write(self, text: str, /) -> int:
        return len(text)


@contextlib.contextmanager
def _quiet_when_closed() -> Any:
    """Ignore a stderr whose reader has gone, or whose disk is full: its log must not end an operation on AWS."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        write_nowhere(sys.stderr)


def write_nowhere(stream: TextIO | None = None) -> None:
    """Send what is still buffered for stdout, or another stream, to the null device, so that Python's exit does not complain."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())
