"""The cost of a stack before it is created, from the rehearsal of its program."""

from __future__ import annotations

from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import PriceTable
from orchestrator.lifecycle import Job, rehearsal
from orchestrator.model import Operation, Unit


def of_new_stacks(job: Job, prices: PriceTable) -> dict[Unit, float]:
    """US dollars a month of every stack that the job creates, except those whose program cannot be simulated."""
    new = [step.unit for step in job.steps if step.runs and not step.exists]
    if not new or job.operation is not Operation.UP:
        return {}
    found = rehearsal.of(job)
    return {
        unit: round(estimate(found[unit].resources, prices).dollars_per_month, 2)
        for unit in new
        if unit in found and found[unit].resources
    }
