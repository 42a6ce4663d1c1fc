"""Destroys environments and bases, in the exact reverse of the order of creation."""

from __future__ import annotations

from orchestrator.lifecycle import refusals
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import DestroyBase, DestroyEnv
from orchestrator.model import Operation


def destroy_env(context: Context, request: DestroyEnv) -> Job:
    """Destroy the environments; their bases stay."""
    refusals.unless_named(request.names)
    builder = JobBuilder(context, Operation.DESTROY)
    for name in request.names:
        builder.add_existing(builder.registry.environment(name))
    return builder.job("destroy-env", confirm=tuple(request.names))


def destroy_base(context: Context, request: DestroyBase) -> Job:
    """Destroy the bases; with `cascade`, the environments on them first.

    Raises RefusedError for other environments, and for environments that may be on a base.
    """
    refusals.unless_named(request.names)
    builder = JobBuilder(context, Operation.DESTROY)
    for name in request.names:
        base = builder.registry.base(name)
        refusals.if_environments_unclear(name, builder.registry.possible_environments())
        if not request.cascade:
            refusals.unless_empty(base)
        for environment in base.environments:
            builder.add_existing(builder.registry.environments[environment])
            builder.notes.append(f"the environment {environment} is on the base {name}: it is destroyed first")
        builder.add_existing(base)
    return builder.job("destroy-base", confirm=tuple(request.names))
