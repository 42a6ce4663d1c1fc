"""The states of bases and environments that no stack has: asleep, in maintenance, closed, waiting for an approval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.lifecycle import office_hours, waiting
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment, asleep_and_maintenance
from orchestrator.model import Scope


def read(found: Iterable[Deployment], context: Context) -> tuple[Deployment, ...]:
    """Return bases and environments with these states, from their configuration, their outputs and the clock."""
    projects, now, waits = context.settings.projects, context.clock(), waiting.environments(context.engine)
    states: list[Deployment] = []
    for each in found:
        asleep, maintenance = asleep_and_maintenance(each, projects)
        closed = office_hours.closed(each, now)
        states.append(
            replace(
                each,
                asleep=asleep,
                maintenance=maintenance,
                waits=each.scope is Scope.ENVIRONMENT and each.name in waits,
                closed_until=closed.until if closed else None,
            )
        )
    return tuple(states)
