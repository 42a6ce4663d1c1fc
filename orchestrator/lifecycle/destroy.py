"""Destroying environments and bases, in the exact reverse of the order in which they are created."""

from __future__ import annotations

from orchestrator.lifecycle import checks
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.draft import Draft
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.registry import Deployment
from orchestrator.lifecycle.requests import DestroyBase, DestroyEnv
from orchestrator.model import Operation


def destroy_env(context: Context, request: DestroyEnv) -> Job:
    """The environments; their bases stay."""
    checks.named(request.names)
    draft = Draft(context, Operation.DESTROY)
    for name in request.names:
        _take_down(draft, draft.registry.environment(name))
    return draft.job("destroy-env", confirm=tuple(request.names))


def destroy_base(context: Context, request: DestroyBase) -> Job:
    """The bases, and with `cascade` the environments on them first. Raises RefusedError while there are any."""
    checks.named(request.names)
    draft = Draft(context, Operation.DESTROY)
    for name in request.names:
        base = draft.registry.base(name)
        if not request.cascade:
            checks.empty_base(base)
        for environment in base.environments:
            _take_down(draft, draft.registry.environments[environment])
            draft.notes.append(f"the environment {environment} stands on {name}: it is destroyed first")
        _take_down(draft, base)
    return draft.job("destroy-base", confirm=tuple(request.names))


def _take_down(draft: Draft, deployment: Deployment) -> None:
    for unit in deployment.units:
        draft.add(unit, deployment.record.kind)
    if deployment.stands_on:
        draft.bases[deployment.name] = deployment.stands_on
