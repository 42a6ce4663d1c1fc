"""docs/architecture.md lists the rooms that import-linter's contracts order."""

from __future__ import annotations

import ast
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


FOR_THE_COMMAND_LINE = {
    "orchestrator.operations.facade",
    "orchestrator.operations.events",
    "orchestrator.operations.dotenv",
    "orchestrator.operations.run.OnInterrupt",
    # `doctor` also explains why there are no settings, and without settings there are no operations.
    "orchestrator.operations.health.doctor",
    "orchestrator.operations.health.verdicts",
}
"""What the command line imports from the operations: their API, their events, and parsers of files."""


@pytest.mark.parametrize("file", sorted((ROOT / "orchestrator" / "cli").glob("*.py")), ids=lambda file: file.stem)
def test_the_command_line_is_a_client_of_the_python_api(file: Path) -> None:
    used = {name for name in _run_time_imports(file) if name.startswith("orchestrator.operations.")}
    allowed = {name for name in used if any(name == it or name.startswith(f"{it}.") for it in FOR_THE_COMMAND_LINE)}
    assert used == allowed


def _run_time_imports(file: Path) -> set[str]:
    """The full names that a module imports, without those for type checkers."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return {
        f"{node.module}.{name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for name in node.names
    }
