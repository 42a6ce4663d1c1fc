"""Digests of a project's program, to find what changed after a plan was reviewed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pulumi_django
from orchestrator.config import yaml_files
from orchestrator.config.projects import Project

_SUFFIXES = (".py", ".toml", ".txt", ".json", ".sql", ".sh", ".j2", ".tpl")
_SKIPPED = frozenset({"__pycache__", "venv", "node_modules", "site-packages"})
_PACKAGES = ("pulumi", "pulumi-aws", "pulumi-awsx", "pulumi-random")


def of_program(project: Project) -> dict[str, str]:
    """The digest of each file of the project's program and of this package, and the versions of the Pulumi packages."""
    found = {str(path.relative_to(root)): _digest(path) for root in _roots(project) for path in _files(root)}
    found["Pulumi.yaml"] = _digest(project.path / "Pulumi.yaml")
    found["package pulumi-django"] = _package()
    for name in _PACKAGES:
        try:
            found[f"package {name}"] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(found.items()))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The names that were changed, added or removed, in order."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _roots(project: Project) -> set[Path]:
    settings: Any = yaml_files.parse(
        project.path / "Pulumi.yaml", yaml_files.read_text(project.path / "Pulumi.yaml") or ""
    )
    main = (project.path / str(settings.get("main") or ".")).resolve()
    return {main if main.is_dir() else main.parent}


def _files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(folder) / name


def _package() -> str:
    root = Path(pulumi_django.__file__).parent
    whole = hashlib.sha256()
    for path in _files(root):
        whole.update(f"{path.relative_to(root)} {_digest(path)}\n".encode())
    return whole.hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
