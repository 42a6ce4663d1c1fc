"""docs/architecture.md lists the rooms that import-linter's contracts order."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS = {it["containers"][0]: it["layers"] for it in CONTRACTS if it["type"] == "layers"}
ENTRIES = {"__main__", "config : programs : project"}
"""Rows of the contracts that are entry points or old names, not rooms."""


@pytest.mark.parametrize("package", LAYERS)
def test_the_page_lists_every_room_from_the_top_down(package: str) -> None:
    section = PAGE.partition(f"\n## {package}\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    ordered = [name for row in LAYERS[package] if row not in ENTRIES for name in re.split(r"\s*[:|]\s*", row)]
    assert listed == ordered


@pytest.mark.parametrize("package", LAYERS)
def test_every_room_of_the_page_exists(package: str) -> None:
    folder = ROOT / package
    rooms = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    ordered = {name for row in LAYERS[package] for name in re.split(r"\s*[:|]\s*", row)}
    assert rooms - {"__init__"} == ordered
