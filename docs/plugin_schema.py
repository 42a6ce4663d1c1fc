"""The schema of the plugin: the components for every language, from the classes of arguments and their docstrings.

The rules are those of Pulumi's metaschema, https://www.pulumi.com/docs/iac/extending-pulumi/schema/.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import pulumi

from pulumi_django.contract import AppOutputs, BaseContract
from pulumi_django.program.reading import hints_of, members_of, takes_output
from pulumi_django.provider.completion import BASE, BASE_STACK
from pulumi_django.provider.components import APPS, BASES, NAMES, PACKAGE, Component, expressible
from pulumi_django.provider.inputs import WITHOUT, camel, field_names, respelled

Documented = Callable[[type], Mapping[str, str]]

ANY = {"$ref": "pulumi.json#/Any"}
DESCRIPTION = (
    "Components for Django on AWS ECS: a base with network, load balancer and database, and environments on it, whose "
    "releases run before any service takes new code."
)
_SCALARS: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_INPUTS_OF_APPS: Mapping[str, str] = {
    BASE: "Base of the same program, with its network, load balancer and database.",
    BASE_STACK: "Stack of the base, `organization/project/stack`, in place of `base`. It exports the base's `contract` as an output of "
    "that name, or is a stack of this project.",
}
_WITHOUT_TEXT = (
    "Inputs that are none in place of their default, such as `{example}`. A member of an input is written with a dot. Programs cannot "
    "pass null, because Pulumi carries none."
)


def document(version: str, documented: Documented) -> dict[str, Any]:
    """Return the schema. `documented` returns the docstrings of a class's fields."""
    builder = _Builder(documented)
    resources = {token: builder.resource(Component(token)) for token in sorted(NAMES)}
    return {
        "name": PACKAGE,
        "displayName": "Django on AWS ECS",
        "version": version,
        "description": DESCRIPTION,
        "keywords": ["pulumi", "django", "aws", "ecs", "category/cloud", "kind/component"],
        "license": "MIT",
        "publisher": PACKAGE,
        "meta": {"moduleFormat": "(.*)", "supportPack": True},
        "config": {},
        "language": {
            "csharp": {"respectSchemaVersion": True},
            "go": {"generateResourceContainerTypes": True, "respectSchemaVersion": True},
            "nodejs": {"packageName": PACKAGE, "respectSchemaVersion": True},
            "python": {"respectSchemaVersion": True},
        },
        "types": dict(sorted(builder.types.items())),
        "resources": resources,
    }


