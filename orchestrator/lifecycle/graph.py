"""The dependency graph: which units a request has, their order, and what is ready to run. Pure.

A unit is one stack of one project. Projects of scope `base` have a stack per base, projects of scope `environment` one
per environment; an edge of `depends_on` holds between the stacks that belong together. Units come in dependency order,
alphabetical among equals; destroying takes exactly the reverse. A unit becomes ready as soon as everything that it
depends on has succeeded, so a slow neighbor holds up nobody.
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.engines.protocol import Project
from orchestrator.errors import GraphError
from orchestrator.model import Scope, Unit

Node = TypeVar("Node", str, Unit)


@dataclass(frozen=True)
class Plan:
    """Units in the order in which they run, each after everything it waits for."""

    units: tuple[Unit, ...]
    waits_for: Mapping[Unit, tuple[Unit, ...]]
    """For each unit, the units of this plan that must succeed first."""

    def reversed(self) -> Plan:
        """The plan that takes everything down: the exact reverse order, every edge turned around."""
        turned: dict[Unit, list[Unit]] = {unit: [] for unit in self.units}
        for unit in self.units:
            for upstream in self.waits_for[unit]:
                turned[upstream].append(unit)
        return Plan(tuple(reversed(self.units)), {unit: tuple(sorted(turned[unit])) for unit in self.units})


def check_projects(projects: Sequence[Project]) -> None:
    """Make sure that the projects can be ordered.

    Raises GraphError that names an unknown project, a cycle, or a base project that depends on an environment's.
    """
    by_key = {project.key: project for project in projects}
    for project in projects:
        for key in project.depends_on:
            if key not in by_key:
                close = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
                hint = f"did you mean {close[0]}?" if close else f"projects are {', '.join(sorted(by_key))}"
                raise GraphError(f"the project {project.key} depends on {key}: there is no such project", hint)
            if project.scope is Scope.BASE and by_key[key].scope is Scope.ENVIRONMENT:
                raise GraphError(
                    f"the project {project.key} depends on {key}: a base is there before its environments, "
                    f"and {key} has the scope environment",
                    f"give {project.key} the scope environment too, or take the dependency away",
                )
    _ordered({project.key: project.depends_on for project in projects}, "the projects depend on each other in a circle")


def base_units(projects: Iterable[Project], base: str) -> tuple[Unit, ...]:
    """The units of a base, alphabetical."""
    return tuple(sorted(Unit(project.key, base) for project in projects if project.scope is Scope.BASE))


def environment_units(projects: Iterable[Project], environment: str) -> tuple[Unit, ...]:
    """The units of an environment, alphabetical."""
    return tuple(sorted(Unit(project.key, environment) for project in projects if project.scope is Scope.ENVIRONMENT))


def plan(projects: Sequence[Project], units: Collection[Unit], bases: Mapping[str, Collection[str]]) -> Plan:
    """The units in dependency order.

    Args:
        projects: all projects of the graph.
        units: what is to run; what they depend on beyond these is taken to be there.
        bases: by environment name, the base that it stands on; several only when somebody made it so by hand.

    Raises GraphError for a unit of an unknown project or a cycle.
    """
    by_key = {project.key: project for project in projects}
    wanted = set(units)
    waits_for: dict[Unit, tuple[Unit, ...]] = {}
    for unit in sorted(wanted):
        if unit.project not in by_key:
            raise GraphError(f"{unit} cannot be planned: there is no project {unit.project}")
        upstream: set[Unit] = set()
        for key in _reached(by_key, unit.project):
            same_scope = by_key[key].scope is by_key[unit.project].scope
            upstream.update(Unit(key, stack) for stack in ((unit.stack,) if same_scope else bases.get(unit.stack, ())))
        waits_for[unit] = tuple(sorted(upstream & wanted))
    return Plan(_ordered(waits_for, "the units wait for each other in a circle"), waits_for)


def _reached(by_key: Mapping[str, Project], key: str) -> set[str]:
    """Everything that a project depends on, directly or not: a unit left out of a plan breaks no chain."""
    found: set[str] = set()
    open_keys = list(by_key[key].depends_on)
    while open_keys:
        current = open_keys.pop()
        if current not in found and current in by_key:
            found.add(current)
            open_keys += by_key[current].depends_on
    return found - {key}


def _ordered(waits_for: Mapping[Node, Sequence[Node]], complaint: str) -> tuple[Node, ...]:
    """Kahn's algorithm with a heap: of all that could come next, the alphabetically first."""
    open_edges = {node: set(upstream) for node, upstream in waits_for.items()}
    ready = [node for node, upstream in open_edges.items() if not upstream]
    heapq.heapify(ready)
    order: list[Node] = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for other, upstream in open_edges.items():
            if node in upstream:
                upstream.remove(node)
                if not upstream:
                    heapq.heappush(ready, other)
    if len(order) < len(open_edges):
        circle = _circle({node: sorted(upstream) for node, upstream in open_edges.items() if node not in order})
        raise GraphError(
            f"{complaint}: {' -> '.join(str(node) for node in circle)}", "take one of these dependencies away"
        )
    return tuple(order)


def _circle(waits_for: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """One circle among nodes that all wait for another one of them, beginning with its alphabetically first node."""
    path = [min(waits_for)]
    while True:
        following = next(node for node in waits_for[path[-1]] if node in waits_for)
        if following in path:
            circle = path[path.index(following) :]
            first = circle.index(min(circle))
            return [*circle[first:], *circle[:first], circle[first]]
        path.append(following)


class ReadyQueue:
    """Hands out the units of a plan as they become ready; knows at every moment what is open."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open = dict.fromkeys(plan.units)
        self._succeeded: set[Unit] = set()

    def ready(self) -> tuple[Unit, ...]:
        """Units that can start now, in plan order. Each is handed out until it is taken."""
        return tuple(unit for unit in self._open if self._succeeded.issuperset(self._plan.waits_for[unit]))

    def take(self, unit: Unit) -> None:
        """The unit was started, or decided upon otherwise: it is not open any more."""
        del self._open[unit]

    def succeed(self, unit: Unit) -> None:
        """The unit is done: what waits for it may become ready."""
        self._succeeded.add(unit)

    def blocked_by(self, unit: Unit) -> tuple[Unit, ...]:
        """Every open unit that waits, directly or not, for `unit`; in plan order."""
        blocked: dict[Unit, None] = {}
        for candidate in self._plan.units:
            upstream = self._plan.waits_for[candidate]
            if unit in upstream or any(other in blocked for other in upstream):
                blocked[candidate] = None
        return tuple(candidate for candidate in blocked if candidate in self._open)

    @property
    def open(self) -> tuple[Unit, ...]:
        """Units that were not taken yet, in plan order."""
        return tuple(self._open)
