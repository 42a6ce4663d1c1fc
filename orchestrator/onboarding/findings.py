"""One fact about a repository, with the place that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fact with its place, or a guess with its reason."""

    what: str
    """Name of the fact, for example `settings module`."""

    value: Any
    file: str | None = None
    """File that shows it, relative to the repository."""

    line: int | None = None
    guess: str | None = None
    """Why this is only a guess; None for a fact."""

    @property
    def place(self) -> str:
        """`file:line`, or the reason of a guess."""
        if self.guess is not None:
            return f"guess: {self.guess}"
        return f"{self.file}:{self.line}" if self.line else self.file or ""


def line_of(text: str, part: str) -> int | None:
    """The number of the first line that contains a text."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if part in line), None)