class _Builder:
    def __init__(self, documented: Documented) -> None:
        self.types: dict[str, dict[str, Any]] = {}
        self._documented = documented

    def resource(self, component: Component) -> dict[str, Any]:
        """The specification of a component."""
        given, args = component.given, component.args
        inputs = self._properties(args, given)
        required = [camel(field.name) for field in _fields(args) if _required(field) and field.name not in given]
        if component.name in BASES:
            required.remove("region")
            inputs["region"]["description"] += " Without it the stack's `aws:region`."
        if component.name in APPS:
            base = f"#/resources/{PACKAGE}:base:{component.name.replace('App', 'Base')}"
            inputs[BASE] = {"$ref": base, "description": _INPUTS_OF_APPS[BASE]}
            inputs[BASE_STACK] = {"type": "string", "plain": True, "description": _INPUTS_OF_APPS[BASE_STACK]}
        if example := _nullable(args):
            text = _WITHOUT_TEXT.format(example=example)
            strings = {"type": "string", "plain": True}
            inputs[WITHOUT] = {"type": "array", "items": strings, "plain": True, "description": text}
        outputs, always = self._outputs(component)
        specification = {
            "isComponent": True,
            "description": _described(inspect.getdoc(component.cls) or ""),
            "properties": dict(sorted(outputs.items())),
            "required": sorted(always),
            "inputProperties": dict(sorted(inputs.items())),
            "requiredInputs": sorted(required),
        }
        return {key: value for key, value in specification.items() if value}

    def _outputs(self, component: Component) -> tuple[dict[str, Any], list[str]]:
        """The outputs, and those that are always there."""
        holder: type = AppOutputs if component.name in APPS else component.cls
        texts = self._documented(holder)
        found: dict[str, Any] = {}
        for name, hint in component.output_hints.items():
            text = texts.get(name)
            found[camel(name)] = {**self._of(hint, name), **({"description": _described(text)} if text else {})}
        hints = component.output_hints
        return found, [camel(name) for name, hint in hints.items() if type(None) not in members_of(hint)]

    def _properties(self, cls: Any, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
        texts, hints, found = self._documented(cls), hints_of(cls), dict[str, Any]()
        for field in _fields(cls):
            hint = hints[field.name]
            if field.name in left_out or not expressible(hint):
                continue
            schema = self._of(hint, field.name)
            if not takes_output(hint):
                schema["plain"] = True
            text = " ".join(part for part in (_described(texts.get(field.name, "")), _default(field)) if part)
            found[camel(field.name)] = {**schema, **({"description": text} if text else {})}
        return found

    def _of(self, hint: Any, name: str) -> dict[str, Any]:
        """The schema of a type. `name` is the field's, for the name of an enumeration."""
        members = [member for member in members_of(hint) if member is not type(None)]
        plain = [member for member in members if typing.get_origin(member) is not pulumi.Output]
        kept = [member for member in plain if not _awaitable(member)] or [typing.get_args(members[0])[0]]
        if len(kept) > 1:
            return {"oneOf": [self._of(member, name) for member in kept]}
        only = kept[0]
        origin, arguments = typing.get_origin(only), typing.get_args(only)
        if only in _SCALARS:
            return {"type": _SCALARS[only]}
        if origin is Literal:
            return self._enumeration(name, arguments)
        if isinstance(only, type) and issubclass(only, enum.Enum):
            return self._enumeration(only.__name__, [member.value for member in only])
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self._element(arguments[1], name)}
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return {"type": "array", "items": self._element(arguments[0], name)}
        if dataclasses.is_dataclass(only):
            return {"$ref": self._object(only)}
        return dict(ANY)

    def _element(self, hint: Any, name: str) -> dict[str, Any]:
        schema = self._of(hint, name)
        return schema if takes_output(hint) or schema == ANY else {**schema, "plain": True}

    def _object(self, cls: Any) -> str:
        token = f"{PACKAGE}:index:{cls.__name__}"
        if token not in self.types:
            self.types[token] = {}
            required = [camel(field.name) for field in _fields(cls) if _required(field)]
            text = "" if _generated(cls) else _described(inspect.getdoc(cls) or "")
            self.types[token] = {
                **({"description": text} if text else {}),
                "properties": dict(sorted(self._properties(cls).items())),
                "type": "object",
                **({"required": sorted(required)} if required else {}),
            }
        return f"#/types/{token}"

    def _enumeration(self, name: str, values: Sequence[Any]) -> dict[str, Any]:
        title = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        # A module of their own, because Pulumi's generator for Go writes the name of this package with its hyphen before the
        # enumerations of the main module.
        token = f"{PACKAGE}:choices:{title}"
        specification = {"type": "string", "enum": [{"name": _title(value), "value": value} for value in values]}
        if self.types.setdefault(token, specification) != specification:
            raise ValueError(f"two enumerations are called {token}")
        return {"$ref": f"#/types/{token}"}


def _fields(cls: Any) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.init]


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _awaitable(member: Any) -> bool:
    return typing.get_origin(member) is typing.get_origin(typing.Awaitable[int])


def _default(field: dataclasses.Field[Any]) -> str:
    """A sentence with the default. It is no `default` of the schema, because SDKs send these, also older ones."""
    value = field.default.value if isinstance(field.default, enum.Enum) else field.default
    if isinstance(value, bool):
        return f"Default: `{str(value).lower()}`."
    return f"Default: `{value}`." if isinstance(value, str | int | float) and value != "" else ""


def _nullable(cls: type) -> str:
    """The first input that can be none and is not by default; empty without one."""
    hints = hints_of(cls)
    for field in _fields(cls):
        some = field.default is not None and not _required(field)
        if some and type(None) in members_of(hints[field.name]):
            return camel(field.name)
    return ""


def _generated(cls: type) -> bool:
    """Whether the docstring is the signature that `dataclass` writes."""
    return (cls.__doc__ or "").startswith(f"{cls.__name__}(")


def _title(value: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_ ]", value))


@cache
def _names() -> frozenset[str]:
    """The names of all fields."""
    classes = [*(Component(token).args for token in NAMES), BaseContract, AppOutputs]
    return frozenset(name for cls in classes for name in field_names(cls))


def _described(text: str) -> str:
    text = re.sub(r"`[^`]*`", lambda found: respelled(found[0], _names()), text)
    return re.sub(r"\s+", " ", text).strip()
