"""Priorities of listener rules that exist: no update needs one that another rule still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django.rules import kept_priorities, patterns, priorities
from pulumi_django.rules.kept_priorities import Wanted
from pulumi_django.rules.priorities import Rule

HOSTS = ("a.example.com",)
BLOCK = priorities.slot_priorities(0)


def wanted(**rules: tuple[str, int, str]) -> dict[str, Wanted]:
    """Rules by name, each a service, the priority of a new environment, and a path."""
    return {
        name: Wanted(service=service, rule=Rule(priority=priority, hosts=HOSTS, paths=[path]))
        for name, (service, priority, path) in rules.items()
    }


def test_rules_of_a_new_environment_have_their_own_priorities() -> None:
    rules = wanted(api=("web", 1, "/api/*"), all=("ui", 50, "/*"))
    assert kept_priorities.settle(BLOCK, rules, {}) == {"api": 1, "all": 50}


def test_a_rule_with_another_path_takes_no_priority_of_the_rule_that_goes() -> None:
    rules = wanted(v1=("web", 1, "/v1/*"), all=("ui", 50, "/*"))
    assert kept_priorities.settle(BLOCK, rules, {"api": 1, "all": 50}) == {"v1": 2, "all": 50}
    assert kept_priorities.settle(BLOCK, rules, {"v1": 2, "all": 50}) == {"v1": 2, "all": 50}, "the next update"


def test_a_service_that_comes_moves_no_rule_and_takes_no_priority() -> None:
    rules = wanted(a=("a", 17, "/a/*"), b=("b", 18, "/b/*"), all=("web", 50, "/*"))
    assert kept_priorities.settle(BLOCK, rules, {"b": 17, "all": 50}) == {"a": 16, "b": 17, "all": 50}


def test_two_rules_never_swap() -> None:
    rules = wanted(narrow=("b", 12, "/x/y/*"), wide=("a", 14, "/x/*"))
    assert kept_priorities.settle(BLOCK, rules, {"wide": 12, "narrow": 14}) == {"narrow": 14, "wide": 15}


def test_a_rule_outside_the_block_gets_a_priority_within() -> None:
    rules = wanted(all=("web", 51, "/*"))
    assert kept_priorities.settle(priorities.slot_priorities(1), rules, {"all": 1}) == {"all": 51}


def test_a_full_block_of_rules_that_must_move_is_refused() -> None:
    rules = wanted(new=("web", 1, "/new/*"))
    held = {f"old-{number}": number for number in BLOCK}
    with pytest.raises(ValueError, match="more listener rules than its block of 50 priorities has room for during"):
        kept_priorities.settle(BLOCK, rules, held)


PATHS = ["/*", "/a/*", "/a/b/*", "/a/b/c", "/b/*", "/*/c", "/c/*", "/c/d/*"]
REQUESTS = ["/", "/a/x", "/a/b/x", "/a/b/c", "/b/x", "/x/c", "/c/x", "/c/d/x", "/c/c"]


@st.composite
def environments(draw: st.DrawFn) -> list[priorities.Route]:
    paths = draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=8, unique=True))
    routes: dict[str, list[str]] = {}
    for path in paths:
        routes.setdefault(draw(st.sampled_from(["web", "ui", "b", "c", "d"])), []).append(path)
    return [
        priorities.Route(service=name, paths=given, hosts=HOSTS, additional=name not in ("web", "ui"))
        for name, given in routes.items()
    ]


def named(rules: Mapping[str, Sequence[Rule]]) -> dict[str, Wanted]:
    return {
        f"{service}{rule.paths[0]}": Wanted(service=service, rule=rule)
        for service, own in rules.items()
        for rule in own
    }


def answering(rules: Mapping[str, Wanted], places: Mapping[str, int]) -> list[str | None]:
    ordered = [rules[name] for name in sorted(rules, key=lambda name: places[name])]
    return [
        next((it.service for it in ordered if any(patterns.covers(path, asked) for path in it.rule.paths)), None)
        for asked in REQUESTS
    ]


@given(st.lists(environments(), min_size=2, max_size=5))
def test_no_update_needs_a_priority_that_another_rule_holds_and_history_changes_no_answer(
    updates: list[list[priorities.Route]],
) -> None:
    state: dict[str, int] = {}
    for routes in updates:
        try:
            rules = named(priorities.assign(0, routes))
        except ValueError:
            continue  # paths that cannot work beside each other
        places = kept_priorities.settle(BLOCK, rules, state)
        held = {priority: name for name, priority in state.items()}
        assert all(held.get(priority, name) == name for name, priority in places.items())
        assert len(set(places.values())) == len(places)
        assert set(places.values()) <= set(BLOCK)
        fresh = {name: it.rule.priority for name, it in rules.items()}
        assert answering(rules, places) == answering(rules, fresh)
        assert kept_priorities.settle(BLOCK, rules, places) == places, "an update without a change moves nothing"
        state = places


@pytest.mark.parametrize(
    ("pattern", "other", "meet"),
    [
        ("/a/*", "/a/b", True),
        ("/a/*", "/*/b", True),
        ("/a/*", "/b/*", False),
        ("/a?", "/ab", True),
        ("/a?", "/a", False),
        ("*", "", True),
        ("*a*b", "ab*", True),
        ("/a/*x", "/a/*y", False),
    ],
)
def test_patterns_meet_where_one_text_matches_both(pattern: str, other: str, meet: bool) -> None:
    assert patterns.meet(pattern, other) is meet
    assert patterns.meet(other, pattern) is meet
