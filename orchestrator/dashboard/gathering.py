"""Reads everything that the dashboard shows, through the Python API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.api import Orchestrator
from orchestrator.cost import deployments as deployment_costs
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Scope, Unit
from orchestrator.operations.releases import history
from orchestrator.operations.releases.history import Release
from orchestrator.rendering import document
from orchestrator.rendering.dashboard_document import DashboardDocument, DashboardStack
from orchestrator.rendering.document_types import Change, DiagramEdge, NamedCost

RELEASES = 5
"""Releases of each environment on the page."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The parts beyond the states of the stacks. Each needs calls to AWS."""

    drift: bool = False
    orphans: bool = False


def gather(orchestrator: Orchestrator, wanted: Wanted) -> DashboardDocument:
    """Read bases and environments. A stack that cannot be read is shown with its problem.

    Raises what listing the stacks raises, and with `orphans` RefusedError when they cannot be searched for.
    """
    found = orchestrator.list(with_cost=True)
    drifted = _drift(orchestrator, found) if wanted.drift else {}
    diagram = orchestrator.graph()
    edges: list[DiagramEdge] = [{"from": source, "to": to} for source, to in diagram.edges]
    return DashboardDocument(
        notice=orchestrator.engine.notice,
        generated=datetime.now(UTC),
        prices=document.price_source(orchestrator.prices),
        deployments=[_stack(orchestrator, each, drifted if wanted.drift else None) for each in found],
        nodes=[*diagram.nodes],
        edges=edges,
        orphans=document.orphaned(orchestrator.orphans()) if wanted.orphans else None,
        closed=[f"{project}: {reason.message}" for project, reason in orchestrator.closed().items()],
    )


def _stack(
    orchestrator: Orchestrator, found: Deployment, drifted: Mapping[Unit, list[Change]] | None
) -> DashboardStack:
    problems = [stack.problem for stack in found.stacks if stack.problem]
    cost, releases = _cost(orchestrator, found, problems), _releases(orchestrator, found, problems)
    return DashboardStack(
        **vars(document.listed(found)),
        environments=[*found.environments],
        missing=[str(unit) for unit in found.missing],
        stacks=document.stack_states(found),
        outputs=document.outputs(found.outputs),
        releases=releases,
        cost=cost,
        locks=_locks(orchestrator, found),
        drift=None if drifted is None else [change for unit in found.units for change in drifted.get(unit, ())],
        problems=problems,
    )


def _cost(orchestrator: Orchestrator, found: Deployment, problems: list[str]) -> NamedCost | None:
    try:
        (estimate,) = deployment_costs.of_each([found], orchestrator.engine, orchestrator.prices).values()
    except OrchestratorError as error:
        _note(problems, error)
        return None
    return document.named_cost(found.name, estimate)


def _releases(orchestrator: Orchestrator, found: Deployment, problems: list[str]) -> list[Release]:
    if found.scope is Scope.BASE:
        return []
    try:
        return [*history.of_deployment(orchestrator.context, found, RELEASES).releases]
    except OrchestratorError as error:
        _note(problems, error)
        return []


def _note(problems: list[str], error: OrchestratorError) -> None:
    if error.message not in problems:
        problems.append(error.message)


def _locks(orchestrator: Orchestrator, found: Deployment) -> list[str]:
    owners = {unit: orchestrator.engine.lock_owner(unit) for unit in found.units}
    return [f"{unit.among(owners)} is locked by {owner}" for unit, owner in owners.items() if owner is not None]


def _drift(orchestrator: Orchestrator, found: tuple[Deployment, ...]) -> dict[Unit, list[Change]]:
    """The differences by unit, of everything that has resources."""
    names = [f"{each.scope.value}/{each.name}" for each in found if each.resource_count]
    if not names:
        return {}
    return {result.unit: document.changes(result) for result in orchestrator.drift(names).results}
