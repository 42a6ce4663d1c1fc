"""Run the programs of the example folders under `simulate`, with their configuration files."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import yaml

from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import packaged
from orchestrator.model import StackResource
from pulumi_django.testing import SimulationResult, simulate
from tests.support.projects import ROOT, stack_config

EXAMPLES = ROOT / "examples"


def project_name(folder: Path) -> str:
    """Return the name of the Pulumi project in `folder`."""
    return yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]


def simulate_example(
    folder: str,
    stack: str,
    *,
    changes: Mapping[str, object] | None = None,
    stacks: Mapping[str, SimulationResult] | None = None,
    preview: bool = False,
) -> SimulationResult:
    """Run the program in examples/`folder` as `pulumi up --stack <stack>` does."""
    where = EXAMPLES / folder
    return simulate(
        lambda: runpy.run_path(str(where / "__main__.py"), run_name="__main__") and None,
        project=project_name(where),
        stack=stack,
        config=stack_config(where, stack, changes),
        stacks=stacks,
        preview=preview,
    )


def dollars_per_month(*results: SimulationResult) -> float:
    """Return the cost of the stacks together, as `orchestrator cost` shows it."""
    total = 0.0
    for result in results:
        resources = [
            StackResource(urn=r.urn, type=r.type, name=r.name, id=r.id, inputs=r.inputs)
            for r in result.resources
            if r.custom and not r.read
        ]
        estimated = estimate(resources, packaged())
        assert estimated.unpriced == ()
        total += estimated.dollars_per_month
    return total


def stacks_of(folder: str, *stacks: str) -> Callable[[bool], list[SimulationResult]]:
    """Return a run of an example whose stacks do not read each other."""
    return lambda preview: [simulate_example(folder, stack, preview=preview) for stack in stacks]


def split_database(preview: bool) -> list[SimulationResult]:
    """Run base, database and environment. A preview of each reads updates of the stacks below it."""
    base = simulate_example("split-database/base", "dev")
    below = {"organization/example-split-base/dev": base}
    database = simulate_example("split-database/database", "dev", stacks=below)
    below["organization/example-split-database/dev"] = database
    app = simulate_example("split-database/app", "alpha", stacks=below, preview=preview)
    if not preview:
        return [base, database, app]
    return [
        simulate_example("split-database/base", "dev", preview=True),
        simulate_example("split-database/database", "dev", stacks=below, preview=True),
        app,
    ]


def base_and_app(folder: str, base_project: str, pairs: Mapping[str, str]) -> Callable[[bool], list[SimulationResult]]:
    """Return a run of the folders `base` and `app` below `folder`, with the stacks `{base: environment}` in order."""

    def run(preview: bool) -> list[SimulationResult]:
        found: list[SimulationResult] = []
        for base, environment in pairs.items():
            below = simulate_example(f"{folder}/base", base)
            stacks = {f"organization/{base_project}/{base}": below}
            shown = simulate_example(f"{folder}/base", base, preview=True) if preview else below
            found += [shown, simulate_example(f"{folder}/app", environment, stacks=stacks, preview=preview)]
        return found

    return run


RUNS: dict[str, Callable[[bool], list[SimulationResult]]] = {
    "compose-host": stacks_of("compose-host", "dev"),
    "delivery-pipeline": stacks_of("delivery-pipeline", "shop"),
    "s0-serverless": stacks_of("s0-serverless", "staging", "production"),
    "s1-dockerized": stacks_of("s1-dockerized", "dev"),
    "s2-ec2-fleet": stacks_of("s2-ec2-fleet", "dev"),
    "s3-monorepo": stacks_of("s3-monorepo", "dev", "production"),
    "s4-rosetta-stone": base_and_app("s4-rosetta-stone", "example-rosetta-base", {"dev": "alpha", "prod": "stage"}),
    "shop": base_and_app("shop/infrastructure", "shop-base", {"dev": "alpha", "prod": "live"}),
    "split-database": split_database,
}
"""The run of each example, with or without preview: its stacks in order."""


@cache
def run(example: str) -> tuple[SimulationResult, ...]:
    """Return the stacks of an example, simulated once for all tests."""
    return tuple(RUNS[example](False))


def figures(example: str) -> dict[str, list[str]]:
    """Return the rows of the README's table: lines, AWS resources and dollars of each stack."""
    programs = sorted((EXAMPLES / example).rglob("__main__.py"), key=_order)
    lines = [sum(1 for line in p.read_text(encoding="utf-8").splitlines() if line.strip()) for p in programs]
    kept = [[r for r in result.resources if r.type.startswith("aws:") and not r.read] for result in run(example)]
    return {
        "program": [str(number) for number in lines],
        "resources": [str(len(resources)) for resources in kept],
        "a month": [f"${dollars_per_month(result):.2f}" for result in run(example)],
    }


def _order(program: Path) -> int:
    """Sort base before database before app."""
    return ["base", "database", "app", program.parent.name].index(program.parent.name)


_FIGURE = {"program": r"\d+", "resources": r"\d+", "a month": r"\$\d+\.\d\d"}


def readme_figures(example: str) -> dict[str, list[str]]:
    """Return the same rows from the README."""
    text = (EXAMPLES / example / "README.md").read_text(encoding="utf-8")
    cells = {name: re.findall(rf"^\| {name} \|(.*?)\|", text, re.MULTILINE) for name in _FIGURE}
    return {name: re.findall(_FIGURE[name], cell[0]) if cell else [] for name, cell in cells.items()}


def write_figures(example: str) -> None:
    """Write the figures into the README."""
    file = EXAMPLES / example / "README.md"
    text = file.read_text(encoding="utf-8")
    for name, values in figures(example).items():
        (row,) = re.findall(rf"^\| {name} \|.*?\|", text, re.MULTILINE)
        given = iter(values)
        new = re.sub(_FIGURE[name], lambda _match, given=given: next(given), row.partition(f"{name} |")[2])
        text = text.replace(row, f"| {name} |{new}")
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in RUNS:
        write_figures(each)
