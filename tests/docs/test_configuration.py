"""docs/configuration.md explains every key of `orchestrator.toml`, and its example can be read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from orchestrator.onboarding.initialise import schema

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
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
