"""The dependency graph: which units a request has, their order, and what is ready to run. Pure.

A unit is one stack of one project. Projects of scope `base` have a stack per base, projects of scope `environment` one
per environment; an edge of `depends_on` holds between the stacks that belong together. Units come in dependency order,
alphabetical among equals; destroying takes exactly the reverse. A unit becomes ready as soon as everything that it
depends on has succeeded, so a slow neighbor holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.config.order import ordered
from orchestrator.config.projects import Project
from orchestrator.errors import GraphError
from orchestrator.model import Scope, Unit


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
    return Plan(ordered(waits_for, "the units wait for each other in a circle"), waits_for)


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
