"""Monthly costs of bases and environments, from the resources in their state, and of stacks that a job will create."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import documents
from orchestrator.config.atomic_files import create_private_folder, write_atomically
from orchestrator.cost.prices import PriceTable
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Operation, RunReport, StackResource, Unit

if TYPE_CHECKING:
    from orchestrator.cost.estimate import Costs, Estimate
    from orchestrator.lifecycle.job import Job

FILE = "costs.json"
_MOST = 5000

log = logging.getLogger(__name__)


def of_each(deployments: Iterable[Deployment], engine: Engine, prices: PriceTable) -> dict[str, Estimate]:
    """The estimate of each base and environment, by `base/NAME` and `environment/NAME`."""
    return {
        f"{item.scope.value}/{item.name}": _estimate(
            [resource for unit in item.units for resource in engine.resources(unit)], prices
        )
        for item in deployments
    }


def of_preview(report: RunReport, engine: Engine, prices: PriceTable) -> Costs:
    """The cost of each stack of a preview, before and after; empty for other runs."""
    from orchestrator.cost.estimate import MonthlyCost

    costs: dict[Unit, MonthlyCost] = {}
    for result in report.results:
        if result.planned:
            exists = engine.stack(result.unit) is not None
            before = _estimate(engine.resources(result.unit) if exists else (), prices)
            after = _estimate(result.rehearsed or result.planned, prices)
            costs[result.unit] = MonthlyCost(before=before.dollars_per_month, after=after.dollars_per_month)
    return costs


def with_costs(deployments: Iterable[Deployment], context: Context, prices: PriceTable) -> tuple[Deployment, ...]:
    """The deployments with their monthly costs, which are cached until the state of a stack changes."""
    engine, memory = context.engine, RememberedCosts(context.settings.state_dir)
    fresh: dict[str, float] = {}

    def dollars(unit: Unit) -> float | None:
        stamp = engine.stamp(unit)
        key = f"{engine.name} {unit} {stamp} {prices.day}"
        known = memory.get(key) if stamp else None
        if known is None:
            try:
                known = round(_estimate(engine.resources(unit), prices).dollars_per_month, 2)
            except OrchestratorError:  # the status shows that it is damaged
                return None
            if stamp:
                fresh[key] = known
        return known

    priced: list[Deployment] = []
    for found in deployments:
        costs = [cost for unit in found.units if (cost := dollars(unit)) is not None]
        priced.append(replace(found, monthly_cost=sum(costs) if len(costs) == len(found.units) else None))
    memory.remember(fresh)
    return tuple(priced)


def _estimate(resources: Iterable[StackResource], prices: PriceTable) -> Estimate:
    from orchestrator.cost.estimate import estimate  # `list` knows most costs already

    return estimate(tuple(resources), prices)


class RememberedCosts:
    """US dollars a month, by a key of everything that the cost depends on."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE
        try:
            self._known = documents.decoded(dict[str, float], documents.read(self._file))
        except (OSError, documents.DamagedError):
            self._known = {}

    def get(self, key: str) -> float | None:
        """The cost; None if it is not known."""
        return self._known.get(key)

    def remember(self, costs: Mapping[str, float]) -> None:
        """Add these costs, and drop the oldest beyond a limit."""
        if not costs:
            return
        self._known = dict(list({**self._known, **costs}.items())[-_MOST:])
        try:
            create_private_folder(self._file.parent)
            write_atomically(self._file, json.dumps(self._known), private=True)
        except OSError:
            log.debug("the costs could not be cached", exc_info=True)


def of_new_stacks(job: Job, prices: PriceTable) -> dict[Unit, float]:
    """US dollars a month of every stack that the job creates, except those whose program cannot be simulated."""
    from orchestrator.lifecycle import rehearsal  # `list` rehearses nothing

    new = [step.unit for step in job.steps if step.runs and not step.exists]
    if not new or job.operation is not Operation.UP:
        return {}
    found = rehearsal.of(job)
    return {
        unit: round(_estimate(found[unit].resources, prices).dollars_per_month, 2)
        for unit in new
        if unit in found and found[unit].resources
    }
