"""The requests of units to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.engines import history
from orchestrator.engines.protocol import UnitRequest
from orchestrator.lifecycle import base_marks
from orchestrator.lifecycle.job import Job, plan_file_name, to_wire
from orchestrator.model import Operation, Scope, Unit, UnitResult


def request(job: Job, unit: Unit, results: Mapping[Unit, UnitResult]) -> UnitRequest:
    """The request of a unit that is about to start. Raises RefusedError and StackLockedError when it may no longer start."""
    if job.operation is Operation.DESTROY and job.context.settings.by_key[unit.project].scope is Scope.BASE:
        base_marks.check_before_destroy(job, unit)
    return UnitRequest(
        unit=unit,
        operation=job.operation,
        record=job.records.get(unit),
        record_before=job.stacks[unit].record if unit in job.stacks else None,
        message=history.message(job.command, unit.stack, job.operator),
        plan_file=job.plans / plan_file_name(unit) if job.plans else None,
        wait_seconds=job.context.wait_seconds,
        keep_going=job.context.keep_going,
        environment=job.environment,
        upstream_outputs=_handed_over(job, unit, results) if job.operation is Operation.UP else {},
    )


def _handed_over(job: Job, unit: Unit, results: Mapping[Unit, UnitResult]) -> dict[str, dict[str, Any]]:
    """For `apply`: the outputs that the reviewed preview received, now with their real values."""
    found: dict[str, dict[str, Any]] = {}
    for other in job.handed.get(unit, ()):
        stack = None if other in results else job.context.engine.stack(other)
        outputs = stack.outputs if stack else results[other].outputs
        if any(output.secret for output in outputs.values()):
            plain = job.context.engine.reveal(other)
            outputs = {name: replace(output, value=plain.get(name)) for name, output in outputs.items()}
        found[job.context.engine.reference_name(other)] = to_wire(outputs)
    return found
