"""YAML files of other tools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.config import yaml_files

_OF_TEXTS = ("variables", "environment", "secrets")
"""Keys whose values are text in Copilot and docker compose."""


def parse(path: Path, text: str) -> Mapping[str, Any]:
    """The mapping in a YAML text. Variables keep their text: `1.10`, `012`, `on` and `true` stay what they are.

    Raises SettingsError as `yaml_files.parse`.
    """
    return _with_texts(yaml_files.parse(path, text), yaml_files.parse(path, text, as_text=True))


def _with_texts(values: Mapping[str, Any], texts: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for (key, value), text in zip(values.items(), texts.values(), strict=True):
        if key in _OF_TEXTS:
            found[key] = text
        else:
            found[key] = _with_texts(value, text) if isinstance(value, Mapping) else value  # pyright: ignore[reportUnknownArgumentType]
    return found
