"""The cost of a stack before it is created: its program is simulated, and the result is cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from orchestrator.config import fingerprints
from orchestrator.cost.prices import PriceTable
from orchestrator.cost.programs import Program, Question, costs, costs_apart
from orchestrator.cost.remembered import RememberedCosts
from orchestrator.lifecycle import Job
from orchestrator.model import Operation, Unit


def of_new_stacks(job: Job, prices: PriceTable) -> dict[Unit, float]:
    """US dollars a month of every stack that the job creates, except those whose program cannot be simulated."""
    new = [step.unit for step in job.steps if step.runs and not step.exists]
    if not new or job.operation is not Operation.UP:
        return {}
    memory = RememberedCosts(job.context.settings.state_dir)
    keys = _keys(job, prices)
    known = {unit: dollars for unit in new if (dollars := memory.get(keys[unit])) is not None}
    if len(known) < len(new):
        known = _simulated(job, new, prices)
        memory.remember({keys[unit]: dollars for unit, dollars in known.items()})
    return known


def _keys(job: Job, prices: PriceTable) -> dict[Unit, str]:
    """A cache key for each unit: its cost depends on its program, its configuration, the units below it and the prices."""
    keys: dict[Unit, str] = {}
    programs: dict[str, Any] = {}
    for step in job.steps:
        unit = step.unit
        if unit.project not in programs:
            programs[unit.project] = fingerprints.of_program(job.context.settings.by_key[unit.project])
        config = dict(job.configs[unit].snapshot().wire()) if unit in job.configs else {}
        own = {key: value for key, value in config.items() if not key.endswith((":listener_slot", ":base"))}
        below = [keys[other] for other in job.plan.waits_for.get(unit, ()) if other in keys]
        parts = [programs[unit.project], own, below, prices.day.isoformat(), job.context.engine.name]
        keys[unit] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return keys


def _simulated(job: Job, new: list[Unit], prices: PriceTable) -> dict[Unit, float]:
    engine, settings = job.context.engine, job.context.settings
    stacks: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {}
    for step in job.steps:
        if step.exists and (found := engine.stack(step.unit)):
            wire = {name: output.value for name, output in found.outputs.items() if not output.secret}
            stacks[engine.reference_name(step.unit)] = (wire, ())
    asked = [
        Program(
            unit=unit,
            project=settings.by_key[unit.project],
            reference_name=engine.reference_name(unit),
            config=job.configs[unit].text(),
        )
        for unit in job.plan.units
        if unit in new
    ]
    question = Question(programs=asked, stacks=stacks, prices=prices)
    # In the simulation the same programs run in this process a moment later.
    return costs(question) if engine.name == "simulation" else costs_apart(question)
