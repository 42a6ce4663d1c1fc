"""Drift compares stacks with the resources in AWS; refresh brings their state in line with these resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import office_hours, refusals
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import Drift, Refresh
from orchestrator.model import Operation, ResourceChange, Status, UnitResult

_BY_HOURS: Mapping[str, frozenset[str]] = {
    "aws:appautoscaling/target:Target": frozenset({"minCapacity", "maxCapacity"}),
    "aws:appautoscaling/scheduledAction:ScheduledAction": frozenset({"startTime"}),
    "aws:scheduler/schedule:Schedule": frozenset({"startDate"}),
}
"""Type -> properties that office hours change: AWS's schedulers, and `wake --until`."""


def drift(builder: JobBuilder, request: Drift) -> None:
    """Compare every stack of these bases and environments with AWS. Nothing is changed."""
    _add_each(builder, request.names)


def refresh(builder: JobBuilder, request: Refresh) -> None:
    """Bring the state of every stack of these bases and environments in line with AWS.

    Raises RefusedError outside office hours: the next update would open what the state holds at zero.
    """
    for name in request.names:
        found = office_hours.closed(builder.registry.named(name), builder.context.clock())
        if found is not None:
            raise RefusedError(
                f"{name} was not refreshed: {found.text}, and its state would keep its services at zero",
                f"refresh it while it is open, or open it: `orchestrator wake {name}`",
            )
    _add_each(builder, request.names)


def _add_each(builder: JobBuilder, names: Sequence[str]) -> None:
    refusals.unless_named(names)
    for name in names:
        builder.add_existing(builder.registry.named(name))


def unexpected(job: Job, result: UnitResult) -> UnitResult:
    """A result of `drift` without the changes that office hours make; every other result as it is."""
    stack = job.stacks.get(result.unit)
    if job.operation is not Operation.DRIFT or stack is None or office_hours.OUTPUT not in stack.outputs:
        return result
    changes = tuple(change for change in result.changes if not _by_hours(change))
    left_out = len(result.changes) - len(changes)
    counts = replace(result.counts, update=result.counts.update - left_out, same=result.counts.same + left_out)
    status = Status.UNCHANGED if result.status is Status.SUCCEEDED and not counts.changed else result.status
    return replace(result, changes=changes, counts=counts, status=status)


def _by_hours(change: ResourceChange) -> bool:
    return bool(change.properties) and set(change.properties) <= _BY_HOURS.get(change.type, frozenset())
