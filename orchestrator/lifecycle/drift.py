"""Drift compares stacks with the resources in AWS; refresh brings their state in line with these resources."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.lifecycle import refusals
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.requests import Drift, Refresh
from orchestrator.model import Operation


def drift(context: Context, request: Drift) -> Job:
    """Compare every stack of these bases and environments with AWS. Nothing is changed."""
    return _of_each(JobBuilder(context, Operation.DRIFT), request.names).job("drift")


def refresh(context: Context, request: Refresh) -> Job:
    """Bring the state of every stack of these bases and environments in line with AWS."""
    return _of_each(JobBuilder(context, Operation.REFRESH), request.names).job("refresh")


def _of_each(builder: JobBuilder, names: Sequence[str]) -> JobBuilder:
    refusals.unless_named(names)
    for name in names:
        builder.add_existing(builder.registry.named(name))
    return builder
