"""Previews: of a request, and of new stacks before anything is created."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import InterruptedRunError, OperationFailedError
from orchestrator.events import Diagnostic, Event, Observer
from orchestrator.lifecycle import begun_job
from orchestrator.lifecycle.graph import Plan
from orchestrator.lifecycle.job import Job, Prepare, to_wire
from orchestrator.model import Operation, Status, Unit, UnitResult

_STACK = "::pulumi:pulumi:Stack::"

RunUnits = Callable[[Job, Prepare, Observer], tuple[UnitResult, ...]]
"""Runs the units of a job with the requests that `Prepare` makes, and reports to an observer."""


def results(job: Job, observer: Observer, run: RunUnits) -> tuple[UnitResult, ...]:
    """Preview with scratch copies of configurations that would change: the project folders stay as they are."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-", ignore_cleanup_errors=True) as folder:
        scratch: dict[Unit, Path] = {}
        for unit, config in job.configs.items():
            if config.changed or not config.exists or job.plans:
                scratch[unit] = Path(folder) / unit.project / config.path.name
                scratch[unit].parent.mkdir(exist_ok=True)
                scratch[unit].write_text(config.text(), encoding="utf-8")

        def prepare(unit: Unit, ended: Mapping[Unit, UnitResult]) -> UnitRequest:
            upstream = {
                job.context.engine.reference_name(other): to_wire(ended[other].outputs) for other in job.unread(unit)
            }
            request = begun_job.unit_request(job, unit, ended)
            return replace(request, upstream_outputs=upstream, config_file=scratch.get(unit))

        found = run(job, prepare, observer)
        if job.plans and all(result.status in (Status.SUCCEEDED, Status.UNCHANGED) for result in found):
            job.seen.update({unit: file.read_text(encoding="utf-8") for unit, file in scratch.items()})
        return found


def before_first_create(job: Job, observer: Observer, run: RunUnits) -> None:
    """Preview the stacks that do not exist yet, so that what their providers refuse is known before anything is created.

    The simulation has no providers, and a saved plan has its previews. Raises OperationFailedError for a resource that is
    refused and when AWS cannot be used, and InterruptedRunError. Any other failure is not a refusal: the run may still succeed.
    """
    context = job.context
    if (
        not context.preview_first
        or context.engine.notice
        or job.operation is not Operation.UP
        or job.command == "apply"
    ):
        return
    plan = _new(job)
    if not plan.units:
        return
    names = " and ".join(dict.fromkeys(unit.stack for unit in plan.units))
    observer(Diagnostic(unit=None, severity="info", message=f"previewing {names} before anything is created"))
    refused: set[Unit] = set()

    def listen(event: Event) -> None:
        if isinstance(event, Diagnostic) and event.severity == "error" and event.urn and _STACK not in event.urn:
            refused.update([event.unit] if event.unit else [])

    preview = replace(job, operation=Operation.PREVIEW, plan=plan, plans=None)
    found = results(preview, listen, run)
    if any(result.status is Status.CANCELLED for result in found):
        raise InterruptedRunError("interrupted: nothing was changed", "run the same command again")
    failed = [result for result in found if result.status is Status.FAILED]
    certain = [result for result in failed if result.unit in refused or result.unavailable]
    if certain:
        correct = "correct the configuration, then run the same command again"
        hint = next((result.hint for result in certain if result.unavailable and result.hint), correct)
        raise OperationFailedError(
            f"nothing was changed: {'; '.join(str(result.reason) for result in certain)}",
            f"{hint}; --no-check goes on without this preview",
        )
    for result in failed:
        message = f"the preview could not check {result.unit.among(plan.units)}: {result.reason}"
        observer(Diagnostic(unit=None, severity="info", message=message))


def _new(job: Job) -> Plan:
    """The units without resources, and those before them whose outputs only a preview has."""
    wanted = {step.unit for step in job.steps if step.runs and not step.exists}
    waiting = list(wanted)
    while waiting:
        before = [unit for unit in job.unread(waiting.pop()) if unit not in wanted]
        wanted.update(before)
        waiting += before
    units = tuple(unit for unit in job.plan.units if unit in wanted)
    return Plan(units, {unit: tuple(o for o in job.plan.waits_for[unit] if o in wanted) for unit in units})
