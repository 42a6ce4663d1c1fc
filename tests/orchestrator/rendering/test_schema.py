"""Every document is defined once: its dataclass is what is printed, and its schema accepts exactly that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import jsonschema
import pytest
from typing_extensions import is_typeddict

from orchestrator.cli.parser import parser
from orchestrator.rendering import document
from orchestrator.rendering.document import plain
from orchestrator.rendering.schema import SCHEMAS, schema

SNAPSHOT = Path(__file__).with_name("snapshots") / "documents.json"
VARIANTS = [(name, variant) for name, published in SCHEMAS.items() for variant in published.types]


@cache
def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(schema(name), format_checker=jsonschema.FormatChecker())


def shape(found: dict[str, Any], parts: dict[str, Any]) -> Any:
    """The names of a schema and the types below them."""
    if "$ref" in found:
        return shape(parts[found["$ref"].rpartition("/")[2]], parts)
    if "anyOf" in found:
        variants = [shape(variant, parts) for variant in found["anyOf"] if variant.get("type") != "null"]
        return variants[0] if len(variants) == 1 else {"one of": variants}
    if "enum" in found:
        return "|".join(sorted(map(str, found["enum"])))
    if "const" in found:
        return str(found["const"])
    if "properties" in found:
        return {name: shape(value, parts) for name, value in sorted(found["properties"].items())}
    if found.get("type") == "array":
        return [shape(found["items"], parts)]
    return found.get("format") or found.get("type")


def test_no_document_loses_or_renames_a_field() -> None:
    """Within one version of the documents names are only added: then add them to the snapshot too."""
    found = {name: shape(schema(name), schema(name)["$defs"]) for name in SCHEMAS}
    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_object_of_a_schema_is_closed_and_complete(name: str) -> None:
    objects = [part for part in schema(name)["$defs"].values() if "properties" in part]
    assert objects
    for part in objects:
        assert part["additionalProperties"] is False
        assert set(part["required"]) == set(part["properties"])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=[f"{name}-{variant}" for name, variant in VARIANTS])
def test_whatever_a_definition_holds_keeps_its_schema(name: str, variant: Any, full: bool) -> None:
    written = json.loads(json.dumps(plain(example(variant, full=full))))
    validator(name).validate(written)
    for damaged in with_an_unknown_field(written, variant, full):
        assert not validator(name).is_valid(damaged)


def example(hint: Any, *, full: bool) -> Any:
    """A value of that type: `full` without None and with an item in every list."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        chosen = next(one for one in arguments if (one is type(None)) is not full)
        return example(chosen, full=full)
    if origin is Literal:
        return arguments[-1 if full else 0]
    if origin in (list, tuple):
        return [example(arguments[0], full=full)] if full else []
    if origin is Mapping:
        return {"key": "value"} if full else {}
    kind = origin or hint
    if is_dataclass(kind):
        values = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=True))
        hints = {name: _filled(found, values) for name, found in get_type_hints(kind).items()}
        return cast(Any, kind)(**{field.name: example(hints[field.name], full=full) for field in fields(kind)})
    if is_typeddict(kind):
        return {name: example(found, full=full) for name, found in get_type_hints(kind).items()}
    if issubclass(kind, Enum):
        return next(iter(kind))
    plain_values: dict[Any, Any] = {
        Any: "text", str: "text", int: 3, float: 1.5, bool: full, type(None): None, datetime: datetime(2026, 11, 1, tzinfo=UTC)
    }  # fmt: skip
    return plain_values[kind]


def _filled(hint: Any, values: Mapping[Any, Any]) -> Any:
    """The type with its type variables filled in."""
    variables = getattr(hint, "__parameters__", ())
    return hint[tuple(values[variable] for variable in variables)] if variables else hint


def with_an_unknown_field(written: Any, variant: Any, full: bool) -> Iterator[Any]:
    """The document with one more field, in every object that a dataclass defines."""
    names = {field.name for field in fields(getattr(variant, "__origin__", variant))}
    assert set(written) == names
    yield {**written, "unknown": 1}
    free = {"outputs", "parameters", "images", "references"}
    if full:
        for path in _objects(written, ()):
            if path and not free & set(path):
                damaged: Any = json.loads(json.dumps(written))
                found: Any = damaged
                for step in path:
                    found = found[step]
                found["unknown"] = 1
                yield damaged


def _objects(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        yield path
        for key, item in cast("dict[str, Any]", value).items():
            yield from _objects(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _objects(item, (*path, index))


def test_an_unknown_field_is_refused_wherever_it_is() -> None:
    written = document.error("a", None, 1)
    validator("error").validate(written)
    for damaged in ({**written, "more": 1}, {**written, "error": {**written["error"], "more": 1}}):
        with pytest.raises(jsonschema.ValidationError, match="'more' was unexpected"):
            validator("error").validate(damaged)


def test_a_missing_field_is_refused() -> None:
    written = document.error("a", None, 1)
    del written["error"]["hint"]
    with pytest.raises(jsonschema.ValidationError, match="'hint' is a required property"):
        validator("error").validate(written)


def commands(group: Any, lead: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{lead}{name} ")
        else:
            yield f"{lead}{name}", command


def test_every_command_with_json_has_a_published_schema() -> None:
    root: Any = parser()
    with_json = {
        name for name, command in commands(root) if any("--json" in parameter.opts for parameter in command.params)
    }
    published = {command for found in SCHEMAS.values() for command in found.commands}
    assert with_json - {"schema"} == published


def test_definitions_are_dataclasses_that_describe_themselves() -> None:
    for name, variant in VARIANTS:
        kind = getattr(variant, "__origin__", variant)
        assert is_dataclass(kind), name
        assert (kind.__doc__ or "").strip().endswith("."), kind
