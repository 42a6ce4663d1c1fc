"""The dependency graph: the units of a request, their order, and the units that are ready to run. Pure.

A unit is one stack of one project. Projects of scope `base` have a stack for each base, projects of scope `environment`
one for each environment; `depends_on` connects the stacks that belong together. Units are in dependency order,
alphabetical among equals; a destroy takes exactly the reverse. A unit is ready as soon as its own dependencies have
succeeded, so it waits for no other unit.
"""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.config.order import ordered
from orchestrator.config.projects import Project
from orchestrator.errors import GraphError
from orchestrator.model import Scope, Unit


@dataclass(frozen=True)
class Plan:
    """Units in the order in which they run, each after its dependencies."""

    units: tuple[Unit, ...]
    waits_for: Mapping[Unit, tuple[Unit, ...]]
    """For each unit, the units of this plan that have to succeed first."""

    def reversed(self) -> Plan:
        """The plan for a destroy: the exact reverse order, with every edge reversed."""
        turned: dict[Unit, list[Unit]] = {unit: [] for unit in self.units}
        for unit in self.units:
            for upstream in self.waits_for[unit]:
                turned[upstream].append(unit)
        return Plan(tuple(reversed(self.units)), {unit: tuple(sorted(turned[unit])) for unit in self.units})


def base_units(projects: Iterable[Project], base: str) -> tuple[Unit, ...]:
    """The units of a base, in alphabetical order."""
    return tuple(sorted(Unit(project.key, base) for project in projects if project.scope is Scope.BASE))


def environment_units(projects: Iterable[Project], environment: str) -> tuple[Unit, ...]:
    """The units of an environment, in alphabetical order."""
    return tuple(sorted(Unit(project.key, environment) for project in projects if project.scope is Scope.ENVIRONMENT))


def plan(projects: Sequence[Project], units: Collection[Unit], bases: Mapping[str, Collection[str]]) -> Plan:
    """The units in dependency order.

    Args:
        projects: all projects of the graph.
        units: the units that run; their other dependencies are assumed to exist.
        bases: the bases of each environment by its name; usually one.

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
    return Plan(ordered(waits_for, "the units depend on each other in a circle"), waits_for)


def _reached(by_key: Mapping[str, Project], key: str) -> set[str]:
    """All direct and indirect dependencies of a project, so a unit that is not in the plan does not break the order."""
    found: set[str] = set()
    open_keys = list(by_key[key].depends_on)
    while open_keys:
        current = open_keys.pop()
        if current not in found and current in by_key:
            found.add(current)
            open_keys += by_key[current].depends_on
    return found - {key}


class ReadyQueue:
    """The open units of a plan, and those of them that are ready."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open = dict.fromkeys(plan.units)
        self._sorter: graphlib.TopologicalSorter[Unit] = graphlib.TopologicalSorter(plan.waits_for)
        self._sorter.prepare()
        self._ready = set(self._sorter.get_ready())

    def ready(self) -> tuple[Unit, ...]:
        """The open units whose dependencies have all succeeded, in plan order."""
        return tuple(unit for unit in self._open if unit in self._ready)

    def take(self, unit: Unit) -> None:
        """Close a unit that was started, skipped or cancelled."""
        del self._open[unit]

    def succeed(self, unit: Unit) -> None:
        """Note that a unit succeeded, so its dependents can become ready."""
        self._sorter.done(unit)
        self._ready.update(self._sorter.get_ready())

    def blocked_by(self, unit: Unit) -> tuple[Unit, ...]:
        """Every open unit that waits, directly or indirectly, for `unit`; in plan order."""
        blocked: dict[Unit, None] = {}
        for candidate in self._plan.units:
            upstream = self._plan.waits_for[candidate]
            if unit in upstream or any(other in blocked for other in upstream):
                blocked[candidate] = None
        return tuple(candidate for candidate in blocked if candidate in self._open)

    @property
    def open(self) -> tuple[Unit, ...]:
        """The units that were not taken yet, in plan order."""
        return tuple(self._open)
