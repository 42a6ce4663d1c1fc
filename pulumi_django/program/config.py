"""Stack configuration as an instance of an arguments class. `load` reports all problems in one error.

Keys equal field names. Nested dataclasses are objects; mappings and lists have their YAML form. Only the dataclasses have
defaults.

`key: null` (`~`, or nothing after the colon) is the same as a missing key, at every depth. For a value that can be None and
has another default (`beat`, `redis`, a member of `extra_env`), null means None, because there is no other way to write it. At
the top of a file Pulumi passes null as empty text, so empty text there is null too.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

import pulumi
from pulumi.runtime import config as runtime_config

from pulumi_django.program.reading import Later, Mismatch, Reader, hints_of, is_output, members_of, shown

T = TypeVar("T")


def holds_text(classes: Iterable[type], path: Sequence[str]) -> bool | None:
    """Return whether the value at `path` is text in every class that has the key; None when no class declares it.

    A path has the keys from the top: `("extra_env", "DEBUG")`. An item of a list can have any key.
    """
    verdicts = {verdict for cls in classes if (verdict := _at(cls, tuple(path))) is not None}
    return verdicts == {True} if verdicts else None


def _at(hint: Any, path: tuple[str, ...]) -> bool | None:
    members = [member for member in members_of(hint) if member is not type(None) and not is_output(member)]
    if not path:
        if Any in members or not members:
            return None
        return all(_is_text(member) for member in members)
    verdicts = {verdict for member in members if (verdict := _inside(member, path)) is not None}
    return verdicts == {True} if verdicts else None


def _inside(member: Any, path: tuple[str, ...]) -> bool | None:
    if dataclasses.is_dataclass(member):
        hints = hints_of(member)
        return _at(hints[path[0]], path[1:]) if path[0] in hints else None
    origin = typing.get_origin(member)
    if isinstance(origin, type) and issubclass(origin, Mapping | Sequence):
        return _at(typing.get_args(member)[-1], path[1:])
    return None


def _is_text(member: Any) -> bool:
    if typing.get_origin(member) is typing.Literal:
        return all(isinstance(choice, str) for choice in typing.get_args(member))
    if isinstance(member, type) and issubclass(member, Enum):
        return all(isinstance(choice.value, str) for choice in member)
    return member is str


class ConfigError(pulumi.RunError):
    """The stack's configuration is invalid. The message lists every problem with key, stack and file."""

    def __init__(self, problems: Sequence[str], stack: str) -> None:
        self.problems = tuple(problems)
        lines = [f"the configuration of the stack {stack} cannot be used (file Pulumi.{stack}.yaml)"]
        super().__init__("\n".join([*lines, *(f"  {problem}" for problem in problems)]))


def load(
    args_class: type[T],
    *,
    namespace: str | None = None,
    at: str | None = None,
    given: Mapping[str, Any] | None = None,
    others: Any = None,
    partial: bool = False,
) -> T:
    """Return an instance of the dataclass `args_class` from the running stack's configuration.

    Args:
        args_class: a dataclass whose fields are the keys.
        namespace: the prefix of the keys; the project's name when omitted.
        at: a key whose object holds the arguments, when they are not at the top.
        given: fields that the program sets itself. They are not keys of the configuration.
        others: a dataclass that the program reads from the same keys in another call. Its fields are ignored.
        partial: whether unknown keys are ignored, because another call reports them.

    Raises ConfigError that names each unknown key with the nearest valid key, each wrong type and each missing value.
    """
    prefix = f"{namespace or pulumi.get_project()}:"
    given = dict(given or {})
    own = {field.name for field in dataclasses.fields(cast(Any, args_class))} - set(given)
    passed_over = {field.name for field in dataclasses.fields(others)} - own if others else set[str]()
    raw: Any = {
        key.removeprefix(prefix): _Secret(text) if runtime_config.is_config_secret(key) else _decoded(text)
        for key, text in stack_config().items()
        if key.startswith(prefix)
    }
    path = (at,) if at else ()
    if at:
        raw = raw.get(at) or {}
        if not isinstance(raw, Mapping):
            raise ConfigError([f"{prefix}{at}: is {shown(raw)}: it must be an object with keys"], pulumi.get_stack())
    reader = Reader(passed_over=passed_over)
    wanted = {key: value for key, value in raw.items() if key in own or not (partial or key in passed_over)}
    value = reader.dataclass(cast(Any, args_class), wanted, path, given)
    if reader.problems:
        lines = [f"{prefix}{key}: {text}" if key else f"{prefix[:-1]}: {text}" for key, text in reader.problems]
        raise ConfigError(lines, pulumi.get_stack())
    return cast(T, value)


def stack_config() -> dict[str, str]:
    """Return the configuration of the running stack by full key, as Pulumi passes it: text, with objects as JSON."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


@dataclasses.dataclass(frozen=True)
class _Secret(Later):
    """An encrypted value. It can only become an Output."""

    text: str = dataclasses.field(repr=False)

    def output(self) -> pulumi.Output[Any]:
        return pulumi.Output.secret(self.text)

    def plain(self) -> Any:
        raise Mismatch(
            "is encrypted, but the program needs its plain value: set it without --secret, or use the name of a secret"
        )


def _decoded(text: Any) -> Any:
    """Return a top-level value. Pulumi passes null as empty text; some versions, and `pulumi config set`, as `null`."""
    if text in ("", "null"):
        return None
    if isinstance(text, str) and text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
