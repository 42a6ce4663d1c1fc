"""Comparing stacks with what is in AWS, and bringing their state in line with it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.lifecycle import checks
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.draft import Draft
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.requests import Drift, Refresh
from orchestrator.model import Operation


def drift(context: Context, request: Drift) -> Job:
    """Every stack of these bases and environments is compared with AWS; nothing is changed."""
    return _each(Draft(context, Operation.DRIFT), request.names).job("drift")


def refresh(context: Context, request: Refresh) -> Job:
    """The state of every stack of these bases and environments becomes what AWS says."""
    return _each(Draft(context, Operation.REFRESH), request.names).job("refresh")


def _each(draft: Draft, names: Sequence[str]) -> Draft:
    checks.named(names)
    for name in names:
        deployment = draft.registry.named(name)
        for unit in deployment.units:
            draft.add(unit, deployment.record.kind)
        if deployment.stands_on:
            draft.bases[deployment.name] = deployment.stands_on
    return draft
