"""Text from outside, made harmless: a terminal, a table or a page shows it and obeys nothing in it. Pure."""

from __future__ import annotations

import html
import re

from pulumi_django.rules.text import visible as visible

# https://spec.commonmark.org/0.31.2/#backslash-escapes; without those that mean something at the start of a line only
_MARKDOWN = re.compile(r"[\\`*_{}\[\]#|~!]")
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")


def in_line(text: str) -> str:
    """The visible text on one line: ends of lines are spelled out too."""
    return visible(text).replace("\n", "\\n")


def markdown(text: str) -> str:
    """The text as Markdown that shows it as it is, on one line."""
    escaped = _MARKDOWN.sub(r"\\\g<0>", " ".join(visible(text).split()))
    return html.escape(_LINE_START.sub(r"\1\\\2", escaped), quote=False)


def code(text: str) -> str:
    """The text as a code span of Markdown, also within a table."""
    flat = " ".join(visible(text).split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence, space = "`" * (longest + 1), " " if "`" in flat else ""
    return f"{fence}{space}{flat}{space}{fence}"
