"""Updates of the listener rules of an environment: AWS refuses a priority that another rule has, and Pulumi deletes last."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from pulumi_django.testing import SimulationResult
from tests.support.projects import simulate_alpha, simulate_dev, simulate_project

RULE = "aws:lb/listenerRule:ListenerRule"
SERVICES = {"m": {"paths": ["/m/*"]}, "q": {"paths": ["/q/*"]}}
"""Two services whose names have one place by their hash."""


@functools.cache
def base() -> SimulationResult:
    return simulate_dev()


def app(prior: SimulationResult | None = None, **changes: Any) -> SimulationResult:
    return simulate_alpha(base(), changes={f"django-app:{key}": value for key, value in changes.items()}, prior=prior)


def priorities(result: SimulationResult) -> dict[str, int]:
    return {rule.name: rule.inputs["priority"] for rule in result.of_type(RULE)}


def conflicts(before: SimulationResult, after: SimulationResult) -> dict[str, int]:
    """The rules that need a priority which another rule has before the update."""
    held = {priority: name for name, priority in priorities(before).items()}
    return {name: priority for name, priority in priorities(after).items() if held.get(priority, name) != name}


WEB = {"health_check": {"path": "/api/health-check/"}}
CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"web": {**WEB, "paths": ["/api/*"]}}, {"web": {**WEB, "paths": ["/v1/*"]}}),
    ({"web": {**WEB, "paths": ["/a", "/b", "/c", "/d"]}}, {"web": {**WEB, "paths": ["/x", "/a", "/b", "/c", "/d"]}}),
    ({}, {"extra_hosts": [f"{name}.example.com" for name in "abcd"]}),
    ({"services": {"q": SERVICES["q"]}}, {"services": SERVICES}),
    ({"services": SERVICES}, {"services": {"q": SERVICES["q"]}}),
    (
        {"services": {"wide": {"paths": ["/w/o/*"]}, "other": {"paths": ["/w/*"]}}},
        {"services": {"wide": {"paths": ["/w/*"]}, "other": {"paths": ["/w/o/*"]}}},
    ),
]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_no_update_needs_a_priority_that_another_rule_of_the_stack_has(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    first = app(**before)
    second = app(first, **after)
    assert conflicts(first, second) == {}
    assert priorities(app(second, **after)) == priorities(second), "the next update changes nothing"


def test_priorities_without_a_history_do_cross() -> None:
    """Guards the cases above: without the state they need priorities that other rules have."""
    crossing = [bool(conflicts(app(**before), app(**after))) for before, after in CHANGES]
    assert crossing == [True] * len(CHANGES)


GROUP = "aws:lb/targetGroup:TargetGroup"
BLUE_GREEN = {"deployment": {"strategy": "blue-green"}}


def groups(result: SimulationResult) -> dict[str, str]:
    return {group.name: group.inputs["name"] for group in result.of_type(GROUP)}


@pytest.mark.parametrize("more", [{}, BLUE_GREEN], ids=["rolling", "blue-green"])
@pytest.mark.parametrize(
    ("key", "value"), [("port", 9000), ("target_protocol", "HTTPS")], ids=["another port", "another protocol"]
)
def test_a_target_group_that_cannot_change_is_created_beside_the_one_in_use(
    more: dict[str, Any], key: str, value: Any
) -> None:
    """AWS deletes no target group that a rule uses, and has no two of one name."""
    web = {**WEB, "paths": ["/api/*"], **more}
    first = app(web=web)
    second = app(first, web={**web, key: value})
    changed = {name for name in groups(first) if groups(first)[name] != groups(second)[name]}
    assert changed == {name for name in groups(first) if name.startswith("alpha-gunicorn")}
    made = [group for group in second.of_type(GROUP) if group.name in changed]
    assert not any(group.delete_before_replace for group in made)
    assert all(len(group.inputs["name"]) <= 32 for group in made)
    rule = second.one(RULE, "alpha-gunicorn-rule-api")
    assert rule.ignore_changes == [], "the rule takes the new target groups"
    third = app(second, web={**web, key: value})
    assert groups(third) == groups(second)
    assert third.one(RULE, "alpha-gunicorn-rule-api").ignore_changes == (["actions"] if more else [])
    assert groups(app(third, web=web)) == groups(first)


def test_the_standalone_program_keeps_priorities_too() -> None:
    def standalone(paths: list[str], prior: SimulationResult | None = None) -> SimulationResult:
        app = {"web": {"paths": paths}, "settings_module": "shop.settings", "backend_image": "shop:1"}
        given = {"django-standalone:app": app}
        return simulate_project("standalone", "dev", changes=given, prior=prior)

    first = standalone(["/api/*"])
    assert conflicts(first, standalone(["/v1/*"], first)) == {}
