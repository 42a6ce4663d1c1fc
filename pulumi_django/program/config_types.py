"""Which configuration keys hold text, as the argument classes say. For tools that read or write stack files."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

import pulumi

T = TypeVar("T")


def holds_text(classes: Iterable[type], path: Sequence[str]) -> bool | None:
    """Whether the value at `path` is text in each of the classes that have such a key; None when none of them says.

    A path is the keys from the top, `("extra_env", "DEBUG")`; an item of a list is any key.
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
    """Whether a member of a union is an Output or an awaitable, which no configuration holds."""
    return member is pulumi.Output or typing.get_origin(member) in (
        pulumi.Output,
        typing.get_origin(typing.Awaitable[int]),
    )
