"""Stack configuration as an instance of an arguments class. `load` reports all problems in one error.

Keys equal field names. Nested dataclasses are objects; mappings and lists have their YAML form. Only the dataclasses have
defaults.

`key: null` (`~`, or nothing after the colon) is the same as a missing key, at every depth. For a value that can be None and
has another default (`beat`, `redis`, a member of `extra_env`), null means None, because there is no other way to write it. At
the top of a file Pulumi passes null as empty text, so empty text there is null too.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

import pulumi
from pulumi.runtime import config as runtime_config

from pulumi_django.rules.text import MAY_BE_EMPTY

T = TypeVar("T")


def holds_text(classes: Iterable[type], path: Sequence[str]) -> bool | None:
    """Return whether the value at `path` is text in every class that has the key; None when no class declares it.

    A path has the keys from the top: `("extra_env", "DEBUG")`. An item of a list can have any key.
    """
    verdicts = {verdict for cls in classes if (verdict := _at(cls, tuple(path))) is not None}
    return verdicts == {True} if verdicts else None


def _at(hint: Any, path: tuple[str, ...]) -> bool | None:
    members = [member for member in _members(hint) if member is not type(None) and not is_output(member)]
    if not path:
        if Any in members or not members:
            return None
        return all(_is_text(member) for member in members)
    verdicts = {verdict for member in members if (verdict := _inside(member, path)) is not None}
    return verdicts == {True} if verdicts else None


def _inside(member: Any, path: tuple[str, ...]) -> bool | None:
    if dataclasses.is_dataclass(member):
        # `pulumi.Input` names Output[T] by a forward reference that only pulumi's own module resolves.
        hints = typing.get_type_hints(member, localns={"Output": pulumi.Output, "T": T})
        return _at(hints[path[0]], path[1:]) if path[0] in hints else None
    origin = typing.get_origin(member)
    if isinstance(origin, type) and issubclass(origin, Mapping | Sequence):
        return _at(typing.get_args(member)[-1], path[1:])
    return None


def _members(hint: Any) -> tuple[Any, ...]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _is_text(member: Any) -> bool:
    if typing.get_origin(member) is typing.Literal:
        return all(isinstance(choice, str) for choice in typing.get_args(member))
    if isinstance(member, type) and issubclass(member, Enum):
        return all(isinstance(choice.value, str) for choice in member)
    return member is str


def is_output(member: Any) -> bool:
    """Return whether a member of a union is an Output or an awaitable, which a configuration cannot contain."""
    return member is pulumi.Output or typing.get_origin(member) in (
        pulumi.Output,
        typing.get_origin(typing.Awaitable[int]),
    )


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
    problems: list[str] = []
    raw: Any = {
        key.removeprefix(prefix): _Secret(text) if runtime_config.is_config_secret(key) else _decoded(text)
        for key, text in stack_config().items()
        if key.startswith(prefix)
    }
    path = (at,) if at else ()
    if at:
        raw = raw.get(at) or {}
        if not isinstance(raw, Mapping):
            raise ConfigError([f"{prefix}{at}: is {_shown(raw)}: it must be an object with keys"], pulumi.get_stack())
    loader = _Loader(problems, prefix, passed_over)
    wanted = {key: value for key, value in raw.items() if key in own or not (partial or key in passed_over)}
    value = loader.dataclass(cast(Any, args_class), wanted, path, given)
    if problems:
        raise ConfigError(problems, pulumi.get_stack())
    return cast(T, value)


def stack_config() -> dict[str, str]:
    """Return the configuration of the running stack by full key, as Pulumi passes it: text, with objects as JSON."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


@dataclasses.dataclass(frozen=True)
class _Secret:
    """An encrypted value. It can only become an Output."""

    text: str = dataclasses.field(repr=False)


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


class _Mismatch(Exception):
    """A value has another type than its field."""


