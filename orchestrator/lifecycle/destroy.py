"""Destroys environments and bases, in the exact reverse of the order of creation."""

from __future__ import annotations

from orchestrator.lifecycle import refusals
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import DestroyBase, DestroyEnv


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
