"""The dependency graph: order, readiness, and graphs without an order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.projects import Project, check_projects
from orchestrator.errors import GraphError
from orchestrator.lifecycle.graph import Plan, ReadyQueue, base_units, environment_units, plan
from orchestrator.model import Scope, Unit


def project(key: str, scope: Scope, *depends_on: str) -> Project:
    return Project(key=key, path=Path(key), name=f"django-{key}", scope=scope, depends_on=depends_on)


BASE = project("base", Scope.BASE)
DATABASE = project("database", Scope.BASE, "base")
APP = project("app", Scope.ENVIRONMENT, "database")
ADMIN = project("admin", Scope.ENVIRONMENT, "app")
PROJECTS = (ADMIN, APP, BASE, DATABASE)


def everything(base: str, *environments: str) -> Plan:
    units = {*base_units(PROJECTS, base)}.union(*(environment_units(PROJECTS, name) for name in environments))
    return plan(PROJECTS, units, dict.fromkeys(environments, (base,)))


def names(plan: Plan) -> list[str]:
    return [str(unit) for unit in plan.units]


def test_units_come_after_their_dependencies_and_otherwise_in_alphabetical_order() -> None:
    assert names(everything("dev", "beta", "alpha")) == [
        "base/dev",
        "database/dev",
        "app/alpha",
        "admin/alpha",
        "app/beta",
        "admin/beta",
    ]


def test_destroying_takes_exactly_the_reverse_order() -> None:
    up = everything("dev", "alpha", "beta")
    assert up.reversed().units == tuple(reversed(up.units))
    assert up.reversed().reversed() == up


def test_an_environment_waits_for_its_own_base_only() -> None:
    units = [Unit("base", "dev"), Unit("base", "qa"), Unit("database", "qa"), Unit("app", "alpha"), Unit("app", "beta")]
    waits_for = plan(PROJECTS, units, {"alpha": ("qa",), "beta": ("dev",)}).waits_for
    assert waits_for[Unit("app", "alpha")] == (Unit("base", "qa"), Unit("database", "qa"))
    assert waits_for[Unit("app", "beta")] == (Unit("base", "dev"),)


def test_a_unit_left_out_breaks_no_chain() -> None:
    units = [Unit("base", "dev"), Unit("app", "alpha")]
    assert plan(PROJECTS, units, {"alpha": ("dev",)}).waits_for[Unit("app", "alpha")] == (Unit("base", "dev"),)


def test_a_unit_does_not_wait_for_a_base_that_is_only_read() -> None:
    assert plan(PROJECTS, [Unit("app", "alpha")], {"alpha": ("dev",)}).waits_for == {Unit("app", "alpha"): ()}


def test_an_unknown_project_is_reported() -> None:
    with pytest.raises(GraphError) as caught:
        check_projects([BASE, project("app", Scope.ENVIRONMENT, "bse")])
    assert caught.value.message == "the project app depends on bse, which does not exist"
    assert caught.value.hint == "did you mean base?"


def test_an_unknown_project_in_a_plan_is_reported() -> None:
    with pytest.raises(GraphError, match=r"^cache/dev cannot be planned: there is no project cache$"):
        plan(PROJECTS, [Unit("cache", "dev")], {})


def test_a_base_cannot_depend_on_its_environments() -> None:
    with pytest.raises(
        GraphError, match=r"^the project base has the scope base and depends on app, which has the scope environment"
    ):
        check_projects([project("base", Scope.BASE, "app"), project("app", Scope.ENVIRONMENT)])


def test_a_cycle_is_reported_from_its_first_project() -> None:
    circle = [project("c", Scope.BASE, "b"), project("b", Scope.BASE, "a"), project("a", Scope.BASE, "c")]
    outside = project("z", Scope.BASE, "a")
    with pytest.raises(GraphError) as caught:
        check_projects([*circle, outside])
    assert caught.value.message == "the projects have a dependency cycle: a -> c -> b -> a"


def test_a_project_that_depends_on_itself_is_a_cycle() -> None:
    with pytest.raises(GraphError, match=r"dependency cycle: base -> base$"):
        check_projects([project("base", Scope.BASE, "base")])


def test_the_queue_hands_out_what_is_ready() -> None:
    queue = ReadyQueue(everything("dev", "alpha", "beta"))
    assert [str(unit) for unit in queue.ready()] == ["base/dev"]
    queue.take(Unit("base", "dev"))
    assert queue.ready() == ()
    queue.succeed(Unit("base", "dev"))
    queue.take(Unit("database", "dev"))
    queue.succeed(Unit("database", "dev"))
    assert [str(unit) for unit in queue.ready()] == ["app/alpha", "app/beta"]
    assert [str(unit) for unit in queue.blocked_by(Unit("app", "alpha"))] == ["admin/alpha"]
    assert [str(unit) for unit in queue.open] == ["app/alpha", "admin/alpha", "app/beta", "admin/beta"]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Project, ...]:
    count = draw(st.integers(1, 7))
    projects: list[Project] = []
    for index in range(count):
        scope = draw(st.sampled_from(Scope))
        allowed = [other.key for other in projects if scope is Scope.ENVIRONMENT or other.scope is Scope.BASE]
        depends_on = draw(st.lists(st.sampled_from(allowed), unique=True)) if allowed else []
        projects.append(project(draw(st.sampled_from("abcdefg")) + str(index), scope, *depends_on))
    return tuple(draw(st.permutations(projects)))


@given(graphs())
def test_any_graph_without_a_cycle_is_ordered_and_reversed(projects: tuple[Project, ...]) -> None:
    check_projects(projects)
    units = (*base_units(projects, "dev"), *environment_units(projects, "alpha"), *environment_units(projects, "beta"))
    bases = {"alpha": ("dev",), "beta": ("dev",)}
    ordered = plan(projects, units, bases)
    assert ordered == plan(tuple(reversed(projects)), tuple(reversed(units)), bases)
    assert sorted(ordered.units) == sorted(units)
    for direction in (ordered, ordered.reversed()):
        position = {unit: index for index, unit in enumerate(direction.units)}
        for unit in direction.units:
            assert all(position[upstream] < position[unit] for upstream in direction.waits_for[unit])


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("abcde"), max_size=3), min_size=1))
def test_any_other_graph_is_refused_with_our_error(depends_on: dict[str, list[str]]) -> None:
    projects = [project(key, Scope.BASE, *others) for key, others in depends_on.items()]
    try:
        check_projects(projects)
    except GraphError:
        return
    assert set(plan(projects, base_units(projects, "dev"), {}).units) == {Unit(key, "dev") for key in depends_on}
