"""Maintenance: rules that answer 503 behind rules that count only for allowed addresses."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from pulumi_django.app.maintenance import DEFAULT_PAGE, NO_ADDRESS, PAGE_LIMIT, MaintenanceOptions
from pulumi_django.rules.priorities import Rule, last_rules, only_from
from pulumi_django.testing import SimulationResult
from tests.support.projects import simulate_alpha, simulate_dev

RULE = "aws:lb/listenerRule:ListenerRule"


base = functools.cache(simulate_dev)


@functools.cache
def alpha(**options: Any) -> SimulationResult:
    wanted = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    return simulate_alpha(base(), changes={"django-app:maintenance": wanted})


def condition(rule: Any, name: str) -> list[str]:
    return next((item[name]["values"] for item in rule.inputs["conditions"] if name in item), [])


def test_the_last_rule_answers_503_for_the_host_with_a_page_that_loads_again() -> None:
    rules = alpha(since="2026-11-26T10:00:00+00:00").of_type(RULE)
    (last,) = [rule for rule in rules if rule.name == "alpha-maintenance"]
    assert last.inputs["actions"][0]["fixedResponse"] == {
        "contentType": "text/html",
        "statusCode": "503",
        "messageBody": DEFAULT_PAGE,
    }
    assert condition(last, "hostHeader") == ["alpha.example.com"]
    assert last.inputs["priority"] == max(rule.inputs["priority"] for rule in rules) > 49950
    assert len(DEFAULT_PAGE) <= PAGE_LIMIT
    assert 'http-equiv="refresh"' in DEFAULT_PAGE


def test_the_rules_of_the_services_keep_their_targets_and_count_for_allowed_addresses_only() -> None:
    before = {rule.name: rule for rule in simulate_alpha(base()).of_type(RULE)}
    for options, sources in (({"since": "x"}, [NO_ADDRESS]), ({"allow": ("203.0.113.7/32",)}, ["203.0.113.7/32"])):
        rules = [rule for rule in alpha(**options).of_type(RULE) if rule.name != "alpha-maintenance"]
        assert {rule.name for rule in rules} == set(before)
        for rule in rules:
            assert condition(rule, "sourceIp") == sources
            assert rule.inputs["actions"] == before[rule.name].inputs["actions"]
            assert rule.inputs["priority"] == before[rule.name].inputs["priority"]


def test_the_services_stay_as_they_are() -> None:
    service = "aws:ecs/service:Service"
    before, now = simulate_alpha(base()), alpha(since="2026-11-26T10:00:00+00:00")
    # Programs register resources in no fixed order.
    kept = {item.name: item.inputs for item in before.of_type(service)}
    assert {item.name: item.inputs for item in now.of_type(service)} == kept
    assert kept


@pytest.mark.parametrize(
    ("page", "kind"),
    [("<h1>Later</h1>", "text/html"), ('{"error": "maintenance"}', "application/json"), ("later", "text/plain")],
)
def test_a_page_of_its_own_has_the_type_of_its_text(page: str, kind: str) -> None:
    assert MaintenanceOptions(page=page).content_type == kind


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"page": "x" * 1025}, "page has 1025 bytes"),
        ({"page": ""}, "page has 0 bytes"),
        ({"allow": ["office"]}, "allow has 'office': write address ranges"),
        ({"allow": ["203.0.113.7/8"]}, "write address ranges"),
    ],
)
def test_a_page_or_an_address_that_cannot_be_used_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        MaintenanceOptions(**options)


def test_a_rule_has_room_for_five_values() -> None:
    rule = Rule(priority=1, hosts=["a", "b"], paths=["/*"])
    assert only_from([rule], ["192.0.2.1/32", "192.0.2.2/32"])[0].sources == ("192.0.2.1/32", "192.0.2.2/32")
    with pytest.raises(ValueError, match=r"maintenance.allow has 3 address ranges: .* has room for 2"):
        only_from([rule], ["192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"])


def test_the_priorities_lie_behind_all_slots_and_within_the_limit_of_aws() -> None:
    for slot in (0, 49, 50, 998):
        found = [rule.priority for rule in last_rules(slot, [f"h{number}.example.com" for number in range(6)])]
        assert len(set(found)) == 2
        assert all(49950 < priority <= 50000 for priority in found)
    with pytest.raises(ValueError, match="it works with at most six"):
        last_rules(0, [f"h{number}.example.com" for number in range(7)])
