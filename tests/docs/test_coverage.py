"""docs/coverage.md lists every capability of the reference systems once, and names only things that exist."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import pulumi_django
from orchestrator.cli.parser import parser

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
ROWS = [
    *(f"0.{n}" for n in range(1, 33)),
    *(f"1.{n}" for n in range(1, 17)),
    *(f"2.{n}" for n in range(1, 14)),
    *(f"3.{n}" for n in range(1, 25)),
    *(f"4.{n}" for n in (*range(1, 18), *range(20, 44), *range(50, 68))),
]
"""The rows of the five reference systems."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows() -> list[list[str]]:
    return [cells(line) for line in TEXT.splitlines() if re.match(r"\| \d\.\d+ \|", line)]


def mistakes() -> list[list[str]]:
    return [cells(line) for line in TEXT.splitlines() if re.match(r"\| S\d", line)]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def names_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name for name in found if name.startswith("test_"))


def is_test(name: str) -> bool:
    path, _, test = name.partition("::")
    file = ROOT / "tests" / path
    return file.is_file() and test in names_in(file)


def thing_exists(name: str) -> bool:
    """Return whether a command, a file, a public class or its member, or a name of a module exists."""
    if name == "orchestrator" or name.startswith("orchestrator "):
        return is_command(name.split()[1:])
    if "/" in name or (ROOT / name).exists():
        return (ROOT / name).exists()
    head, _, member = name.rpartition(".")
    if (head or name) in pulumi_django.__all__:
        return not head or has_member(getattr(pulumi_django, head), member)
    try:
        return bool(head) and hasattr(importlib.import_module(f"pulumi_django.{head}"), member)
    except ModuleNotFoundError:
        return False


def is_command(words: list[str]) -> bool:
    """Return whether the words are a command or a command of a group. No words mean the program itself."""
    command: object = parser()
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            return False
    return True


def has_member(cls: type, member: str) -> bool:
    fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set[str]()
    annotated = {name for each in cls.__mro__ for name in getattr(each, "__annotations__", {})}
    return member in fields | annotated or isinstance(getattr(cls, member, None), property)


def named_things() -> Iterator[tuple[str, str]]:
    for row in rows():
        yield from ((f"row {row[0]}", name) for name in quoted(row[2]))
    for row in mistakes():
        yield from ((row[0], name) for name in quoted(row[1]))


def named_tests() -> Iterator[tuple[str, str]]:
    for row in rows():
        yield from ((f"row {row[0]}", name) for name in quoted(row[3]))
    for row in mistakes():
        yield from ((row[0], name) for name in quoted(row[2]))


def test_every_capability_is_in_the_tables_once_and_in_order() -> None:
    assert [row[0] for row in rows()] == ROWS


def test_a_capability_names_a_test_or_the_reason_why_it_is_missing() -> None:
    for number, _capability, provided, proved in rows():
        if proved:
            assert quoted(proved), f"row {number} names no test"
            assert quoted(provided), f"row {number} names nothing that provides the capability"
        else:
            assert re.fullmatch(r"not yet: .{10,}", provided), f"row {number} has neither a test nor a reason"


def test_every_mistake_names_a_test() -> None:
    assert len(mistakes()) > 50
    for row in mistakes():
        assert quoted(row[2]), row[0]


def test_every_named_component_argument_command_and_file_exists() -> None:
    assert [f"{where}: {name}" for where, name in named_things() if not thing_exists(name)] == []


def test_every_named_test_exists() -> None:
    assert [f"{where}: {name}" for where, name in named_tests() if not is_test(name)] == []


@pytest.mark.parametrize(
    "name",
    [
        "AdHocBaseArgs.domian",
        "NoSuchComponent",
        "orchestrator fly",
        "orchestrator db fly",
        "examples/none",
        "rules.naming.no_such_function",
        "rules.no_such_module.name",
    ],
)
def test_a_name_that_does_not_exist_is_found(name: str) -> None:
    assert not thing_exists(name)


def test_a_test_that_does_not_exist_is_found() -> None:
    assert not is_test("docs/test_coverage.py::test_nothing")
    assert not is_test("docs/test_none.py::test_nothing")
