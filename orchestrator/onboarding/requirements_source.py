"""The packages that a project requires, from requirements files, pyproject.toml and Pipfile."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.source_tree import SourceTree

_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_NOT_DEPLOYED = re.compile(r"dev|test|local|docs|lint|ci|typing")


def read(repository: SourceTree) -> dict[str, Finding]:
    """The packages by normal name (PEP 503), each with the first file that requires it for the image."""
    found: dict[str, Finding] = {}
    for path in repository.files:
        name = PurePosixPath(path).name
        if name == "pyproject.toml" or name == "Pipfile":
            names = _of_toml(repository, path)
        elif name.endswith((".txt", ".in")) and ("requirements" in path) and not _NOT_DEPLOYED.search(name):
            names = _of_lines((repository.text(path) or "").splitlines())
        else:
            continue
        for package, line in names:
            found.setdefault(package, Finding(what=package, value=package, file=path, line=line))
    return found


def normal(name: str) -> str:
    """The name in its normal form. https://peps.python.org/pep-0503/#normalized-names"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_lines(lines: Iterable[str]) -> list[tuple[str, int | None]]:
    return [
        (normal(match[1]), number)
        for number, line in enumerate(lines, 1)
        if not line.lstrip().startswith(("#", "-")) and (match := _NAME.match(line))
    ]


def _of_toml(repository: SourceTree, path: str) -> list[tuple[str, int | None]]:
    text = repository.text(path) or ""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        repository.unread.append(f"{path}: it is not valid TOML")
        return []
    project = _table(document, "project")
    names = [str(each) for each in _list(project.get("dependencies"))]
    for group, packages in _table(project, "optional-dependencies").items():
        names += [] if _NOT_DEPLOYED.search(str(group)) else map(str, _list(packages))
    names += _table(_table(_table(document, "tool"), "poetry"), "dependencies")
    names += _table(document, "packages")
    return [(normal(match[1]), None) for name in names if (match := _NAME.match(name)) and match[1] != "python"]


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
