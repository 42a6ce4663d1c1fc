"""Listener slots are chosen when a request is checked, and settled here when its work begins: under a lock of the base, so
that two commands at once never give the same slot away.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle.registry import free_slot
from orchestrator.model import Record, Unit

if TYPE_CHECKING:
    from orchestrator.lifecycle.job import Job


def settled(job: Job, base: str) -> Job:
    """The job with slots of that base that nobody else has: each is claimed before the base's lock is let go.

    The caller holds that lock. Raises RefusedError.
    """
    units = [unit for unit in job.plan.units if job.slots.get(unit) == base]
    if not units:
        return job
    records = dict(job.records)
    _settle(job, base, units, records)
    return replace(job, records=records)


def _settle(job: Job, base: str, units: Sequence[Unit], records: dict[Unit, Record]) -> None:
    registry = job.context.registry()
    taken = registry.slots_taken(base)
    for unit in units:
        slot = records[unit].listener_slot
        if slot is None or taken.get(slot, unit.stack) != unit.stack:
            slot = free_slot(taken, base)
            records[unit] = replace(records[unit], listener_slot=slot)
            job.configs[unit].set("listener_slot", slot)
        taken[slot] = unit.stack
        if unit not in job.stacks and unit not in registry.claims:  # whoever claimed it first gives it back
            job.context.engine.claim(unit, records[unit])
            job.claimed.add(unit)


def given_back(job: Job) -> None:
    """Claims are over with the work: what was made has its record now, what was not needs none."""
    for unit in job.claimed:
        with suppress(OrchestratorError):  # an old claim counts no more
            job.context.engine.unclaim(unit)
