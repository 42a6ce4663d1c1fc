"""The states of bases and environments that no stack has: asleep, in maintenance, closed, waiting for an approval."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace

from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle import office_hours
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment, asleep_and_maintenance
from orchestrator.model import Scope

FOLDER = "waiting"
"""Marks of the environments whose deployment waits for an approval. The deploying process notes them for other users of
the backend."""


def read(found: Iterable[Deployment], context: Context) -> tuple[Deployment, ...]:
    """Return bases and environments with these states, from their configuration, their outputs and the clock."""
    projects, now, waits = context.settings.projects, context.clock(), waiting(context.engine)
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


def note_waiting(engine: Engine, environment: str, *, waits: bool) -> None:
    """Note that an environment waits, or no longer does. A backend that refuses it only keeps `list` from showing it."""
    with contextlib.suppress(OrchestratorError, OSError):
        if waits:
            engine.marks.set(f"{FOLDER}/{environment}", {})
        else:
            engine.marks.remove(f"{FOLDER}/{environment}")


def waiting(engine: Engine) -> frozenset[str]:
    """Return the environments that wait. The note of a process that has ended does not count."""
    with contextlib.suppress(OrchestratorError, OSError):
        return frozenset(mark.name.removeprefix(f"{FOLDER}/") for mark in engine.marks.below(FOLDER))
    return frozenset()
