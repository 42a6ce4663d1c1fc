"""The parser of the command line: all commands in their groups. A command's parameters are made when it is used.

Making the parameters of all commands takes longer than most commands.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli import (
    bases,
    building,
    daily_work,
    data,
    environments,
    life_cycle,
    local,
    looking,
    pull_requests,
    releases,
    set_up,
)
from orchestrator.cli.help import Command, GroupedHelp, WholeSummaries
from orchestrator.cli.options import Commands, with_common

HELP = """Create, update, inspect and destroy Django environments on AWS, in dependency order.

A base holds the resources that environments share: VPC, load balancer and database server. An environment is one
Django application on a base. Both are Pulumi stacks.

Example: orchestrator create-env alpha --base dev
"""


class LazyCommands(Mapping[str, Any]):
    """Commands by name. Each is made when it is looked up."""

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Any]] = {}
        self._help: dict[str, str] = {}
        self._panels: dict[str, str] = {}

    def add(self, name: str, panel: str, help_: str, make: Callable[[], Any]) -> None:
        """Add a command. `panel` is the heading of its group in the help of the program."""
        self._makers[name], self._help[name], self._panels[name] = functools.cache(make), help_, panel

    def __getitem__(self, name: str) -> Any:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def help(self, name: str) -> str:
        """The help of a command, without its parameters."""
        return self._help[name]

    def panel(self, name: str) -> str:
        """The heading of a command's group."""
        return self._panels[name]


@functools.cache
def parser() -> Any:
    """The parser of all commands. A program that calls it often makes it once."""
    root = typer.Typer(
        cls=GroupedHelp,
        name="orchestrator",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_root)
    made: Any = typer.main.get_command(root)
    made.commands = _all_commands()
    return made


def _all_commands() -> LazyCommands:
    found = LazyCommands()
    for group in (environments, bases, building, daily_work, releases, data, life_cycle, looking, set_up):
        _add(found, group.COMMANDS, group.GROUP)
    for group in (looking, set_up):
        for name, function in group.PLAIN.items():
            # `help create-env --json` shows the help of `create-env`.
            settings = {"ignore_unknown_options": name == "help"}
            found.add(name, group.GROUP, _help_of(function), functools.partial(_command, name, function, settings))
    for group in (local, releases, data, pull_requests):
        for name, (summary, commands) in group.SUBGROUPS.items():
            found.add(name, group.GROUP, summary, functools.partial(_subgroup, name, summary, commands))
    return found


def _add(found: LazyCommands, commands: Commands, panel: str) -> None:
    for name, (function, working) in commands.items():
        make = functools.partial(_shared_command, name, function, working)
        found.add(name, panel, _help_of(function), make)


def _help_of(function: Callable[..., None]) -> str:
    return inspect.getdoc(function) or ""


def _shared_command(name: str, function: Callable[..., None], working: bool) -> Any:
    return _command(name, with_common(function, working=working))


def _command(name: str, function: Callable[..., None], settings: dict[str, Any] | None = None) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=Command, context_settings=settings)(function)
    return typer.main.get_command(alone)


def _subgroup(name: str, summary: str, commands: Commands) -> WholeSummaries:
    inner = LazyCommands()
    _add(inner, commands, "Commands")
    group = WholeSummaries(name=name, help=summary, no_args_is_help=True, rich_markup_mode=None)
    group.commands = inner  # pyright: ignore[reportAttributeAccessIssue] (only read)
    return group


def _version(given: bool) -> None:
    if given:
        set_up.version_()
        raise typer.Exit


def _root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""
