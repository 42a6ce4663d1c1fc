"""Command lines for the fuzzer, from the parser's own table: new commands and options are included by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from benchmarks.fuzz_inputs import odd
from orchestrator.cli.parser import parser

NAMES = (
    "alpha",
    "beta",
    "gamma",
    "dev",
    "prod",
    "qa",
    "nosuch",
    "environment/alpha",
    "base/dev",
    "shop/alpha",
    "network/dev",
)
DURATIONS = ("3d", "10m", "0s", "-1h", "1d12h", "22:00", "9" * 30 + "d")
FOLDERS = (".", "repository", "plan", "source", "nosuch", "values.env", "network/Pulumi.dev.yaml")
COUNTS = (0, 1, 2, -1, 65535, 2**63, 10**30)
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("name", "names", "base", "from_", "environment", "source", "owner"), NAMES),
    **dict.fromkeys(("ttl", "since", "timeout", "sleep_after", "until"), DURATIONS),
    **dict.fromkeys(("wait", "patience"), ("0s", "1s", "-1h", "now")),
    **dict.fromkeys(
        ("image", "images"),
        ("backend=shop:1", "backend=123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:3", "backend"),
    ),
    **dict.fromkeys(
        ("set_", "assignments"), ("web.desired_count=2", "asleep=true", "extra_env.A=b", "workers=[]", "hours=x")
    ),
    **dict.fromkeys(("service", "services"), ("gunicorn", "default", "beat", "web-ui", "nosuch")),
    "counts": ("gunicorn=2", "default=0", "beat=3", "gunicorn"),
    "command": ("python", "manage.py", "check", "--json", "-c", "--"),
    "file": ("values.env", "nosuch", "."),
    "key": ("TOKEN", "token", "SECRET_KEY"),
    "words": ("create-env", "db", "clone", "nosuch"),
}
"""Values that pass the parser, by the name of the parameter."""

FIXED = {"engine": "simulation", "project_dir": None}
"""Options with one value; None: never given. The fuzzer works in a folder of its own, and calls no AWS."""

SHORT = ("wait", "patience")
"""Options that let a command wait for as long as they say: they get no odd value."""

UNSAFE = ("/dev/zero",)
"""Words that would make a command write a device."""


def commands() -> dict[str, Any]:
    """Every command of the parser by the words that call it."""
    return dict(_walk(parser()))


def _walk(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _walk(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def random_words() -> st.SearchStrategy[list[str]]:
    """A command, with options of all commands and odd words in any order."""
    table = commands()
    options = {
        option
        for command in table.values()
        for parameter in command.params
        for option in parameter.opts
        if option[0] == "-"
    }
    word = st.sampled_from([*sorted(options), *NAMES, *DURATIONS, "a=b", "svg", "simulation", "--", "-"]) | odd.filter(
        _safe
    )
    names = st.sampled_from([*table, "nope"])
    return st.tuples(names, st.lists(word, max_size=6)).map(lambda pair: [*pair[0].split(), *pair[1]])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with the arguments and options that it has, most with plausible values."""
    name, command = draw(st.sampled_from(list(commands().items())))
    options: list[str] = []
    arguments: list[str] = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            least, most = (int(parameter.required), 3) if parameter.nargs != 1 else (1, 1)
            arguments += [draw(_value(parameter)) for _ in range(draw(st.integers(least, most)))]
        elif FIXED.get(parameter.name, "") is not None and _wanted(draw, parameter):
            options.append(draw(st.sampled_from([*parameter.opts, *parameter.secondary_opts])))
            options += [] if getattr(parameter, "is_flag", False) else [draw(_value(parameter))]
    dashes = ["--"] if arguments and draw(st.integers(0, 5)) == 0 else []
    return [*name.split(), *options, *dashes, *arguments]


def _wanted(draw: st.DrawFn, parameter: Any) -> bool:
    """Whether an option is given: most changes need `--yes`."""
    return parameter.required or draw(st.integers(0, 1 if parameter.name == "yes" else 7)) == 1


@st.composite
def _value(draw: st.DrawFn, parameter: Any) -> str:
    """Mostly a value that the parameter accepts, and sometimes an odd one."""
    if parameter.name in FIXED:
        return str(FIXED[parameter.name])
    if parameter.name not in SHORT and draw(st.integers(0, 5)) == 5:
        return draw(odd.filter(_safe))
    annotation: Any = parameter.type_descriptor.annotation if hasattr(parameter, "type_descriptor") else str
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return draw(st.sampled_from([str(each.value) for each in annotation]))
    if annotation is int:
        return str(draw(st.sampled_from(COUNTS)))
    return draw(st.sampled_from(PLAUSIBLE.get(parameter.name, (*FOLDERS, "text", "a=b"))))


def _safe(text: str) -> bool:
    return text not in UNSAFE
