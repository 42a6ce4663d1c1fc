"""The schema of the plugin follows Pulumi's metaschema, and breaks no program of the last release.

tests/docs/test_reference.py checks that the file is current. The rules are those of the metaschema,
https://www.pulumi.com/docs/iac/extending-pulumi/schema/.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.plugin_changes import breaking
from pulumi_django.provider.plugin import SCHEMA

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
TOKEN = re.compile(r"^pulumi-django:[a-z0-9_]+:[A-Z][A-Za-z0-9]*$")
APP, WEB = "pulumi-django:app:AdHocApp", "pulumi-django:index:WebOptions"


def specifications(node: Any = DOCUMENT, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The specification of each type in the document, by path."""
    if isinstance(node, dict):
        for key, value in node.items():
            here = f"{path}/{key}"
            if key in ("properties", "inputProperties"):
                yield from ((f"{here}/{name}", each) for name, each in value.items())
            elif key in ("items", "additionalProperties"):
                yield here, value
            yield from specifications(value, here)
    elif isinstance(node, list):
        for item in node:
            yield from specifications(item, path)


def test_every_type_is_one_of_the_metaschema() -> None:
    seen = 0
    for path, specification in specifications():
        seen += 1
        assert set(specification) <= {
            "type", "$ref", "items", "additionalProperties", "oneOf", "plain", "description"
        }, path  # fmt: skip
        kinds = [key for key in ("type", "$ref", "oneOf") if key in specification]
        assert len(kinds) == 1, path
        if "type" in specification:
            assert specification["type"] in ("string", "integer", "number", "boolean", "array", "object"), path
            assert (specification["type"] == "array") == ("items" in specification), path
            assert (specification["type"] == "object") == ("additionalProperties" in specification), path
    assert seen > 1000


def test_every_reference_leads_somewhere() -> None:
    seen = 0
    for path, specification in specifications():
        reference = specification.get("$ref", "pulumi.json#/Any")
        if reference != "pulumi.json#/Any":
            _, kind, token = reference.split("/")
            assert token in DOCUMENT[kind], path
            seen += 1
    assert seen > 100


def test_names_and_required_names_are_right() -> None:
    for token, specification in {**DOCUMENT["types"], **DOCUMENT["resources"]}.items():
        assert TOKEN.match(token)
        for names, required in (("properties", "required"), ("inputProperties", "requiredInputs")):
            found = specification.get(names, {})
            assert set(specification.get(required, ())) <= set(found), token
            # The engine has outputs of these names for itself.
            assert not {"urn", "id", "pulumi"} & set(found), token
            assert all(re.fullmatch(r"[a-z][A-Za-z0-9]*", name) for name in found), token


def test_every_enumeration_has_names_that_every_language_can_write() -> None:
    enumerations = [each["enum"] for each in DOCUMENT["types"].values() if "enum" in each]
    assert len(enumerations) > 8
    for values in enumerations:
        names = [each["name"] for each in values]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Z][A-Za-z0-9_]*", name) for name in names)


def test_the_schema_has_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert DOCUMENT["version"] == project["version"]


def test_texts_are_in_the_words_of_other_languages() -> None:
    web = DOCUMENT["types"][WEB]["properties"]
    assert web["cpuUnits"]["plain"]
    assert DOCUMENT["resources"][APP]["inputProperties"]["backendImage"]["description"].startswith("Django image as")
    texts = json.dumps(DOCUMENT)
    assert "`cpuPercent`" in texts
    assert not re.search(r"`(cpu_percent|cpu_target_percent|backend_image|read_only_root)`", texts)


def test_a_program_of_the_last_release_still_works() -> None:
    tags = subprocess.run(
        ["git", "tag", "--list", "v*", "--sort=-v:refname"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    released = next((text for tag in tags if (text := _released(tag))), None)
    if released is None:
        pytest.skip("no release has a schema yet")
    now = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    before = json.loads(released)
    # Below 1.0 a minor version may break, above it a major one.
    part = 2 if before["version"].startswith("0.") else 1
    if before["version"].split(".")[:part] == now.split(".")[:part]:
        assert breaking(before, DOCUMENT) == []


def _released(tag: str) -> str:
    words = ["git", "show", f"{tag}:{SCHEMA.relative_to(ROOT)}"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("resources", APP), None, [f"{APP} is gone"]),
        (("resources", APP, "inputProperties", "host"), None, [f"{APP} has no input host"]),
        (("resources", APP, "properties", "url"), None, [f"{APP} has no output url"]),
        (("resources", APP, "inputProperties", "host", "type"), "number", [f"{APP}: the input host has another type"]),
        (("resources", APP, "requiredInputs"), ["backendImage", "host", "settingsModule"], [f"{APP}: host is required now"]),
        (("types", WEB, "properties", "cpuUnits"), None, [f"{WEB} has no member cpuUnits"]),
        (("types", WEB, "required"), ["cpuUnits"], [f"{WEB}: cpuUnits is required now"]),
        (("types", "pulumi-django:choices:Nat", "enum"), [], [f"pulumi-django:choices:Nat has no value {value}" for value in ("none", "per-az", "single")]),
        (("resources", APP, "inputProperties", "host", "description"), "other", []),
        (("resources", APP, "inputProperties", "fresh"), {"type": "string"}, []),
    ],
)  # fmt: skip
def test_a_breaking_change_is_found(path: tuple[str, ...], value: Any, says: list[str]) -> None:
    after = copy.deepcopy(DOCUMENT)
    node = after
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    assert breaking(DOCUMENT, after) == says
