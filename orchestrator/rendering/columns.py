"""Rows as columns of text, fitted to a width without a break inside a word. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator.visible import in_line

_GAP = "  "
_NARROWEST_TEXT = 24
"""A last column that would be narrower begins on a line of its own."""

_NARROWEST_CELL = 16
_CELLS_BELOW = 4
"""Indentation of a last column on a line of its own, below the first."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table with a heading."""

    title: str
    dropped: int = 0
    """The column with the highest number is dropped first where the table is too wide; 0 is never dropped."""

    shortened: bool = False
    """Cells may lose their middle when the table is too wide: both ends of an ARN or an image matter."""


def count(number: int, noun: str) -> str:
    """`1 stack`, `2 stacks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def aligned(rows: Iterable[Sequence[str]], indent: str = "", width: int | None = None) -> str:
    """Rows as columns, two blanks apart. Every line ends with a newline, and no cell can begin another.

    With a width the last column continues on further lines, broken between words. A word that is longer than the line
    stays whole, so that it can be copied.
    """
    cells = [[in_line(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    most = max(map(len, cells))
    widths = [max(len(row[column]) for row in cells if column < len(row)) for column in range(most)]
    lines: list[str] = []
    for row in cells:
        line = indent + _GAP.join(cell.ljust(size) for cell, size in zip(row, widths, strict=False)).rstrip()
        fits = width is None or len(line) <= width or len(row) < most
        lines += [line] if fits else _wrapped(row, widths, indent, width or 0)
    return "".join(f"{line}\n" for line in lines)


def _wrapped(row: Sequence[str], widths: Sequence[int], indent: str, width: int) -> list[str]:
    lead = indent + "".join(cell.ljust(size) + _GAP for cell, size in zip(row[:-1], widths, strict=False))
    below = " " * len(lead)
    longest_word = max(map(len, row[-1].split()), default=0)
    if width - len(lead) >= max(_NARROWEST_TEXT, longest_word):
        return text_lines(row[-1], width, lead, below)
    below = indent + " " * _CELLS_BELOW
    return [lead.rstrip(), *text_lines(row[-1], width, below, below)]


def text_lines(text: str, width: int | None, first: str = "", further: str = "") -> list[str]:
    """The text as lines of that width, broken between words."""
    if width is None:
        return [f"{first}{text}"]
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Rows below their headings.

    Where the table is wider than `width`, cells that may lose their middle do, and columns are dropped; a last line names
    the dropped ones. A column that is never dropped stays whole as long as a dropped column makes the room.
    """
    cells = [[column.title for column in columns], *([in_line(cell) for cell in row] for row in rows)]

    def fitted(indices: Sequence[int], whole: Collection[int] = ()) -> list[list[str]] | None:
        chosen = [
            replace(columns[index], shortened=columns[index].shortened and index not in whole) for index in indices
        ]
        return _shortened(chosen, [[row[index] for index in indices] for row in cells], width)

    shown = [index for index, column in enumerate(columns) if not column.dropped]
    whole = shown if fitted(shown, shown) is not None else ()
    droppable = [index for index, column in enumerate(columns) if column.dropped]
    for index in sorted(droppable, key=lambda index: columns[index].dropped):
        if fitted(candidate := sorted([*shown, index]), whole) is not None:
            shown = candidate
    text = aligned(fitted(shown, whole) or [[row[index] for index in shown] for row in cells])
    hidden = [columns[index].title for index in droppable if index not in shown]
    note = f"not shown: {', '.join(hidden)} (a wider terminal or --json shows them)"
    return text + "".join(f"{line}\n" for line in text_lines(note, width)) if hidden else text


def _shortened(columns: Sequence[Column], cells: list[list[str]], width: int | None) -> list[list[str]] | None:
    """The cells as they fit; None when they do not."""
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    surplus = sum(widths) + len(_GAP) * (len(widths) - 1) - (width or 0)
    if width is None or surplus <= 0:
        return cells
    limits = list(widths)
    for index in sorted(range(len(columns)), key=lambda index: -widths[index]):
        if columns[index].shortened and surplus > 0:
            limits[index] = max(min(_NARROWEST_CELL, widths[index]), widths[index] - surplus)
            surplus -= widths[index] - limits[index]
    if surplus > 0:
        return None
    return [[_cut(cell, limit) for cell, limit in zip(row, limits, strict=True)] for row in cells]


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    end = (limit - 1) * 2 // 3
    return f"{text[: limit - 1 - end]}…{text[len(text) - end :]}"
