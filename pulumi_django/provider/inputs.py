"""Inputs of a remote component as an instance of its arguments class.

Inputs come with names in camel case, whole numbers as floating-point numbers, and without nulls, because the wire format of Pulumi
has none for the members of a map. So `without` lists the inputs that are none in place of their default.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import pulumi
from pulumi.output import Unknown

from pulumi_django.program.reading import UNKNOWN_KEY, Later, Mismatch, Problem, Reader, hints_of, members_of, shown

_SNAKE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")


T = TypeVar("T")

WITHOUT = "without"
"""Input that lists the inputs that are none: `beat`, `release.command`, `extraEnv.DEBUG`."""


class InputsError(Exception):
    """The inputs cannot be used. The message names each input as the caller writes it.

    It is no InputPropertiesError of the SDK: the engine adds the value of the input to such an error, which can be a secret.
    """

    unknown: bool
    """Whether an input is unknown, which another version of the plugin may know."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.unknown = any(UNKNOWN_KEY in text for _, text in problems)
        lines = [f"{key} {text}" if key else text for key, text in problems]
        super().__init__(f" {lines[0]}" if len(lines) == 1 else "".join(f"\n  {line}" for line in lines))


@dataclasses.dataclass(frozen=True)
class _Pending(Later):
    """An Output, with what is known of it."""

    source: pulumi.Output[Any]
    value: Any = dataclasses.field(repr=False)
    known: bool
    secret: bool

    def output(self) -> pulumi.Output[Any]:
        return self.source

    def plain(self) -> Any:
        if self.secret:
            raise Mismatch("is secret, but the component needs its plain value: use the name of a secret")
        if not self.known:
            raise Mismatch(
                "is not known yet, because it comes from a resource that does not exist: set a plain value, since it decides "
                "which resources the component has"
            )
        return self.value


async def settled(value: Any) -> Any:
    """Return inputs for `read`: each Output with what is known of it, a resource as its URN, and whole numbers as such."""
    if isinstance(value, pulumi.Resource):
        return await value.urn.future()
    if isinstance(value, pulumi.Output):
        source = cast("pulumi.Output[Any]", value)
        known, secret = await source.is_known(), await source.is_secret()
        return _Pending(source, await settled(await source.future()) if known else None, known, secret)
    if isinstance(value, Unknown):
        return await settled(pulumi.Output.from_input(value))
    if isinstance(value, Mapping):
        return {key: await settled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [await settled(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read(cls: type[T], inputs: Mapping[str, Any], given: Mapping[str, Any]) -> T:
    """Return an instance of the dataclass `cls` from `settled` inputs. `given` are fields that are not inputs.

    Raises InputsError that names each unknown input with the nearest one, each wrong type and each missing value.
    """
    reader = Reader(camel, {WITHOUT})
    problems: list[Problem] = []
    value = None
    try:
        wanted = _without(cls, inputs)
    except Mismatch as mismatch:
        problems = [(WITHOUT, str(mismatch))]
    else:
        value = reader.dataclass(cls, wanted, (), given)
        problems = reader.problems
    if problems:
        names = frozenset(field_names(cls))
        raise InputsError([(key, respelled(text, names)) for key, text in problems])
    return cast(T, value)


def field_names(cls: Any, seen: set[type] | None = None) -> Iterator[str]:
    """Yield the names of the fields of a dataclass, and of those inside it."""
    seen = set() if seen is None else seen
    if cls in seen:
        return
    seen.add(cls)
    for name, hint in hints_of(cls).items():
        yield name
        for inner in dataclasses_in(hint):
            yield from field_names(inner, seen)


def dataclasses_in(hint: Any) -> Iterator[type]:
    """Yield the dataclasses in a type."""
    if dataclasses.is_dataclass(hint):
        yield cast(type, hint)
        return
    for member in getattr(hint, "__args__", ()):
        yield from dataclasses_in(member)


def _without(cls: type, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with None at each path of `without`. Raises Mismatch for a path that cannot be none."""
    left = {key: value for key, value in inputs.items() if key != WITHOUT}
    paths = inputs.get(WITHOUT, ())
    if isinstance(paths, Later):
        paths = paths.plain()
    if not isinstance(paths, list | tuple):
        raise Mismatch(f"is {shown(paths)}: it must be a list of inputs, such as beat")
    for path in paths:
        keys = str(path).split(".")
        if not _can_be_none(cls, keys):
            raise Mismatch(
                f"has {path}, which cannot be none: name an input that can be, such as beat or extraEnv.DEBUG"
            )
        left = _put(left, keys, str(path))
    return left


def _put(values: Mapping[str, Any], keys: Sequence[str], path: str) -> dict[str, Any]:
    first, *rest = keys
    if not rest and values.get(first) is not None:
        raise Mismatch(f"has {path}, which is also set: remove one of them")
    if not rest:
        return {**values, first: None}
    inner = values.get(first, {})
    if not isinstance(inner, Mapping):
        raise Mismatch(f"has {path}, but {first} is not an object with keys")
    return {**values, first: _put(inner, rest, path)}


def _can_be_none(hint: Any, keys: Sequence[str]) -> bool:
    if not keys:
        return type(None) in members_of(hint)
    first, *rest = keys
    for member in members_of(hint):
        if dataclasses.is_dataclass(member):
            found = next((found for name, found in hints_of(member).items() if camel(name) == first), None)
            if found is not None and _can_be_none(found, rest):
                return True
        elif len(arguments := getattr(member, "__args__", ())) == 2 and _can_be_none(arguments[1], rest):
            return True
    return False


def camel(name: str) -> str:
    """Return the name in camel case: `backendImage` for `backend_image`."""
    first, *rest = name.split("_")
    return first + "".join(f"{part[:1].upper()}{part[1:]}" for part in rest)


def respelled(text: str, names: Iterable[str]) -> str:
    """Return an error text with these names in camel case. Other words with underscores stay."""
    known = frozenset(names)
    return _SNAKE.sub(lambda found: camel(found[0]) if found[0] in known else found[0], text)