class _Loader:
    def __init__(self, problems: list[str], prefix: str, passed_over: set[str]) -> None:
        self._problems, self._prefix, self._passed_over = problems, prefix, passed_over

    def dataclass(self, cls: Any, raw: Mapping[str, Any], path: tuple[str, ...], given: Mapping[str, Any]) -> Any:
        """Return an instance of `cls`, or None after it noted problems."""
        before = len(self._problems)
        # `pulumi.Input` names Output[T] by a forward reference that only pulumi's own module resolves.
        hints = typing.get_type_hints(cls, localns={"Output": pulumi.Output, "T": T})
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init and field.name not in given}
        for key in raw:
            if key not in fields:
                self._problem((*path, key), f"is not a key here{self._nearest(key, fields, top=not path)}")
        values: dict[str, Any] = dict(given)
        for name, field in fields.items():
            if name in raw and (raw[name] is not None or type(None) in typing.get_args(hints[name])):
                values[name] = self._member(field, hints[name], raw[name], (*path, name))
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self._problem((*path, name), "is missing")
        if len(self._problems) > before:
            return None
        try:
            return cls(**values)
        except ValueError as error:
            self._problem(path, str(error))
            return None

    def _member(self, field: Any, hint: Any, raw: Any, path: tuple[str, ...]) -> Any:
        text = hint is str or str in typing.get_args(hint)
        if raw == "" and text and not field.metadata.get(MAY_BE_EMPTY):
            self._problem(path, "is empty text: set a value, or remove the key")
            return None
        return self._value(hint, raw, path)

    def _value(self, hint: Any, raw: Any, path: tuple[str, ...]) -> Any:
        try:
            return self._converted(hint, raw, path)
        except _Mismatch as mismatch:
            self._problem(path, str(mismatch))
            return None

    def _converted(self, hint: Any, raw: Any, path: tuple[str, ...]) -> Any:
        if isinstance(raw, _Secret):
            return self._secret(hint, raw)
        origin = typing.get_origin(hint)
        if origin in (typing.Union, types.UnionType):
            return self._union(hint, raw, path)
        if origin is typing.Literal:
            return _choice(raw, typing.get_args(hint))
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return self._mapping(hint, raw, path)
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return self._sequence(hint, raw, path)
        if dataclasses.is_dataclass(hint):
            if not isinstance(raw, Mapping):
                raise _Mismatch(f"is {_shown(raw)}: it must be an object with keys")
            return self.dataclass(hint, raw, path, {})
        return _scalar(hint, raw)

    def _union(self, hint: Any, raw: Any, path: tuple[str, ...]) -> Any:
        members = [member for member in typing.get_args(hint) if not is_output(member)]
        if type(None) in members and (raw is None or (raw == "" and str not in members)):
            return None
        last: _Mismatch | None = None
        for member in (member for member in members if member is not type(None)):
            try:
                return self._converted(member, raw, path)
            except _Mismatch as mismatch:
                last = mismatch
        raise last or _Mismatch(f"is {_shown(raw)}")

    def _mapping(self, hint: Any, raw: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            raise _Mismatch(f"is {_shown(raw)}: it must be an object with keys")
        member = typing.get_args(hint)[1]
        kept = {
            str(key): item for key, item in raw.items() if item is not None or type(None) in typing.get_args(member)
        }
        return {key: self._value(member, item, (*path, key)) for key, item in kept.items()}

    def _sequence(self, hint: Any, raw: Any, path: tuple[str, ...]) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise _Mismatch(f"is {_shown(raw)}: it must be a list")
        member = typing.get_args(hint)[0]
        return tuple(self._value(member, item, (*path, f"[{index}]")) for index, item in enumerate(raw))

    def _secret(self, hint: Any, raw: _Secret) -> Any:
        members = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else ()
        if any(is_output(member) for member in members):
            return pulumi.Output.secret(raw.text)
        raise _Mismatch(
            "is encrypted, but the program needs its plain value: set it without --secret, or use the name of a secret"
        )

    def _problem(self, path: tuple[str, ...], text: str) -> None:
        key = ".".join(path).replace(".[", "[")
        self._problems.append(f"{self._prefix}{key}: {text}" if key else f"{self._prefix[:-1]}: {text}")

    def _nearest(self, key: str, fields: Iterable[str], *, top: bool) -> str:
        valid = sorted({*fields, *(self._passed_over if top else ())})
        close = difflib.get_close_matches(key.replace("-", "_"), valid, n=1, cutoff=0.6)
        return f": did you mean {close[0]}?" if close else f"; valid keys are {', '.join(valid)}"


def _without_nulls(raw: Any) -> Any:
    if isinstance(raw, Mapping):
        return {key: _without_nulls(item) for key, item in raw.items() if item is not None}
    return [_without_nulls(item) for item in raw] if isinstance(raw, list) else raw


def _choice(raw: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if raw == choice or str(raw) == str(choice):
            return choice
    raise _Mismatch(f"is {_shown(raw)}: it must be one of {', '.join(str(choice) for choice in choices)}")


def _scalar(hint: Any, raw: Any) -> Any:
    if hint is Any:
        return _without_nulls(raw)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_choice(raw, tuple(member.value for member in hint)))
    if hint is bool:
        if raw in (True, False, "true", "false"):
            return raw in (True, "true")
        raise _Mismatch(f"is {_shown(raw)}: it must be true or false")
    if hint in (int, float):
        return _number(hint, raw)
    if hint is str:
        if isinstance(raw, Mapping | list) or raw is None:
            raise _Mismatch(f"is {_shown(raw)}: it must be text")
        return str(raw).lower() if isinstance(raw, bool) else str(raw)
    raise _Mismatch(f"is {_shown(raw)}: the configuration cannot contain this value")


def _number(hint: Any, raw: Any) -> Any:
    wanted = "a whole number" if hint is int else "a number"
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise _Mismatch(f"is {_shown(raw)}: it must be {wanted}")
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (hint is int and not number.is_integer()):
        raise _Mismatch(f"is {_shown(raw)}: it must be {wanted}")
    return int(number) if hint is int else number


def _shown(raw: Any) -> str:
    text = json.dumps(raw, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
