"""Keeps the simulations of new stacks that their cost needed, so that the update a moment later does not repeat them."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config.projects import Project
from orchestrator.engines.protocol import UnitRequest
from orchestrator.engines.simulation import repeats
from orchestrator.engines.simulation.programs import Simulated

_kept: dict[tuple[Path, str], tuple[repeats.Reading, Simulated]] = {}


def keep(project: Project, request: UnitRequest, simulated: Simulated, stacks: repeats.StackOutputs) -> None:
    """Keep the simulation of a stack without resources, if it can be repeated."""
    reading = reading_of(project, request, simulated, stacks)
    if reading is not None:
        _kept[project.path, request.unit.stack] = (reading, simulated)


def take(project: Project, request: UnitRequest, given: str, stacks: repeats.StackOutputs) -> Simulated | None:
    """The kept simulation, if the program would read the same now; each is taken once."""
    reading, simulated = _kept.pop((project.path, request.unit.stack), (None, None))
    return simulated if reading is not None and reading.holds(given, stacks) else None


def reading_of(
    project: Project, request: UnitRequest, simulated: Simulated, stacks: repeats.StackOutputs
) -> repeats.Reading | None:
    """Everything that the simulation depended on; None when another run can differ."""
    if simulated.trace is None:
        return None
    return repeats.Reading(
        given=repeats.given_to(project, request),
        outputs={name: repeats.digest_of(stacks(name)) for name in simulated.references},
        trace=simulated.trace,
        logs=simulated.logs,
    )
