"""`destroy-env --dry-run` and `destroy-base --dry-run`: the resources that would be deleted, as the state lists them."""

from __future__ import annotations

from orchestrator.lifecycle.job import Job
from orchestrator.model import ChangeCounts, ChangeOp, Operation, ResourceChange, RunReport, Status, Unit, UnitResult

_REFERENCE = "pulumi:pulumi:StackReference"
_DEFAULT_PROVIDER = "default"


def report(job: Job) -> RunReport:
    """The report of a destruction that is not carried out. Raises what reading the state raises."""
    now = job.context.clock()
    return RunReport(
        command=job.command,
        engine=job.context.engine.name,
        notice=job.context.engine.notice,
        started=now,
        ended=job.context.clock(),
        results=tuple(_result(job, step.unit) for step in job.steps if step.runs),
    )


def _result(job: Job, unit: Unit) -> UnitResult:
    resources = job.context.engine.resources(unit)
    changes = tuple(
        ResourceChange(urn=it.urn, type=it.type, name=it.name, op=ChangeOp.DELETE, parent=it.parent)
        for it in reversed(resources)
        if it.type != _REFERENCE and not (it.type.startswith("pulumi:providers:") and _is_default(it.name))
    )
    protected = [it.name for it in resources if it.protect]
    are = "is" if len(protected) == 1 else "are"
    return UnitResult(
        unit=unit,
        operation=Operation.PREVIEW,
        status=Status.FAILED if protected else Status.SUCCEEDED,
        reason=f"{unit.stack} cannot be destroyed: {', '.join(protected)} {are} protected" if protected else None,
        hint="remove `protect` in the program and update the stack first" if protected else None,
        counts=ChangeCounts(delete=len(changes)),
        changes=changes,
    )


def _is_default(name: str) -> bool:
    return name == _DEFAULT_PROVIDER or name.startswith(f"{_DEFAULT_PROVIDER}_")
