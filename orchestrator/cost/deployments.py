"""Monthly costs of bases and environments, from the resources in their state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.cost.prices import PriceTable
from orchestrator.cost.remembered import RememberedCosts
from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import RunReport, StackResource, Unit

if TYPE_CHECKING:
    from orchestrator.cost.estimate import Costs, Estimate


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
