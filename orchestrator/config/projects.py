"""The Pulumi projects of `orchestrator.toml` and the check of their dependencies. Pure."""

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
    """A Pulumi project: a node of the project graph."""

    key: str
    """Key in `orchestrator.toml`, for example `app`."""

    path: Path
    """Absolute path of the folder with `Pulumi.yaml` and the `Pulumi.<stack>.yaml` files."""

    name: str
    """Project name in `Pulumi.yaml`, for example `django-app`."""

    scope: Scope
    depends_on: tuple[str, ...] = ()
    template: str | None = None
    """Stack whose configuration is copied for a new stack."""


def check_projects(projects: Sequence[Project]) -> None:
    """Check that the projects can be put into an order.

    Raises GraphError that names an unknown project, a cycle, or a base project that depends on an environment's.
    """
    by_key = {project.key: project for project in projects}
    for project in projects:
        for key in project.depends_on:
            if key not in by_key:
                close = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
                hint = f"did you mean {close[0]}?" if close else f"projects are {', '.join(sorted(by_key))}"
                raise GraphError(f"the project {project.key} depends on {key}, which does not exist", hint)
            if project.scope is Scope.BASE and by_key[key].scope is Scope.ENVIRONMENT:
                raise GraphError(
                    f"the project {project.key} has the scope base and depends on {key}, which has the scope environment: "
                    "bases are created before environments",
                    f"give {project.key} the scope environment too, or remove the dependency",
                )
    ordered({project.key: project.depends_on for project in projects}, "the projects have a dependency cycle")
