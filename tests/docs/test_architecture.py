"""docs/architecture.md lists the rooms that import-linter's contracts order."""

from __future__ import annotations

import ast
import re
import tomllib
import traceback
from dataclasses import asdict
from graphlib import TopologicalSorter
from pathlib import Path
from types import CodeType
from typing import Any

import grimp
import pytest

from orchestrator.engines.simulation.engine import SimulationEngine
from orchestrator.lifecycle import create_and_update, use_cases
from orchestrator.lifecycle.runner import DaemonExecutor
from pulumi_django import contract
from pulumi_django.app import services
from pulumi_django.ecs.task import TaskDefinition
from tests.orchestrator.cli.test_daily_work import PROGRAM
from tests.support.command_line import Here
from tests.support.operations import OUTPUTS
from tests.support.projects import run_project, simulate_dev

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


@pytest.mark.parametrize("package", LAYERS)
def test_no_circle_of_files(package: str) -> None:
    """Imports for type checkers count. A module that runs as `__main__` may import itself by its name."""
    graph = grimp.build_graph(package, cache_dir=str(ROOT / ".import_linter_cache"))
    order = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) - {module} for module in graph.modules}
    )
    order.prepare()  # raises CycleError with the circle
    assert len(graph.modules) > 100


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


Function = tuple[str, str]
"""File, without the package, and qualified name."""


def walk(heading: str, part: str = "") -> list[Function]:
    """The functions of a walk of the page, or of one part of it."""
    text = PAGE.partition("\n## Three walks\n")[2].partition(f"\n**{heading}")[2].partition("\n**")[0]
    text = text.partition(f"\n{part}")[2].partition("\n\nRun:")[0] if part else text
    return re.findall(r"^\d+\. `([\w/.]+)` `([\w.<>]+)`", text, re.MULTILINE)


def function_of(code: CodeType) -> Function | None:
    file = Path(code.co_filename)
    if not file.is_relative_to(ROOT) or file.relative_to(ROOT).parts[0] not in LAYERS:
        return None
    return file.relative_to(ROOT / file.relative_to(ROOT).parts[0]).as_posix(), code.co_qualname


def callers() -> list[Function]:
    """The functions of both packages that are being called, without those of every command."""
    found = [function for frame, _ in traceback.walk_stack(None) if (function := function_of(frame.f_code))]
    return [it for it in reversed(found) if it[0] not in ("cli/main.py", "cli/options.py")]


@pytest.mark.parametrize("heading", re.findall(r"^\*\*(.+)\*\* passes", PAGE, re.MULTILINE))
def test_the_numbers_of_functions_and_files_of_a_walk_are_those_of_its_list(heading: str) -> None:
    functions = walk(heading)
    files = {file for file, _ in functions}
    assert f"**{heading}** passes {len(functions)} functions in {len(files)} files" in PAGE


class Stacks:
    """The calls within which some functions were called: all, and the last ones of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.all: list[list[Function]] = []
        self.of: dict[str, list[Function]] = {}

    def note(self, owner: Any, name: str) -> None:
        original = getattr(owner, name)
        function = function_of(original.__code__)
        assert function is not None

        def noting(*args: Any, **options: Any) -> Any:
            self.of[name] = [*callers(), function]
            self.all.append(self.of[name])
            return original(*args, **options)

        self._monkeypatch.setattr(owner, name, noting)


def test_commands_pass_the_functions_of_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks = Stacks(monkeypatch)
    stacks.note(create_and_update, "_environments")
    stacks.note(use_cases, "_job")
    stacks.note(DaemonExecutor, "submit")
    stacks.note(SimulationEngine, "run")
    here = Here(tmp_path, capsys)
    (tmp_path / "app" / "__main__.py").write_text(PROGRAM.format(outputs=asdict(OUTPUTS)), encoding="utf-8")
    assert here("create-env", "alpha", "--base", "dev").code == 0
    create_env = "`orchestrator create-env alpha --base dev`"
    check, run = walk(create_env, "Check"), walk(create_env, "\nRun:")
    assert stacks.of["_environments"][:-1] == check[:4]
    assert stacks.of["_job"] == [*check[:3], check[4]]
    assert [*stacks.of["submit"], *stacks.of["run"]] == [check[0], *run]
    assert here("deploy", "alpha", "--image", "backend=registry.example.com/shop:2").code == 0
    assert [*stacks.of["submit"], *stacks.of["run"]] == walk("`orchestrator deploy alpha --image backend=...`")


def test_a_base_output_passes_the_functions_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = walk("A base output, `database_host`, to a task definition")
    base, stacks = simulate_dev(), Stacks(monkeypatch)
    for owner, names in (
        (contract, ("read_outputs", "from_outputs")),
        (services, ("container_env", "_served")),
        (services.Containers, ("traced",)),
        (TaskDefinition, ("__init__",)),
    ):
        for name in names:
            stacks.note(owner, name)
    run_project("app", "alpha", stacks={"organization/django-base/dev": base})
    assert {function for stack in stacks.all for function in stack} >= set(functions)
    for stack in stacks.all:
        walked = [function for function in stack if function in functions]
        assert walked == sorted(walked, key=functions.index)
