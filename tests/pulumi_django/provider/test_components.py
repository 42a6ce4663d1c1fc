"""Every public component is served, or there is a reason why not; the schema and the reader of inputs agree."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any

import pulumi
import pytest

import pulumi_django
from pulumi_django.program.reading import hints_of
from pulumi_django.provider.components import APPS, BASES, NAMES, Component
from pulumi_django.provider.inputs import camel, dataclasses_in, respelled
from pulumi_django.provider.plugin import SCHEMA

DOCUMENT: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))

NOT_SERVED = {
    # Services and tasks: without the release gate of an environment.
    "Autoscaling",
    "BeatService",
    "DatabaseTask",
    "FrontendService",
    "ManagementCommand",
    "RedisService",
    "ScheduledCommand",
    "WebService",
    "WorkerService",
    # Its output is an object of the AWS SDK, which only programs in Python can pass on.
    "ExecSessions",
}
"""Public components that the plugin does not serve."""


def public_components() -> set[str]:
    found = {name: getattr(pulumi_django, name) for name in dir(pulumi_django)}
    return {name for name, cls in found.items() if inspect.isclass(cls) and issubclass(cls, pulumi.ComponentResource)}


def test_every_public_component_is_served_or_named_here() -> None:
    assert {*NAMES.values()} | NOT_SERVED == public_components()
    assert not {*NAMES.values()} & NOT_SERVED


@pytest.mark.parametrize("token", NAMES)
def test_a_component_has_the_type_of_its_class(token: str) -> None:
    assert re.search(rf'__init__\(\s*"{token}"', inspect.getsource(Component(token).cls))


@pytest.mark.parametrize("token", NAMES)
def test_the_schema_has_the_inputs_that_the_reader_takes(token: str) -> None:
    component = Component(token)
    fields = {camel(field.name) for field in dataclasses.fields(component.args) if field.name not in component.given}
    extra = {"base", "baseStack"} if component.name in APPS else set[str]()
    assert set(DOCUMENT["resources"][token]["inputProperties"]) - {"without"} == fields | extra


def test_types_of_the_schema_have_the_fields_of_their_classes() -> None:
    classes: dict[str, type] = {}

    def collect(cls: type) -> None:
        if classes.setdefault(cls.__name__, cls) is cls:
            for hint in hints_of(cls).values():
                for inner in dataclasses_in(hint):
                    if inner.__name__ not in classes:
                        collect(inner)

    for token in NAMES:
        collect(Component(token).args)
    checked = 0
    for token, specification in DOCUMENT["types"].items():
        if "properties" in specification:
            cls: Any = classes[token.rpartition(":")[2]]
            assert set(specification["properties"]) == {
                camel(field.name) for field in dataclasses.fields(cls) if field.init
            }
            checked += 1
    assert checked > 50


def test_bases_and_environments_are_there() -> None:
    assert {*BASES, *APPS} <= {*NAMES.values()}


def test_names_are_respelled_only_where_they_are_fields() -> None:
    assert camel("read_only_root") == "readOnlyRoot"
    assert respelled("read_only_root and SOME_NAME and other_name", ["read_only_root"]) == (
        "readOnlyRoot and SOME_NAME and other_name"
    )
