"""Mappings as instances of argument classes. A `Reader` notes all problems of a mapping.

Nested dataclasses are mappings; mappings and lists have their usual form. Only the dataclasses have defaults. None is the same as
a missing key, except for a value that can be None.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

import pulumi

from pulumi_django.rules.text import MAY_BE_EMPTY, whole_number

UNKNOWN_KEY = "is not a key here"
T = TypeVar("T")

Problem = tuple[str, str]
"""Key, written like `web.cpu` or `workers.default.queues[0]`, and what is wrong with its value. The key is empty for the whole
mapping."""


def hints_of(cls: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields by name."""
    # `pulumi.Input` names Output[T] by a forward reference that only pulumi's own module resolves.
    return typing.get_type_hints(cls, localns={"Output": pulumi.Output, "T": T})


def members_of(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; another type is its only member."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def is_output(member: Any) -> bool:
    """Return whether a member of a union is an Output or an awaitable, which a configuration cannot contain."""
    return member is pulumi.Output or typing.get_origin(member) in (
        pulumi.Output,
        typing.get_origin(typing.Awaitable[int]),
    )


def takes_output(hint: Any) -> bool:
    """Return whether a value of this type may be an Output."""
    return any(is_output(member) for member in members_of(hint))


class Mismatch(Exception):
    """A value has another type than its field."""


class Later(ABC):
    """A value that need not be known yet, or must not be shown."""

    @abstractmethod
    def output(self) -> pulumi.Output[Any]:
        """The value for a field that takes an Output."""

    @abstractmethod
    def plain(self) -> Any:
        """The value for another field. Raises Mismatch when that cannot be."""


class Reader:
    """Reads mappings. `problems` has what is wrong with them.

    `spelled` returns the key of a field. `passed_over` are further keys at the top, for advice.
    """

    def __init__(self, spelled: Callable[[str], str] = str, passed_over: Iterable[str] = ()) -> None:
        self.problems: list[Problem] = []
        self._spelled, self._passed_over = spelled, frozenset(passed_over)

    def dataclass(self, cls: Any, raw: Mapping[str, Any], path: tuple[str, ...], given: Mapping[str, Any]) -> Any:
        """Return an instance of `cls`, or None after it noted problems."""
        before = len(self.problems)
        hints = hints_of(cls)
        own = [field for field in dataclasses.fields(cls) if field.init and field.name not in given]
        fields = {self._spelled(field.name): field for field in own}
        for key in raw:
            if key not in fields:
                self._problem((*path, key), f"{UNKNOWN_KEY}{self._nearest(key, fields, top=not path)}")
        values: dict[str, Any] = dict(given)
        for key, field in fields.items():
            hint = hints[field.name]
            if key in raw and (raw[key] is not None or type(None) in typing.get_args(hint)):
                values[field.name] = self._member(field, hint, raw[key], (*path, key))
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self._problem((*path, key), "is missing")
        if len(self.problems) > before:
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
        except Mismatch as mismatch:
            self._problem(path, str(mismatch))
            return None

    def _converted(self, hint: Any, raw: Any, path: tuple[str, ...]) -> Any:
        if isinstance(raw, Later):
            return _output(hint, raw) if takes_output(hint) else self._converted(hint, raw.plain(), path)
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
                raise Mismatch(f"is {shown(raw)}: it must be an object with keys")
            return self.dataclass(hint, raw, path, {})
        return _scalar(hint, raw)

    def _union(self, hint: Any, raw: Any, path: tuple[str, ...]) -> Any:
        members = [member for member in typing.get_args(hint) if not is_output(member)]
        if type(None) in members and (raw is None or (raw == "" and str not in members)):
            return None
        last: Mismatch | None = None
        for member in (member for member in members if member is not type(None)):
            try:
                return self._converted(member, raw, path)
            except Mismatch as mismatch:
                last = mismatch
        raise last or Mismatch(f"is {shown(raw)}")

    def _mapping(self, hint: Any, raw: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            raise Mismatch(f"is {shown(raw)}: it must be an object with keys")
        member = typing.get_args(hint)[1]
        kept = {
            str(key): item for key, item in raw.items() if item is not None or type(None) in typing.get_args(member)
        }
        return {key: self._value(member, item, (*path, key)) for key, item in kept.items()}

    def _sequence(self, hint: Any, raw: Any, path: tuple[str, ...]) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise Mismatch(f"is {shown(raw)}: it must be a list")
        member = typing.get_args(hint)[0]
        return tuple(self._value(member, item, (*path, f"[{index}]")) for index, item in enumerate(raw))

    def _problem(self, path: tuple[str, ...], text: str) -> None:
        self.problems.append((".".join(path).replace(".[", "["), text))

    def _nearest(self, key: str, fields: Iterable[str], *, top: bool) -> str:
        valid = sorted({*fields, *(self._passed_over if top else ())})
        close = difflib.get_close_matches(self._spelled(key.replace("-", "_")), valid, n=1, cutoff=0.6)
        return f": did you mean {close[0]}?" if close else f"; valid keys are {', '.join(valid)}"


def _output(hint: Any, raw: Later) -> pulumi.Output[Any]:
    found = raw.output()
    # Pulumi's wire format carries whole numbers as floating-point numbers.
    return found.apply(whole_number) if int in members_of(hint) else found


def _without_nulls(raw: Any) -> Any:
    if isinstance(raw, Later):
        return raw.output()
    if isinstance(raw, Mapping):
        return {key: _without_nulls(item) for key, item in raw.items() if item is not None}
    return [_without_nulls(item) for item in raw] if isinstance(raw, list) else raw


def _choice(raw: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if raw == choice or str(raw) == str(choice):
            return choice
    raise Mismatch(f"is {shown(raw)}: it must be one of {', '.join(str(choice) for choice in choices)}")


def _scalar(hint: Any, raw: Any) -> Any:
    if hint is Any:
        return _without_nulls(raw)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_choice(raw, tuple(member.value for member in hint)))
    if hint is bool:
        if raw in (True, False, "true", "false"):
            return raw in (True, "true")
        raise Mismatch(f"is {shown(raw)}: it must be true or false")
    if hint in (int, float):
        return _number(hint, raw)
    if hint is str:
        if isinstance(raw, Mapping | list) or raw is None:
            raise Mismatch(f"is {shown(raw)}: it must be text")
        return str(raw).lower() if isinstance(raw, bool) else str(raw)
    raise Mismatch(f"is {shown(raw)}: the configuration cannot contain this value")


def _number(hint: Any, raw: Any) -> Any:
    wanted = "a whole number" if hint is int else "a number"
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise Mismatch(f"is {shown(raw)}: it must be {wanted}")
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (hint is int and not number.is_integer()):
        raise Mismatch(f"is {shown(raw)}: it must be {wanted}")
    return int(number) if hint is int else number


def shown(raw: Any) -> str:
    text = json.dumps(raw, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
