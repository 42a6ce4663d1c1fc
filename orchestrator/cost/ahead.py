"""What a stack will cost, before it is created: its program is simulated, and the answer remembered."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator import fingerprints
from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import PriceTable
from orchestrator.cost.remembered import RememberedCosts
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle import Job
from orchestrator.model import Operation, StackResource, Unit

log = logging.getLogger(__name__)


def of_new_stacks(job: Job, prices: PriceTable) -> dict[Unit, float]:
    """Dollars a month of every stack that the job creates; without those whose program cannot be simulated."""
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
    """What the cost of each unit comes from: its program, its configuration, what stands below it, the prices."""
    keys: dict[Unit, str] = {}
    programs: dict[str, Any] = {}
    for step in job.steps:
        unit = step.unit
        if unit.project not in programs:
            programs[unit.project] = fingerprints.of_program(job.context.settings.by_key[unit.project])
        config = dict(job.configs[unit].snapshot().wire()) if unit in job.configs else {}
        own = {key: value for key, value in config.items() if not key.endswith((":listener_slot", ":base"))}
        below = [keys[other] for other in job.plan.waits_for.get(unit, ()) if other in keys]
        said = [programs[unit.project], own, below, prices.day.isoformat(), job.context.engine.name]
        keys[unit] = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return keys


def _simulated(job: Job, new: list[Unit], prices: PriceTable) -> dict[Unit, float]:
    from orchestrator.engines.simulation.programs import simulate_project

    costs: dict[Unit, float] = {}
    engine, settings = job.context.engine, job.context.settings
    stacks: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {}
    for step in job.steps:
        if step.exists and (found := engine.stack(step.unit)):
            wire = {name: output.value for name, output in found.outputs.items() if not output.secret}
            stacks[engine.reference_name(step.unit)] = (wire, ())
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        for unit in job.plan.units:
            if unit not in new:
                continue
            file = Path(folder) / unit.project / f"Pulumi.{unit.stack}.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(job.configs[unit].text(), encoding="utf-8")
            request = UnitRequest(unit=unit, operation=Operation.UP, config_file=file)
            try:
                simulated = simulate_project(settings.by_key[unit.project], request, prior={}, stacks=stacks)
            except OrchestratorError as error:
                log.debug("the cost of %s is not known: %s", unit, error.message)
                break
            stacks[engine.reference_name(unit)] = (simulated.outputs, tuple(sorted(simulated.secret_outputs)))
            resources = [
                StackResource(urn=urn, type=kept["type"], name=kept["name"], inputs=kept["inputs"])
                for urn, kept in simulated.resources.items()
            ]
            costs[unit] = round(estimate(resources, prices).dollars_per_month, 2)
    return costs
