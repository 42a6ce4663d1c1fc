"""Runs the programs of the project folders under `simulate`, with the configuration files that are checked in."""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pulumi_django.program import project as project_module
from pulumi_django.testing import Mocks, SimulationResult, simulate

ROOT = Path(__file__).parents[2]


def stack_config(folder: Path, stack: str, changes: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The stack's configuration as Pulumi hands it to a program; a change to None takes a key away."""
    document = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    values = {**document["config"], **(changes or {})}
    return {
        key: json.dumps(value)
        if isinstance(value, dict | list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for key, value in values.items()
        if value is not None
    }


def simulate_project(
    project: str,
    stack: str,
    *,
    changes: Mapping[str, Any] | None = None,
    stacks: Mapping[str, SimulationResult] | None = None,
    preview: bool = False,
    mocks: Mocks | None = None,
    prior: SimulationResult | None = None,
) -> SimulationResult:
    """One project folder's program (`base`, `app`, `bootstrap`, `standalone`) as `pulumi up --stack <stack>` would run it.

    A simulation with equal arguments is made once. Tests only read its result.
    """
    if mocks or prior or project_module.BASE_OUTPUTS_VARIABLE in os.environ:
        return run_project(project, stack, changes=changes, stacks=stacks, preview=preview, mocks=mocks, prior=prior)
    below = tuple(sorted((name, id(result)) for name, result in (stacks or {}).items()))
    key = (project, stack, json.dumps(changes or {}), below, preview)
    if key not in _simulated:
        result = run_project(project, stack, changes=changes, stacks=stacks, preview=preview)
        _simulated[key] = (result, stacks)
    return _simulated[key][0]


_simulated: dict[Any, tuple[SimulationResult, object]] = {}
"""Results, with the stacks below them: those stay alive, so that their ids stay theirs."""


def run_project(
    project: str,
    stack: str,
    *,
    changes: Mapping[str, Any] | None = None,
    stacks: Mapping[str, SimulationResult] | None = None,
    preview: bool = False,
    mocks: Mocks | None = None,
    prior: SimulationResult | None = None,
) -> SimulationResult:
    """The same, simulated again."""
    folder = ROOT if project == "standalone" else ROOT / "projects" / project
    name = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    program = ROOT / "projects" / project / "__main__.py"
    return simulate(
        lambda: runpy.run_path(str(program), run_name="__main__") and None,
        project=name,
        stack=stack,
        config=stack_config(folder, stack, changes),
        stacks=stacks,
        preview=preview,
        mocks=mocks,
        prior={resource.urn: resource for resource in prior.resources} if prior else None,
    )


def simulate_dev(**options: Any) -> SimulationResult:
    """The checked-in base."""
    return simulate_project("base", "dev", **options)


def simulate_alpha(base: SimulationResult | None = None, **options: Any) -> SimulationResult:
    """The checked-in environment on the checked-in base."""
    return simulate_project("app", "alpha", stacks={"organization/django-base/dev": base or simulate_dev()}, **options)
