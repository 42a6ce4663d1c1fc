"""Digests of a project's program, to find what changed after a plan was reviewed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pulumi_django
from orchestrator.config import project_file
from orchestrator.config.projects import Project

_SUFFIXES = (".py", ".toml", ".txt", ".json", ".sql", ".sh", ".j2", ".tpl")
_SKIPPED = frozenset({"__pycache__", "venv", "node_modules", "site-packages"})
_PACKAGES = ("pulumi", "pulumi-aws", "pulumi-awsx", "pulumi-random")


def of_program(project: Project) -> dict[str, str]:
    """The digest of each file of the project's program and of this package, and the versions of the Pulumi packages."""
    from importlib import metadata  # only plans and changes read versions

    folder = program_folder(project)
    found = {str(path.relative_to(folder)): _digest(path) for path in files_of(folder)}
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


def program_folder(project: Project) -> Path:
    """The folder of the project's program, which `main` in `Pulumi.yaml` can move."""
    return project_file.read(project.path).program_folder


def files_of(root: Path) -> Iterator[Path]:
    """The files of a program below a folder: code, and data that programs read."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if name.endswith(_SUFFIXES) and not name.startswith(".") and path.is_file():
                yield path


def _package() -> str:
    root = Path(pulumi_django.__file__).parent
    whole = hashlib.sha256()
    for path in files_of(root):
        whole.update(f"{path.relative_to(root)} {_digest(path)}\n".encode())
    return whole.hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
