"""Listener rules on this machine choose as the load balancer chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.local import layout, routes
from orchestrator.local.declaration import Declaration, Resource
from orchestrator.local.routes import Action, HealthCheck, Request, Routes, Rule


def rule(priority: int, group: str, **conditions: object) -> Rule:
    return Rule(priority=priority, action=Action(kind="forward", group=group), **conditions)  # type: ignore[arg-type]


def test_the_rule_and_the_health_check_of_the_shop_are_read(alpha: Declaration) -> None:
    found = layout.local_routes(alpha, routes.read(alpha))
    action = found.action(Request(host="alpha.localhost", path="/products/"))
    assert action.kind == "forward"
    assert action.group is not None
    check = found.checks[action.group]
    assert (check.path, check.codes) == ("/health/", "200-399")


def test_a_target_group_with_tls_and_its_check_are_read(alpha: Declaration) -> None:
    def secured(resource: Resource) -> Resource:
        if resource.type != "aws:lb/targetGroup:TargetGroup":
            return resource
        check = {**resource.inputs["healthCheck"], "protocol": "HTTPS"}
        return replace(resource, inputs={**resource.inputs, "protocol": "HTTPS", "healthCheck": check})

    plain = routes.read(alpha)
    secure = routes.read(replace(alpha, resources=[secured(each) for each in alpha.resources]))
    groups = frozenset(plain.checks)
    assert len(groups) == 2
    assert (plain.tls, {check.tls for check in plain.checks.values()}) == (frozenset(), {False})
    assert (secure.tls, {check.tls for check in secure.checks.values()}) == (groups, {True})


def test_another_host_gets_the_default_action_of_the_listener(alpha: Declaration) -> None:
    found = layout.local_routes(alpha, routes.read(alpha))
    action = found.action(Request(host="beta.localhost", path="/"))
    assert (action.kind, action.code, action.body) == ("fixed-response", 404, "Not found")


def test_the_rule_with_the_lowest_priority_that_matches_counts() -> None:
    rules = [rule(1, "admin", paths=["/admin", "/admin/*"]), rule(2, "web", paths=["/*"])]
    found = Routes(rules=rules, otherwise=Action(kind="fixed-response"), checks={})
    assert found.action(Request(host="a", path="/admin/users")).group == "admin"
    assert found.action(Request(host="a", path="/administrators")).group == "web"


@pytest.mark.parametrize(
    ("conditions", "request_", "meets"),
    [
        ({"hosts": ["*.example.com"]}, Request(host="A.Example.com", path="/"), True),
        ({"hosts": ["*.example.com"]}, Request(host="example.com", path="/"), False),
        ({"paths": ["/Img/?.png"]}, Request(host="a", path="/Img/1.png"), True),
        ({"paths": ["/Img/?.png"]}, Request(host="a", path="/img/1.png"), False),
        ({"paths": ["/[a]"]}, Request(host="a", path="/a"), False),
        ({"methods": ["POST"]}, Request(host="a", path="/", method="GET"), False),
        ({"headers": {"X-Beta": ["yes*"]}}, Request(host="a", path="/", headers={"x-beta": "yes, please"}), True),
        ({"queries": [("v", "2")]}, Request(host="a", path="/", query="v=2&w=3"), True),
        ({"queries": [(None, "4")]}, Request(host="a", path="/", query="v=2"), False),
        ({"sources": ["10.0.0.0/8"]}, Request(host="a", path="/", address="127.0.0.1"), False),
    ],
)
def test_a_rule_takes_the_requests_that_meet_its_conditions(
    conditions: dict[str, object], request_: Request, meets: bool
) -> None:
    assert rule(1, "web", **conditions).meets(request_) is meets


@pytest.mark.parametrize(
    ("codes", "code", "healthy"), [("200", 200, True), ("200-399", 302, True), ("200,301", 302, False)]
)
def test_a_health_check_accepts_the_codes_of_its_matcher(codes: str, code: int, healthy: bool) -> None:
    assert HealthCheck(codes=codes).accepts(code) is healthy
