"""The Pulumi projects of `orchestrator.toml`, and whether they can be ordered. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.order import ordered
from orchestrator.errors import GraphError
from orchestrator.model import Scope


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Pulumi project folder as the graph knows it."""

    key: str
    """Key in `orchestrator.toml`, for example `app`."""

    path: Path
    """Absolute folder that holds `Pulumi.yaml` and the `Pulumi.<stack>.yaml` files."""

    name: str
    """Project name in `Pulumi.yaml`, for example `django-app`."""

    scope: Scope
    depends_on: tuple[str, ...] = ()
    template: str | None = None
    """Stack whose configuration a new stack starts from."""


def check_projects(projects: Sequence[Project]) -> None:
    """Make sure that the projects can be ordered.

    Raises GraphError that names an unknown project, a cycle, or a base project that depends on an environment's.
    """
    by_key = {project.key: project for project in projects}
    for project in projects:
        for key in project.depends_on:
            if key not in by_key:
                close = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
                hint = f"did you mean {close[0]}?" if close else f"projects are {', '.join(sorted(by_key))}"
                raise GraphError(f"the project {project.key} depends on {key}: there is no such project", hint)
            if project.scope is Scope.BASE and by_key[key].scope is Scope.ENVIRONMENT:
                raise GraphError(
                    f"the project {project.key} depends on {key}: a base is there before its environments, "
                    f"and {key} has the scope environment",
                    f"give {project.key} the scope environment too, or take the dependency away",
                )
    ordered({project.key: project.depends_on for project in projects}, "the projects depend on each other in a circle")
