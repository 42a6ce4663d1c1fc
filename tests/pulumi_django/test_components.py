"""What holds for every public component: arguments, token, outputs, documentation."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import typing
from pathlib import Path

import pulumi
import pytest

import pulumi_django

COMPONENTS = sorted(
    (
        value
        for name in pulumi_django.__all__
        if isinstance(value := getattr(pulumi_django, name), type) and issubclass(value, pulumi.ComponentResource)
    ),
    key=lambda component: component.__name__,
)


def class_source(cls: type) -> ast.ClassDef:
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__)


def own_ancestry(cls: type) -> list[type]:
    return [ancestor for ancestor in cls.__mro__ if ancestor.__module__.startswith("pulumi_django")]


def documented_fields(cls: type) -> set[str]:
    """Annotated names, also inherited ones, that are followed by a docstring."""
    return {
        node.target.id
        for ancestor in own_ancestry(cls)
        for node, after in itertools.pairwise(class_source(ancestor).body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def annotated_fields(cls: type) -> set[str]:
    return {
        node.target.id
        for ancestor in own_ancestry(cls)
        for node in class_source(ancestor).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def constructor(component: type) -> ast.FunctionDef:
    body = class_source(component).body
    return next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == "__init__")


def test_there_are_components_to_look_at() -> None:
    assert len(COMPONENTS) >= 31


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_a_component_takes_name_arguments_and_options(component: type) -> None:
    hints = typing.get_type_hints(component.__init__)
    parameters = list(inspect.signature(component.__init__).parameters)
    assert parameters == ["self", "name", "args", "opts"]
    args = hints["args"]
    assert args.__name__ == f"{component.__name__}Args"
    assert dataclasses.is_dataclass(args)
    assert args.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(args))


# A token is part of the URN, so it keeps the first module of its component.
EARLIER_MODULES = {
    "AppSecrets": "app_secrets",
    "AssetsBucket": "storage",
    "Certificate": "certificate",
    "LogBucket": "log_bucket",
    "PostgresInstance": "database",
    "ServiceDiscovery": "service_discovery",
}


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_a_components_token_is_a_literal_with_its_own_name(component: type) -> None:
    calls = [node for node in ast.walk(constructor(component)) if isinstance(node, ast.Call)]
    tokens = [
        argument.value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant)
    ]
    assert len(tokens) == 1
    package, module, name = tokens[0].split(":")
    assert (package, name) == ("pulumi-django", component.__name__)
    assert module in {*component.__module__.split("."), "ecs", EARLIER_MODULES.get(name)}


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_a_component_registers_its_outputs_last(component: type) -> None:
    last = constructor(component).body[-1]
    assert isinstance(last, ast.Expr)
    assert ast.unparse(last).startswith("self.register_outputs(")


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_every_argument_and_output_is_documented(component: type) -> None:
    args = typing.get_type_hints(component.__init__)["args"]
    assert annotated_fields(args) == documented_fields(args)
    assert annotated_fields(component) == documented_fields(component)
    assert component.__doc__


def test_no_component_reads_configuration_or_the_environment() -> None:
    for component in COMPONENTS:
        source = Path(inspect.getfile(component)).read_text(encoding="utf-8")
        for forbidden in ("pulumi.Config(", "os.environ", "get_stack(", "StackReference(", "pulumi.export("):
            assert forbidden not in source, f"{component.__name__}: {forbidden}"
