"""The help of the command line: commands in groups with whole summaries, examples, and errors of the parser."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from typer.core import TyperCommand, TyperGroup

from orchestrator.errors import UsageError

_EXAMPLE = "\n\nExample: "
_WIDEST_SUMMARY = 10_000
_QUOTED = re.compile(r"'([^'\s]*)'")
_SUGGESTION = re.compile(r"\s*\(?(Did you mean .*?\?|Possible options: .*?)\)?$")
_NOISE = re.compile(r" \(env var: '?[A-Z_]+'?\)|Value error, ")
_NO_COMMAND = re.compile(r"No such command '?(.*?)'?$")
_PLAIN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), plain)
    for pattern, plain in (
        (r"Input should be greater than or equal to (\S+)$", r"it must be \1 or more"),
        (r"Input should be less than or equal to (\S+)$", r"it must be \1 or less"),
        (r"Input should be a valid integer.*", "it must be a whole number"),
        (r"Input should be a valid number.*", "it must be a number"),
        (r"^Option (\S+) requires an argument$", r"option \1 needs a value"),
        (r"^Option (\S+) does not take a value$", r"option \1 takes no value"),
        (r"^Got unexpected extra argument(?:\(s\))? \((\S+)\)$", r"unexpected argument \1"),
        (r"^Got unexpected extra arguments?(?:\(s\))? \((.+)\)$", r"unexpected arguments \1"),
    )
)
"""Messages of click and pydantic, and the same in the words of all other errors."""

_CHOICES = re.compile(r"\. Choose from:\s+(.+)$", re.DOTALL)


def _write_text(formatter: Any, text: str) -> None:
    text, _, example = text.partition(_EXAMPLE)
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(text)
    if example:
        with formatter.section("Example"):
            formatter.write(f"  {example.strip()}\n")


class _PlainValues:
    """Values that need no conversion pass as they are.

    Typer imports pydantic for every value, and for options that are not given. That takes longer than the whole parser.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters of the command, and the option for its help."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if hasattr(parameter, "type_descriptor") and "process_value" not in vars(parameter):
                _let_plain_values_pass(parameter)
                _name_the_value(parameter)
        return parameters


def _let_plain_values_pass(parameter: Any) -> None:
    convert, annotation = parameter.process_value, parameter.type_descriptor.annotation
    many = parameter.multiple or parameter.nargs != 1

    def process_value(ctx: Any, value: Any) -> Any:
        if parameter.type_descriptor.parameter_info.parser is not None:
            return convert(ctx, value)
        if value is None and not parameter.required:
            plain = () if many else None
        elif annotation is str and type(value) is str and not many:
            plain = value
        elif annotation == list[str] and value and type(value) in (list, tuple) and {type(it) for it in value} == {str}:
            plain = list(value)
        elif not many and type(value) is annotation and (annotation is bool or value == parameter.default):
            plain = value
        elif not many and _is_choice(annotation, value):
            plain = annotation(value)
        else:
            return convert(ctx, value)
        return plain if parameter.callback is None else parameter.callback(ctx, parameter, plain)

    parameter.process_value = process_value


def _is_choice(annotation: Any, value: object) -> bool:
    """Whether the annotation is an enumeration that has the value."""
    return (
        isinstance(annotation, type) and issubclass(annotation, Enum) and value in [str(it.value) for it in annotation]
    )


def _name_the_value(parameter: Any) -> None:
    """Let the help name a value by a word in capitals, as in `--region REGION`, and not by its type in Python."""
    kind = parameter.type_descriptor
    if parameter.metavar is None and not kind.is_choice and not getattr(parameter, "is_flag", False):
        parameter.metavar = "N" if kind.is_ranged or kind.annotation is int else parameter.name.rstrip("_").upper()
    if parameter.param_type_name == "argument":
        if not kind.is_choice:
            parameter.display_type_rich = lambda ctx: None  # noqa: ARG005 (signature of typer)
        elif parameter.metavar is None:
            parameter.metavar = parameter.name.upper()
        if parameter.hidden:
            parameter.get_usage_pieces = lambda ctx: []  # noqa: ARG005 (signature of click)


class Command(_PlainValues, TyperCommand):
    """A command whose example is a line of its own, ready to copy."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (signature of click)
        """Write the summary, the description and the example."""
        _write_text(formatter, self.help or "")


class WholeSummaries(_PlainValues, TyperGroup):
    """A group of commands that lists each with its whole summary."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (signature of click)
        """Write the description and the example."""
        _write_text(formatter, self.help or "")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands."""
        self._write_commands(formatter, "Commands", self.list_commands(ctx))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (signature of click)
        """Return the names of the commands in the order of registration."""
        return list(self.commands)

    def _write_commands(self, formatter: Any, heading: str, names: list[str]) -> None:
        # A command without its parameters has the same summary, and is made much faster.
        commands: Any = self.commands
        rows = [(name, Command(name, help=commands.help(name)).get_short_help_str(_WIDEST_SUMMARY)) for name in names]
        with formatter.section(heading):
            formatter.write_dl(rows)


class GroupedHelp(WholeSummaries):
    """The program itself: its commands are listed by group, in the order of registration."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group."""
        commands: Any = self.commands
        groups: dict[str, list[str]] = {}
        for name in self.list_commands(ctx):
            groups.setdefault(commands.panel(name), []).append(name)
        for heading, names in groups.items():
            self._write_commands(formatter, heading, names)


def shows_help(error: Exception) -> bool:
    """Whether the parser asks for the help because no command is given."""
    return type(error).__name__ == "NoArgsIsHelpError"


def as_error(error: Exception, command: str = "") -> UsageError | None:
    """A usage error of the parser in the style of all other errors; None for any other exception.

    `command` is the command that the words name. Errors about the value of an option do not know theirs.
    """
    said = getattr(error, "format_message", None)
    if said is None or not hasattr(error, "exit_code"):
        return None
    if shows_help(error):
        return UsageError(str(said()))
    message = str(said()).strip().rstrip(".")
    suggestion = _SUGGESTION.search(message)
    message = message[: suggestion.start()].rstrip(". ") if suggestion else message
    message = _plain(_NOISE.sub("", message))
    context = getattr(error, "ctx", None)
    command = command if context is None else context.command_path.partition(" ")[2]
    hint = f"see `orchestrator help {command}`" if command else "see `orchestrator help`"
    if suggestion:
        hint = _QUOTED.sub(r"\1", suggestion[1][0].lower() + suggestion[1][1:])
    return UsageError(message[0].lower() + message[1:], hint)


def _plain(message: str) -> str:
    unknown = _NO_COMMAND.fullmatch(message)
    if unknown:
        return f"there is no command {unknown[1]}" if unknown[1] else "an empty word is not a command"
    for pattern, plain in _PLAIN:
        message = pattern.sub(plain, message)
    choices = _CHOICES.search(message)
    if choices:
        message = f"{message[: choices.start()]}: it must be one of {' '.join(choices[1].split())}"
    return _QUOTED.sub(r"\1", message)
