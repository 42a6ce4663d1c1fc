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


MOST_REPEATS = 57
"""Fields of argument classes and components that repeat the name and the docstring of another class: their defaults or types
differ, or the classes have nothing else in common. A lower number is welcome, a higher one is not."""

OTHER_DEFAULT_OR_TYPE = {
    "command",  # of the image, of a sidecar
    "domain_name",
    "hosted_zone_id",  # plain in the options of the bootstrap, an Input of the component
    "retain",
    "service",
    "versioned",
}
"""Fields that stand both in options and in the arguments of a component. All others are inherited (`rules/fields.py`)."""


def fields_with_docstrings() -> Iterator[tuple[str, str, str]]:
    """Class, name and docstring of each field of the components."""
    for file in FILES:
        if file.relative_to(ROOT).parts[0] == "pulumi_django":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                for field, text in pairwise(node.body) if isinstance(node, ast.ClassDef) else ():
                    if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                        words = str(getattr(text.value, "value", "")).split()
                        yield node.name, ast.unparse(field.target), " ".join(words)


def test_a_fact_stands_in_one_class() -> None:
    classes: dict[tuple[str, str], list[str]] = {}
    for owner, name, text in fields_with_docstrings():
        classes.setdefault((name, text), []).append(owner)
    assert sum(len(owners) - 1 for owners in classes.values()) <= MOST_REPEATS
    twice = {
        name
        for (name, _), owners in classes.items()
        if any(owner.endswith("Options") for owner in owners) and any(not owner.endswith("Options") for owner in owners)
    }
    assert twice == OTHER_DEFAULT_OR_TYPE


def test_the_name_of_a_test_states_a_rule_in_the_usual_words() -> None:
    refused = re.compile(r"_(told|wanted|stands?_on|nobody|somebody|anew|whoever)(_|$)")
    names = [
        f"{file.relative_to(ROOT)} {node.name}"
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in functions(file)
        if node.name.startswith("test_")
    ]
    assert len(names) > 3000, "the tests are found"
    assert [name for name in names if refused.search(name) or name.rpartition(" ")[2].count("_") < 3] == []
