"""Destroys environments and bases in the exact reverse of the order of creation, and shows what that would delete."""

from __future__ import annotations

from orchestrator.lifecycle import refusals
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import DestroyBase, DestroyEnv
from orchestrator.model import ChangeCounts, ChangeOp, Operation, ResourceChange, RunReport, Status, Unit, UnitResult

_REFERENCE = "pulumi:pulumi:StackReference"
_DEFAULT_PROVIDER = "default"


def destroy_env(builder: JobBuilder, request: DestroyEnv) -> None:
    """Destroy the environments; their bases stay."""
    refusals.unless_named(request.names)
    for name in request.names:
        builder.add_existing(builder.registry.environment(name))
    builder.confirm = tuple(request.names)


def destroy_base(builder: JobBuilder, request: DestroyBase) -> None:
    """Destroy the bases; with `cascade`, the environments on them first.

    Raises RefusedError for other environments, and for environments that may be on a base.
    """
    refusals.unless_named(request.names)
    for name in request.names:
        base = builder.registry.base(name)
        refusals.if_environments_unclear(name, builder.registry.possible_environments())
        if not request.cascade:
            refusals.unless_empty(base)
        for environment in base.environments:
            builder.add_existing(builder.registry.environments[environment])
            builder.notes.append(f"the environment {environment} is on the base {name}: it is destroyed first")
        builder.add_existing(base)
    builder.confirm = tuple(request.names)


def dry_run(job: Job) -> RunReport:
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
