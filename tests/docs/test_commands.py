"""Every `orchestrator ...` line of the pages is a command that exists, with options and values that it takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.cli.help import as_error
from orchestrator.cli.parser import parser
from tests.docs.test_pages import PAGES, ROOT

COMMAND: Any = parser()
GUIDES = [
    page for page in PAGES if page.parent == ROOT / "docs" and page.name not in ("coverage.md", "architecture.md")
]
"""Pages that show how to do something. The reference is generated and names everything."""

FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^ *(?:\$ |- (?:run: )?|run: |# )?(orchestrator (?!=)(?:[^\n\\]|\\\n)*)", re.MULTILINE)
INLINE = re.compile(r"`(orchestrator [^`]+)`")
ROW = re.compile(
    r"^\| `([a-z][a-z-]*(?: [a-z|\\]+)? (?:NAMES?|alpha)\b[^`]*)`(?:, `([a-z][a-z-]* NAMES?[^`]*)`)*", re.MULTILINE
)
"""A row of a table of commands, such as "| `ps NAME` | ... |"."""

COMMENT = re.compile(r"\s+#\s.*$")
PLACEHOLDER = re.compile(r"[A-Z][A-Z_-]*")
"""Words in capitals stand for something, such as NAME."""

MORE = re.compile(r"\.\.\.|\[[^\]]*\]")
"""More arguments and options, such as [options]."""


def code(text: str) -> Iterator[str]:
    """Fenced and indented blocks."""
    for block in FENCE.findall(text):
        yield "\n".join(block.splitlines()[1:-1])
    yield "\n".join(line for line in FENCE.sub("", text).splitlines() if line.startswith("    "))


def lines(text: str) -> Iterator[str]:
    """The commands of a page, as a user types them."""
    for block in code(text):
        for found in LINE.findall(block):
            yield COMMENT.sub("", found.replace("\\\n", " "))
    prose = FENCE.sub("", text)
    yield from INLINE.findall(prose)
    yield from (f"orchestrator {command}" for row in ROW.findall(prose) for command in row if command)


def variants(line: str) -> Iterator[list[str]]:
    """The words of a line; `on|off` are two lines."""
    line = MORE.sub("", line.replace("\\|", "|"))
    words = shlex.split(re.split(r" (?:\||>|&&) ", line)[0])[1:]
    for place, word in enumerate(words):
        if "|" in word and word.replace("|", "").isalpha() and "--" not in words[:place]:
            for choice in word.split("|"):
                yield [*words[:place], choice, *words[place + 1 :]]
            return
    yield words


def problem(words: list[str]) -> str | None:
    """The reason why the command line refuses the words; None when it takes them."""
    command, context, rest = COMMAND, COMMAND.context_class(COMMAND, info_name="orchestrator"), list(words)
    while hasattr(command, "commands"):
        if not rest or PLACEHOLDER.fullmatch(rest[0]):
            return None
        found = command.commands.get(rest[0])
        if found is None:
            return f"there is no command {rest[0]}"
        command, context, rest = found, found.context_class(found, info_name=rest[0], parent=context), rest[1:]
    try:
        command.make_context(command.name, list(rest), parent=context)
    except Exception as error:
        usage = as_error(error)
        if usage is None:
            raise
        # A text such as "`orchestrator db clone NAME` copies" only names the command, and a word in capitals is any value.
        named_only = usage.message.startswith("missing") and all(map(PLACEHOLDER.fullmatch, rest))
        any_value = any(PLACEHOLDER.fullmatch(word) and word in usage.message for word in rest)
        return None if named_only or any_value else usage.message
    return None


def test_every_command_line_of_the_pages_is_one_that_the_program_takes() -> None:
    refused: list[str] = []
    count = 0
    for page in PAGES:
        for line in lines(page.read_text(encoding="utf-8")):
            for words in variants(line):
                count += 1
                if why := problem(words):
                    refused.append(f"{page.relative_to(ROOT)}: orchestrator {shlex.join(words)}: {why}")
    assert refused == []
    assert count > 350, "the patterns find the commands"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("orchestrator fly alpha", "there is no command fly"),
        ("orchestrator db fly alpha", "there is no command fly"),
        ("orchestrator deploy alpha --imgae backend=x:1", "no such option"),
        ("orchestrator graph alpha --format png", "png"),
        ("orchestrator diff alpha 12", "missing argument"),
        ("orchestrator ci init github|bitbucket", "bitbucket"),
    ],
)
def test_a_command_that_does_not_work_is_found(line: str, why: str) -> None:
    assert why in str([problem(words) for words in variants(line)])


def leaves(group: Any, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{path}{name} ")
        elif not command.hidden:
            yield f"{path}{name}"


def test_every_command_is_in_a_guide() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in GUIDES)
    used = {" ".join(words[:2]) for line in lines(text) for words in variants(line)}
    named = used | {words.split(" ")[0] for words in used}
    about_the_program = {"version", "help", "schema"}
    assert {*leaves(COMMAND)} - named - about_the_program == set()
