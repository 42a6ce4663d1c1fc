"""The use cases: a request is checked before any work and becomes a job, which `runner.run` carries out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.engines.lock_retry import Patience
from orchestrator.errors import StackLockedError
from orchestrator.events import Diagnostic
from orchestrator.lifecycle import (
    create_and_update,
    destroy,
    drift,
    git,
    graph,
    refusals,
)
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job, Step
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import (
    CreateBase,
    CreateEnv,
    DestroyBase,
    DestroyEnv,
    Drift,
    PreviewBase,
    PreviewEnv,
    Refresh,
    Request,
    UpdateBase,
    UpdateEnv,
)
from orchestrator.model import Operation, StackStatus, StackSummary, Unit

_USE_CASES: Mapping[type[Any], tuple[str, Operation, Callable[[JobBuilder, Any], None]]] = {
    CreateBase: ("create-base", Operation.UP, create_and_update.create_base),
    CreateEnv: ("create-env", Operation.UP, create_and_update.create_env),
    UpdateBase: ("update-base", Operation.UP, create_and_update.update_base),
    UpdateEnv: ("update-env", Operation.UP, create_and_update.update_env),
    PreviewBase: ("preview-base", Operation.PREVIEW, create_and_update.preview_base),
    PreviewEnv: ("preview-env", Operation.PREVIEW, create_and_update.preview_env),
    DestroyEnv: ("destroy-env", Operation.DESTROY, destroy.destroy_env),
    DestroyBase: ("destroy-base", Operation.DESTROY, destroy.destroy_base),
    Drift: ("drift", Operation.DRIFT, drift.drift),
    Refresh: ("refresh", Operation.REFRESH, drift.refresh),
}
"""Request -> command, operation, and the function that checks the request and adds its units."""


def prepare(context: Context, request: Request) -> Job:
    """Check a request completely and return the job that carries it out. Nothing is changed.

    Waits for other operations on the same stacks as long as the context allows, and reports each wait to its observer.

    Raises UsageError, SettingsError, UnknownStackError, RefusedError, StackLockedError, StateError and
    EngineUnavailableError.
    """
    command, operation, add_units = _USE_CASES[type(request)]
    patience = Patience(
        context.wait_seconds, lambda text: context.observer(Diagnostic(unit=None, severity="info", message=text))
    )
    while True:
        builder = JobBuilder(context, operation)
        try:
            add_units(builder, request)
            return _job(builder, command)
        except StackLockedError as error:
            patience.wait(error)


def _job(builder: JobBuilder, command: str) -> Job:
    """The finished job. Raises RefusedError, StackLockedError, StateError when it cannot be carried out now."""
    projects, operation = builder.context.settings.projects, builder.operation
    plan = graph.plan(projects, builder.units, builder.bases)
    order = graph.plan(projects, builder.units | builder.read_only, builder.bases).units
    if operation is Operation.DESTROY:
        plan, order = plan.reversed(), tuple(reversed(order))
    stacks = {unit: found for unit in plan.units if (found := builder.registry.stack(unit))}
    _check(builder, stacks)
    scopes = {project.key: project.scope for project in projects}
    steps = tuple(
        Step(
            unit=unit,
            scope=scopes[unit.project],
            kind=builder.kinds[unit],
            exists=bool(found := builder.registry.stack(unit)) and found.status is not StackStatus.EMPTY,
            runs=unit in builder.units,
        )
        for unit in order
    )
    return Job(
        context=builder.context,
        command=command,
        operation=operation,
        plan=plan,
        steps=steps,
        operator=_operator(builder),
        notes=tuple(builder.notes),
        confirm=builder.confirm,
        stacks=stacks,
        records=builder.records,
        configs=builder.configs,
        slots=builder.slots,
        bases=builder.bases,
    )


def _operator(builder: JobBuilder) -> str | None:
    """The user for the history; None for an operation that leaves no trace in it."""
    if builder.operation in (Operation.PREVIEW, Operation.DRIFT):
        return None
    return git.pipeline_user() or builder.checkout.user or git.login_name()


def _check(builder: JobBuilder, stacks: Mapping[Unit, StackSummary]) -> None:
    """Check the conditions that hold before anything is changed. Raises RefusedError, StackLockedError, StateError."""
    context, operation = builder.context, builder.operation
    if operation not in (Operation.PREVIEW, Operation.DRIFT):
        refusals.if_busy(context.engine, stacks.values())
    if operation in (Operation.UP, Operation.DESTROY):
        refusals.if_production(builder.kinds, builder.units, allowed=context.allow_prod)
    if operation is Operation.DESTROY:
        refusals.if_read(context.engine, stacks, stacks, context.settings.projects)
        builder.notes += refusals.if_protected(context.engine, stacks)
    context.engine.admit(sorted(stacks), sorted(builder.read_only))
