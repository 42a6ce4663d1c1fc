"""The rehearsal of a job: all its programs are simulated with the configuration that they will get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.engines.protocol import Asked, Rehearsal
from orchestrator.errors import OperationFailedError
from orchestrator.events import Diagnostic
from orchestrator.lifecycle import value_sources
from orchestrator.lifecycle.job import Job
from orchestrator.model import UNKNOWN, Operation, Unit, UnitResult

PROGRAM_FAILED = "the program of "
"""The beginning of the reason for which a simulated program failed."""


def of(job: Job) -> Mapping[Unit, Rehearsal]:
    """The rehearsals of the job's units, in the order of the plan, up to the first refusal; each job has one."""
    if not job.rehearsals:
        units = job.plan.units
        asked = [Asked(unit=unit, config=job.configs[unit].text() if unit in job.configs else None) for unit in units]
        job.rehearsals.update(job.context.engine.rehearse(asked))
    return job.rehearsals


def passed(job: Job) -> Job:
    """The job, with a note for each program that could not be simulated. Raises the refusal of a program."""
    # Previews have simulated the programs of a saved plan.
    if job.operation is not Operation.UP or job.command == "apply" or _runs_elsewhere(job):
        return job
    notes: list[str] = []
    for unit, rehearsal in of(job).items():
        if rehearsal.refusal is not None:
            if rehearsal.traceback:
                job.context.observer(Diagnostic(unit=unit, severity="error", message=rehearsal.traceback))
            raise (
                value_sources.with_source(rehearsal.refusal, job.configs[unit])
                if unit in job.configs
                else rehearsal.refusal
            )
        if rehearsal.skipped:
            notes.append(f"{unit.among(job.plan.units)} was not rehearsed: {rehearsal.skipped.splitlines()[0]}")
    return replace(job, notes=(*job.notes, *notes)) if notes else job


def _runs_elsewhere(job: Job) -> bool:
    """Whether the simulation runs its programs in other processes, so that a program that ends its process ends no command."""
    context = job.context
    own = context.executor is None and context.settings.runner.executor == "threads"
    return context.engine.name == "simulation" and not own


def with_known_values(job: Job, results: tuple[UnitResult, ...]) -> tuple[UnitResult, ...]:
    """The results of previews, with the resources of a rehearsal where the previews have unknown values."""
    if not any(_is_unknown(resource.inputs) for result in results for resource in result.planned):
        return results
    found = of(job)
    return tuple(
        replace(result, rehearsed=found[result.unit].resources) if result.unit in found and result.planned else result
        for result in results
    )


def with_places(job: Job, results: tuple[UnitResult, ...]) -> tuple[UnitResult, ...]:
    """The results of previews; the hint for a value that a simulated program refuses names the place of the value."""
    return tuple(_with_place(result, job) for result in results)


def _with_place(result: UnitResult, job: Job) -> UnitResult:
    reason = result.reason or ""
    if not reason.startswith(PROGRAM_FAILED) or result.unit not in job.configs:
        return result
    found = value_sources.with_source(OperationFailedError(reason, result.hint), job.configs[result.unit])
    return replace(result, reason=found.message, hint=found.hint)


def _is_unknown(value: Any) -> bool:
    """Whether an input is unknown in whole or in part."""
    if isinstance(value, str):
        return UNKNOWN in value
    if isinstance(value, Mapping):
        return any(_is_unknown(item) for item in value.values())  # pyright: ignore[reportUnknownVariableType]
    return isinstance(value, list) and any(_is_unknown(item) for item in value)  # pyright: ignore[reportUnknownVariableType]
