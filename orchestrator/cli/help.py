"""The help of the command line: commands in groups with whole summaries, examples, and errors of the parser."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from orchestrator.errors import UsageError

_EXAMPLE = "\n\nExample: "
_WIDEST_SUMMARY = 10_000
_QUOTED = re.compile(r"'([^'\s]*)'")
_SUGGESTION = re.compile(r"\s*\(?(Did you mean .*?\?|Possible options: .*?)\)?$")
_NOISE = re.compile(r" \(env var: '?[A-Z_]+'?\)|Value error, ")
_NO_COMMAND = re.compile(r"No such command '?(.*?)'?$")


def _write_text(formatter: Any, text: str) -> None:
    text, _, example = text.partition(_EXAMPLE)
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(text)
    if example:
        with formatter.section("Example"):
            formatter.write(f"  {example.strip()}\n")


class Command(TyperCommand):
    """A command whose example is a line of its own, ready to copy."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (signature of click)
        """Write the summary, the description and the example."""
        _write_text(formatter, self.help or "")


class WholeSummaries(TyperGroup):
    """A group of commands that lists each with its whole summary."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (signature of click)
        """Write the description and the example."""
        _write_text(formatter, self.help or "")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands."""
        self._write_commands(formatter, "Commands", self.list_commands(ctx))

    def _write_commands(self, formatter: Any, heading: str, names: list[str]) -> None:
        rows = [(name, self.commands[name].get_short_help_str(_WIDEST_SUMMARY)) for name in names]
        with formatter.section(heading):
            formatter.write_dl(rows)


class GroupedHelp(WholeSummaries):
    """The program itself: its commands are listed by group, in the order of registration."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group."""
        groups: dict[str, list[str]] = {}
        for name in self.list_commands(ctx):
            groups.setdefault(str(getattr(self.commands[name], "rich_help_panel", "Commands")), []).append(name)
        for heading, names in groups.items():
            self._write_commands(formatter, heading, names)


def shows_help(error: Exception) -> bool:
    """Whether the parser asks for the help because no command is given."""
    return type(error).__name__ == "NoArgsIsHelpError"


def as_error(error: Exception) -> UsageError | None:
    """A usage error of the parser in the style of all other errors; None for any other exception."""
    said = getattr(error, "format_message", None)
    if said is None or not hasattr(error, "exit_code"):
        return None
    if shows_help(error):
        return UsageError(str(said()))
    message = str(said()).strip().rstrip(".")
    suggestion = _SUGGESTION.search(message)
    message = message[: suggestion.start()].rstrip(". ") if suggestion else message
    message = _NOISE.sub("", message)
    unknown = _NO_COMMAND.fullmatch(message)
    message = f"there is no command {unknown[1]}" if unknown else _QUOTED.sub(r"\1", message)
    path = getattr(getattr(error, "ctx", None), "command_path", "orchestrator")
    name, _, command = path.partition(" ")
    hint = f"see `{name} help {command}`" if command else f"see `{name} help`"
    if suggestion:
        hint = _QUOTED.sub(r"\1", suggestion[1][0].lower() + suggestion[1][1:])
    return UsageError(message[0].lower() + message[1:], hint)
