"""Blocks of listener-rule priorities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_django import priorities


def test_slots_are_blocks_that_never_overlap_and_never_leave_awss_range() -> None:
    seen: set[int] = set()
    for slot in range(priorities.SLOTS):
        block = set(priorities.slot_priorities(slot))
        assert not block & seen
        seen |= block
    assert min(seen) == 1
    assert max(seen) <= priorities.PRIORITY_LIMIT


@pytest.mark.parametrize("slot", [-1, 999])
def test_a_slot_outside_is_refused(slot: int) -> None:
    with pytest.raises(ValueError, match=f"listener_slot is {slot}: a load balancer has the slots 0 to 998"):
        priorities.slot_priorities(slot)


@given(st.text())
def test_any_name_has_a_stable_slot(name: str) -> None:
    assert priorities.stable_slot(name) == priorities.stable_slot(name)
    assert 0 <= priorities.stable_slot(name) < priorities.SLOTS


def test_four_paths_make_two_rules_within_awss_limits() -> None:
    rules = priorities.rule_patterns(["/api/*", "/admin/*", "/graphql/*", "/mtv/*"])
    assert rules == [["/api/*", "/admin/*", "/graphql/*"], ["/mtv/*"]]
    assert all(len(rule) + 1 <= priorities.CONDITION_VALUES_PER_RULE for rule in rules)


def test_whoever_answers_everything_comes_last_whatever_the_order() -> None:
    rules = priorities.assign(0, [("web-ui", ["/*"]), ("gunicorn", ["/api/*", "/admin/*", "/graphql/*", "/mtv/*"])])
    assert rules["gunicorn"] == [(1, ["/api/*", "/admin/*", "/graphql/*"]), (2, ["/mtv/*"])]
    assert rules["web-ui"] == [(50, ["/*"])]


def test_the_second_slot_begins_where_the_first_ends() -> None:
    assert priorities.assign(1, [("web", ["/*"])]) == {"web": [(51, ["/*"])]}


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ([("web", [])], "paths is empty: a web service needs at least one path pattern, such as '/*'"),
        ([("web", ["api"])], "the path pattern 'api' cannot be used: it begins with / and has at most 128 characters"),
        (
            [("web", ["/*"]), ("ui", ["/*"])],
            "the path '/*' belongs to both web and ui: give it to one of them",
        ),
        (
            [("web", [f"/{n}/*" for n in range(200)])],
            "web has 200 paths: with 1 web services each has room for 150 in the environment's block of 50 priorities",
        ),
    ],
)
def test_what_cannot_be_assigned_is_refused(services: list[tuple[str, list[str]]], message: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        priorities.assign(0, services)
    assert str(refused.value) == message
