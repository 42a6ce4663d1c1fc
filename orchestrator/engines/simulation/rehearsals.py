"""Simulates updates before anything is touched, and keeps the results, which the updates a moment later use."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config import fingerprints
from orchestrator.config.projects import Project
from orchestrator.engines.protocol import Asked, Rehearsal, UnitRequest
from orchestrator.engines.simulation import programs, repeats
from orchestrator.engines.simulation.programs import Simulated
from orchestrator.engines.simulation.store import Store, stack_resource
from orchestrator.engines.simulation.trace import Trace
from orchestrator.errors import OrchestratorError
from orchestrator.model import Operation, Unit


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A simulation, with digests of everything that it depended on."""

    given: str
    outputs: Mapping[str, str]
    state: str | None
    """The stack's state before the update."""

    trace: Trace | None
    program: Mapping[str, str]
    """The program's files; empty with a trace. A program whose result can differ from run to run has no trace: its update
    uses the result of the rehearsal too, because one command runs a program once."""

    simulated: Simulated


_kept: dict[tuple[Path, str], _Kept] = {}

_Stacks = dict[str, tuple[Mapping[str, Any], Sequence[str]]]


def rehearse(
    asked: Sequence[Asked], projects: Mapping[str, Project], store: Store, names: Mapping[Unit, str], stacks: _Stacks
) -> dict[Unit, Rehearsal]:
    """The rehearsals up to the first refusal. `names` are reference names, `stacks` the outputs by reference name."""
    found: dict[Unit, Rehearsal] = {}
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        for each in asked:
            file = None
            if each.config is not None:
                file = Path(folder) / each.unit.project / f"Pulumi.{each.unit.stack}.yaml"
                file.parent.mkdir(exist_ok=True)
                file.write_text(each.config, encoding="utf-8")
            request = UnitRequest(unit=each.unit, operation=Operation.UP, config_file=file)
            try:
                found[each.unit] = _rehearsal(projects[each.unit.project], request, store, names[each.unit], stacks)
            except OrchestratorError as error:
                where = "".join(traceback.format_exception(error.__cause__)) if error.__cause__ else ""
                found[each.unit] = Rehearsal(refusal=error, traceback=where.rstrip())
                break
    return found


def _rehearsal(project: Project, request: UnitRequest, store: Store, name: str, stacks: _Stacks) -> Rehearsal:
    unit, state = request.unit, store.digest(request.unit)
    prior = store.resources(unit) if store.exists(unit) else {}
    if _is_current(project, request, store, state, stacks):
        return Rehearsal(resources=tuple(stack_resource(urn, kept) for urn, kept in prior.items()))
    others = {other: outputs for other, outputs in stacks.items() if other != name}
    simulated = programs.simulate_project(project, request, prior=prior, stacks=others)
    _keep(project, request, simulated, stacks.get, state)
    stacks[name] = (simulated.outputs, sorted(simulated.secret_outputs))
    return Rehearsal(resources=tuple(stack_resource(urn, kept) for urn, kept in simulated.resources.items()))


def _is_current(project: Project, request: UnitRequest, store: Store, state: str | None, stacks: _Stacks) -> bool:
    """Whether the update will have nothing to do, as the program would read the same as at the last update."""
    if state is None or not repeats.can_repeat(request) or not store.head(request.unit).succeeded:
        return False
    reading = repeats.load(store.reading_file(request.unit), state)
    return reading is not None and reading.holds(repeats.given_to(project, request), stacks.get)


def _keep(
    project: Project, request: UnitRequest, simulated: Simulated, stacks: repeats.StackOutputs, state: str | None
) -> None:
    """Keep the simulation of an update from this state (a digest)."""
    _kept[project.path, request.unit.stack] = _Kept(
        given=repeats.given_to(project, request),
        outputs={name: repeats.digest_of(stacks(name)) for name in simulated.references},
        state=state,
        trace=simulated.trace,
        program={} if simulated.trace else fingerprints.of_program(project),
        simulated=simulated,
    )


def take(project: Project, request: UnitRequest, stacks: repeats.StackOutputs, state: str | None) -> Simulated | None:
    """The kept simulation, if the program would read the same now; each is taken once."""
    kept = _kept.pop((project.path, request.unit.stack), None)
    if kept is None or kept.state != state or kept.given != repeats.given_to(project, request):
        return None
    if any(repeats.digest_of(stacks(name)) != before for name, before in kept.outputs.items()):
        return None
    same = kept.trace.holds if kept.trace else kept.program == fingerprints.of_program(project)
    return kept.simulated if same else None


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
