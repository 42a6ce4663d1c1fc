"""Diagrams as data for `graph`: stacks and their dependencies, or the resources of one base or environment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.config.projects import Project
from orchestrator.lifecycle import graph
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import Scope, StackResource, Unit


@dataclass(frozen=True, kw_only=True)
class Node:
    """One box of a diagram."""

    id: str
    """Unique in the diagram: a unit, a project key or a URN."""

    label: str
    detail: str
    """For example `base, ad-hoc`, or a resource type."""

    parent: str | None = None
    """The node above it in a tree."""


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """Boxes, parents first, and the dependencies between them."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    """(from, to): `to` depends on `from`."""


def of_context(context: Context, name: str | None = None) -> Diagram:
    """All stacks and their dependencies, or the projects when no stack exists; with a name, its resources."""
    registry = context.registry()
    if name is not None:
        found = registry.named(name)
        return of_resources(name, {unit: context.engine.resources(unit) for unit in found.units})
    if registry.bases or registry.environments:
        return of_stacks(registry)
    return of_projects(context.settings.projects)


def of_projects(projects: Sequence[Project]) -> Diagram:
    """The projects of `orchestrator.toml`, for a checkout without stacks."""
    units = tuple(Unit(project.key, "") for project in projects)
    by_key = {project.key: project for project in projects}
    order = graph.plan(projects, units, {"": ("",)}).units
    edges = tuple(
        (key, unit.project) for unit in order for key in sorted(by_key[unit.project].depends_on) if key in by_key
    )
    nodes = tuple(
        Node(
            id=unit.project,
            label=unit.project,
            detail=f"project of every {by_key[unit.project].scope}",
            parent=_last_source(edges, unit.project),
        )
        for unit in order
    )
    return Diagram(title="projects", nodes=nodes, edges=edges)


def of_stacks(registry: Registry) -> Diagram:
    """Every base and environment that exists."""
    deployments = (*registry.bases.values(), *registry.environments.values())
    details = {unit: _detail(deployment, unit) for deployment in deployments for unit in deployment.units}
    bases = {deployment.name: deployment.bases for deployment in registry.environments.values()}
    plan = graph.plan(registry.projects, details, bases)
    edges = tuple(
        (str(upstream), str(unit))
        for unit in plan.units
        for upstream in plan.waits_for[unit]
        if _is_direct(registry.projects, upstream, unit)
    )
    scopes = [project.scope for project in registry.projects]
    by_key = {project.key: project for project in registry.projects}
    nodes = tuple(
        Node(
            id=str(unit),
            label=str(unit) if scopes.count(by_key[unit.project].scope) > 1 else unit.stack,
            detail=details[unit],
            parent=_last_source(edges, str(unit)),
        )
        for unit in plan.units
    )
    return Diagram(title="bases and environments", nodes=nodes, edges=edges)


def of_resources(name: str, resources: Mapping[Unit, Iterable[StackResource]]) -> Diagram:
    """The resources of a base or an environment, below their parents."""
    found = [resource for unit in resources for resource in resources[unit]]
    known = {resource.urn for resource in found}
    ordered: list[StackResource] = []
    children: dict[str | None, list[StackResource]] = {}
    for resource in found:
        children.setdefault(resource.parent if resource.parent in known else None, []).append(resource)
    waiting = list(reversed(children.pop(None, [])))
    while waiting:
        resource = waiting.pop()
        ordered.append(resource)
        waiting += reversed(children.pop(resource.urn, []))
    nodes = tuple(
        Node(
            id=resource.urn,
            label=resource.name,
            detail=_short_type(resource.type),
            parent=resource.parent if resource.parent in known else None,
        )
        for resource in ordered
    )
    edges = tuple(
        (dependency, resource.urn)
        for resource in ordered
        for dependency in dict.fromkeys(resource.dependencies)
        if dependency in known and dependency != resource.urn
    )
    return Diagram(title=f"resources of {name}", nodes=nodes, edges=edges)


def _detail(deployment: Deployment, unit: Unit) -> str:
    words = [str(deployment.scope), str(deployment.record.kind)]
    count = next(stack.resource_count for stack in deployment.stacks if stack.unit == unit)
    words.append("1 resource" if count == 1 else f"{count} resources")
    if deployment.scope is Scope.ENVIRONMENT and not deployment.bases:
        words.append("base unknown")
    return ", ".join(words)


def _is_direct(projects: Sequence[Project], upstream: Unit, unit: Unit) -> bool:
    return upstream.project in next(project.depends_on for project in projects if project.key == unit.project)


def _last_source(edges: Iterable[tuple[str, str]], target: str) -> str | None:
    sources = [source for source, to in edges if to == target]
    return sources[-1] if sources else None


def _short_type(token: str) -> str:
    """`aws:ecs/service:Service` as `aws:ecs:Service`."""
    parts = token.split(":")
    return ":".join([parts[0], parts[1].partition("/")[0], *parts[2:]]) if len(parts) == 3 else token
