"""The states of bases and environments that no stack has: asleep, in maintenance, closed, waiting for an approval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.lifecycle import office_hours, waiting
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment, is_asleep, maintenance_since
from orchestrator.model import Scope


def read(found: Iterable[Deployment], context: Context) -> tuple[Deployment, ...]:
    """Return bases and environments with these states, from their configuration, their outputs and the clock."""
    projects, now, waits = context.settings.projects, context.clock(), waiting.environments(context.engine)
    return tuple(
        replace(
            each,
            asleep=is_asleep(each, projects),
            maintenance=maintenance_since(each, projects),
            waits=each.scope is Scope.ENVIRONMENT and each.name in waits,
            closed_until=closed.until if (closed := office_hours.closed(each, now)) else None,
        )
        for each in found
    )
