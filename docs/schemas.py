"""JSON Schemas of `orchestrator.toml` and of stack files, from the classes that read them and their docstrings."""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import griffe
import pulumi

from orchestrator.config import settings
from orchestrator.config.projects import Project
from pulumi_django import AdHocAppArgs, AdHocBaseArgs, ProdAppArgs, ProdBaseArgs
from pulumi_django.program.project import AppSettings, BaseSettings

DIALECT = "http://json-schema.org/draft-07/schema#"
"""Editors' YAML and TOML extensions read this draft."""

PREFIX = "PROJECT"
"""Stands for the name of the Pulumi project; `orchestrator init` replaces it."""

_GIVEN = frozenset({"base", "aws", "region", "account_zones", "listener_priorities", "target_groups"})
"""Arguments that programs pass. They are no keys of a stack file."""

_SCALARS: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", timedelta: "string"}


class Builder:
    """Builds schemas; each dataclass becomes a definition."""

    def __init__(self, documented: Callable[[type], Mapping[str, str]]) -> None:
        self._documented = documented
        self.definitions: dict[str, Any] = {}

    def of(self, hint: Any) -> dict[str, Any]:
        """The schema of a type."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint in _SCALARS:
            return {"type": _SCALARS[hint]}
        if hint is type(None):
            return {"type": "null"}
        if origin is Literal:
            return {"enum": list(arguments)}
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return {"enum": [member.value for member in hint]}
        if origin in (typing.Union, types.UnionType):
            return self._union([member for member in arguments if typing.get_origin(member) is not pulumi.Output])
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if origin is not None and issubclass(origin, Sequence):
            return {"type": "array", "items": self.of(arguments[0])}
        if is_dataclass(hint):
            return {"$ref": f"#/definitions/{self._define(typing.cast(type, hint))}"}
        return {}

    def properties(self, cls: type, names: Callable[[str], str] = str) -> dict[str, Any]:
        """The schema of each field by name, with its docstring and default."""
        hints = typing.get_type_hints(cls, localns={"Output": pulumi.Output, "T": typing.TypeVar("T")})
        texts = self._documented(cls)
        found: dict[str, Any] = {}
        for field in fields(typing.cast(Any, cls)):
            if field.name in _GIVEN and cls.__name__.endswith("Args"):
                continue
            schema: dict[str, Any] = self.of(hints[field.name])
            if text := texts.get(field.name):
                # Other keywords beside `$ref` do not count in this draft.
                schema = dict[str, Any](allOf=[schema]) if "$ref" in schema else schema
                schema["description"] = text
            if isinstance(field.default, str | int | float | bool):
                schema["default"] = field.default
            found[names(field.name)] = schema
        return found

    def _union(self, members: list[Any]) -> dict[str, Any]:
        schemas = [self.of(member) for member in members]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _define(self, cls: type) -> str:
        if cls.__name__ not in self.definitions:
            self.definitions[cls.__name__] = {}
            known = self.properties(cls)
            required = [
                f.name for f in fields(typing.cast(Any, cls)) if f.default is MISSING and f.default_factory is MISSING
            ]
            self.definitions[cls.__name__] = {
                "type": "object",
                "properties": known,
                "additionalProperties": False,
                **({"required": required} if required else {}),
            }
        return cls.__name__


def all_schemas(documented: Callable[[type], Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """The schemas by `settings`, `base` and `app`. `documented` returns the docstrings of a class's fields."""
    return {
        "settings": _settings(Builder(documented)),
        "base": _stack(Builder(documented), "The stack of a base", (AdHocBaseArgs, ProdBaseArgs, BaseSettings)),
        "app": _stack(Builder(documented), "The stack of an environment", (AdHocAppArgs, ProdAppArgs, AppSettings)),
    }


def _stack(builder: Builder, title: str, classes: Sequence[type]) -> dict[str, Any]:
    """The schema of `Pulumi.<stack>.yaml`. Keys of both kinds are accepted: a file does not always name its kind."""
    keys: dict[str, Any] = {}
    for cls in classes:
        for key, schema in builder.properties(cls, lambda name: f"{PREFIX}:{name}").items():
            same = {**keys.get(key, {}), "default": None} == {**schema, "default": None}
            if key not in keys:
                keys[key] = schema
            elif not same and "$ref" in str(schema):
                keys[key] = _either(keys[key], schema)
    secret = {"type": "object", "properties": {"secure": {"type": "string"}}, "required": ["secure"]}
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {key: _or_secret(schema, secret) for key, schema in keys.items()},
                "patternProperties": {f"^(?!{PREFIX}:)": {}},
                "additionalProperties": False,
            }
        },
        "definitions": dict(sorted(builder.definitions.items())),
    }


def _or_secret(schema: dict[str, Any], secret: dict[str, Any]) -> dict[str, Any]:
    about = {key: schema[key] for key in ("description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    return {**about, "anyOf": [rest, secret]}


def _either(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """A value of either kind, with the text of the first."""
    plain = [
        {key: value for key, value in schema.items() if key not in ("description", "default")}
        for schema in (one, other)
    ]
    return {"description": one.get("description", ""), "anyOf": plain}


def _settings(builder: Builder) -> dict[str, Any]:
    """The schema of `orchestrator.toml`. A project's key and name come from elsewhere."""
    project = {key: schema for key, schema in builder.properties(Project).items() if key not in ("key", "name")}
    tables = {
        "pulumi": settings.PulumiSettings,
        "runner": settings.RunnerSettings,
        "limits": settings.LimitSettings,
        "pull_requests": settings.PullRequestSettings,
    }
    return {
        "$schema": DIALECT,
        "title": "orchestrator.toml",
        "type": "object",
        "required": ["projects"],
        "additionalProperties": False,
        "properties": {
            "engine": {
                "enum": list(settings.ENGINES),
                "default": "pulumi",
                "description": "`pulumi` works on AWS through the Pulumi CLI. `simulation` creates nothing.",
            },
            "projects": {
                "type": "object",
                "description": "The Pulumi projects by key.",
                "additionalProperties": {
                    "type": "object",
                    "required": ["path", "scope"],
                    "additionalProperties": False,
                    "properties": {**project, "path": {"type": "string", "description": "Folder with `Pulumi.yaml`."}},
                },
            },
            **{
                name: {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": _without_null(builder.properties(cls)),
                }
                for name, cls in tables.items()
            },
            "images": {
                "type": "object",
                "description": "How images are built, by name: `backend` is the image of the key `backend_image`.",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": _without_null(builder.properties(settings.ImageSettings)),
                },
            },
        },
    }


def _without_null(properties: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a key is absent instead."""
    for schema in properties.values():
        options = [option for option in schema.pop("anyOf", []) if option != {"type": "null"}]
        if options:
            schema.update(options[0] if len(options) == 1 else {"anyOf": options})
    return properties


def documented_by(source: griffe.Object | griffe.Alias, root: Path) -> Callable[[type], Mapping[str, str]]:
    """Return a reader of the docstrings of fields, for classes of `source` and of the orchestrator below `root`."""
    other = griffe.load("orchestrator", search_paths=[root])

    def documented(cls: type) -> dict[str, str]:
        package, _, rest = cls.__module__.partition(".")
        found: dict[str, str] = {}
        here = typing.cast(Any, source if package == "pulumi_django" else other)[f"{rest}.{cls.__name__}"]
        for part in [*reversed(here.mro()), here]:
            for name, attribute in part.attributes.items():
                if attribute.docstring:
                    found[name] = re.sub(r"\s+", " ", attribute.docstring.value)
        return found

    return documented
