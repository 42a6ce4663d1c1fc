"""The costs of plans, bases and environments: the part of the Python API that this package answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.config.aws_settings import any_access
from orchestrator.cost import deployments as deployment_costs
from orchestrator.cost import prices as price_tables
from orchestrator.cost.prices import PriceTable
from orchestrator.lifecycle.context import Context
from orchestrator.model import RunReport, Unit

if TYPE_CHECKING:
    from orchestrator.cost.estimate import Costs, Estimate
    from orchestrator.cost.refresh import Refreshed
    from orchestrator.lifecycle.job import Job


class CostQueries:
    """The methods of `Orchestrator` about costs."""

    context: Context

    @cached_property
    def prices(self) -> PriceTable:
        """The refreshed price table when there is one, else the table of the package. Raises SettingsError."""
        return price_tables.current(self.context.settings.root)

    def refresh_prices(self, region: str | None = None, report: Callable[[str], None] = lambda _row: None) -> Refreshed:
        """Read the prices of a region from AWS and write them beside `orchestrator.toml`.

        `region` defaults to that of the first configured base. `report` receives each row before it is read. Raises
        EngineUnavailableError, StateError.
        """
        from orchestrator.cost import refresh  # loads boto3

        refreshed = refresh.of_region(
            self.prices,
            any_access(self.context.settings),
            self.context.settings.root,
            region=region,
            today=self.context.clock().date(),
            report=report,
        )
        self.prices = refreshed.table
        return refreshed

    def cost_ahead(self, job: Job) -> dict[Unit, float]:
        """The cost of each stack that a job creates, in US dollars a month, if its program can be simulated."""
        return deployment_costs.of_new_stacks(job, self.prices)

    def plan_costs(self, report: RunReport) -> Costs:
        """The cost of each stack of a preview, before and after, in US dollars a month; empty for other runs."""
        return deployment_costs.of_preview(report, self.context.engine, self.prices)

    def cost(self, name: str | None = None) -> dict[str, Estimate]:
        """The cost of bases and environments while they merely exist, by name; of one of them, or of all.

        Computed from the resources in their state and the price table. Raises UnknownStackError.
        """
        registry = self.context.registry()
        found = (registry.named(name),) if name is not None else registry.listed()
        return deployment_costs.of_each(found, self.context.engine, self.prices)
