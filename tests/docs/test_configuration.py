"""docs/configuration.md explains every key of `orchestrator.toml`, and its example can be read."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from orchestrator.onboarding.initialise import schema
from tests.docs.test_pages import PAGES

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
STACK_KEY = re.compile(r"^ *django-(base|app):", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| .", re.MULTILINE)


def keys(properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each key with the section that explains it; those of the top are in the first one."""
    for name, value in properties.items():
        inner = value.get("additionalProperties") or {}
        below = value.get("properties") or (inner.get("properties") if isinstance(inner, dict) else None)
        yield from ((name, key) for key in below) if below else [("", name)]


def explained() -> set[tuple[str, str]]:
    parts = re.split(r"^## (\w+)$", PAGE, flags=re.MULTILINE)
    sections = [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    return {(name, key) for name, text in sections for key in ROW.findall(text)}


def test_every_key_has_a_row_and_every_row_is_a_key() -> None:
    assert explained() == {*keys(schema("settings", "")["properties"])}


def test_the_example_conforms_to_the_schema() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    jsonschema.validate(tomllib.loads(example), schema("settings", ""))


def stack_files(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The examples of stack files on a page, with the kind of each: base or app."""
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        kinds = set(STACK_KEY.findall(block))
        if len(kinds) == 1:
            read = yaml.safe_load(textwrap.dedent(block))
            yield kinds.pop(), read if "config" in read else {"config": read}


def test_every_example_of_a_stack_file_conforms_to_the_schema() -> None:
    wrong: list[str] = []
    count = 0
    for page in PAGES:
        for kind, example in stack_files(page.read_text(encoding="utf-8")):
            count += 1
            found = jsonschema.Draft7Validator(schema(kind, f"django-{kind}")).iter_errors(example)
            # An example shows some keys: others that a stack needs may be missing.
            wrong += [f"{page.name}: {error.message}" for error in found if error.validator != "required"]
    assert wrong == []
    assert count > 25, "the pattern finds the examples"


def test_a_wrong_key_of_an_example_is_found() -> None:
    ((kind, example),) = stack_files("```yaml\n  django-app:beta: {}\n```\n")
    assert list(jsonschema.Draft7Validator(schema(kind, "django-app")).iter_errors(example))
