"""The JSON document of the dashboard: everything that exists at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from orchestrator.lifecycle.diagrams import Node
from orchestrator.operations.releases.history import Release
from orchestrator.rendering.document_types import (
    Change,
    DiagramEdge,
    Document,
    ListedDeployment,
    NamedCost,
    OrphanedResource,
    PriceSource,
    StackState,
)


@dataclass(frozen=True, kw_only=True)
class DashboardStack(ListedDeployment):
    """A base or an environment on the dashboard."""

    environments: list[str]
    """Of a base: the environments on it."""

    missing: list[str]
    stacks: list[StackState]
    outputs: Mapping[str, Any]
    """Secret values are masked."""

    releases: list[Release]
    """The newest releases of an environment, newest first."""

    cost: NamedCost | None
    """Its monthly cost by resource; null when its state cannot be read."""

    locks: list[str]
    """The owners of locks, one sentence each."""

    drift: list[Change] | None
    """Resources in AWS that differ from the state; null when this was not checked."""

    problems: list[str]
    """Parts that could not be read, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class DashboardDocument(Document):
    """Bases and environments with their releases, costs and problems, at one moment."""

    timespec: ClassVar[str] = "seconds"
    generated: datetime
    prices: PriceSource
    deployments: list[DashboardStack]
    nodes: list[Node]
    edges: list[DiagramEdge]
    orphans: list[OrphanedResource] | None
    """Resources in AWS that no stack contains; null when this was not checked."""

    closed: list[str]
    """Projects whose stacks this user cannot list, one sentence each."""
