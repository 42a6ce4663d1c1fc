"""The sizes and the docstrings that CONTRIBUTING.md asks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(file for package in ("orchestrator", "pulumi_django") for file in (ROOT / package).rglob("*.py"))
MOST_LINES = {"function": 50, "constructor": 40, "file": 400}
BEGINNING = re.compile(r"(What|Whether|Where|How|Who)\b")
"""Words that begin a clause. `Whether` may begin the docstring of a flag."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(file: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def is_flag(node: Function) -> bool:
    return node.returns is not None and ast.unparse(node.returns).startswith("bool")


@pytest.mark.parametrize("package", ["orchestrator", "pulumi_django"])
def test_functions_constructors_and_files_are_small(package: str) -> None:
    long: list[str] = []
    for file in FILES:
        if file.relative_to(ROOT).parts[0] != package:
            continue
        if len(file.read_text(encoding="utf-8").splitlines()) > MOST_LINES["file"]:
            long.append(f"{file.relative_to(ROOT)}")
        for node in functions(file):
            kind = "constructor" if node.name == "__init__" else "function"
            if lines(node) > MOST_LINES[kind]:
                long.append(f"{file.relative_to(ROOT)} {node.name}: {lines(node)} lines")
    assert long == []


def docstrings(file: Path) -> Iterator[str]:
    """The docstrings of a module, its classes, and their fields."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef):
            yield ast.get_docstring(node) or ""
            for field, text in pairwise(node.body):
                if isinstance(field, ast.Assign | ast.AnnAssign) and isinstance(text, ast.Expr):
                    yield str(getattr(text.value, "value", ""))


def test_the_docstring_of_a_module_a_class_or_a_field_names_the_thing_first() -> None:
    clause = re.compile(r"(What|Where|How|Who)\b")
    assert [
        f"{file.relative_to(ROOT)}: {text}" for file in FILES for text in docstrings(file) if clause.match(text)
    ] == []


def test_the_docstring_of_a_function_names_the_thing_first() -> None:
    found = [
        f"{file.relative_to(ROOT)} {node.name}: {text}"
        for file in FILES
        for node in functions(file)
        if (text := ast.get_docstring(node))
        and BEGINNING.match(text)
        and not (text.startswith("Whether") and is_flag(node))
    ]
    assert found == []
