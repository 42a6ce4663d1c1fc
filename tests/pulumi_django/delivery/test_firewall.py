"""The firewall: rules that block, rules that only count, and protected resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import Firewall, FirewallArgs, FirewallOptions, ProdBase, ProdBaseArgs
from pulumi_django.testing import SimulationResult, simulate

BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/prod-alb/1"
ACL, ASSOCIATION = "aws:wafv2/webAcl:WebAcl", "aws:wafv2/webAclAssociation:WebAclAssociation"


def made(**options: Any) -> SimulationResult:
    args = FirewallArgs(resource_arn=BALANCER, options=FirewallOptions(**options))
    return simulate(lambda: (Firewall("prod-firewall", args), None)[1])


def rules(result: SimulationResult) -> dict[str, dict[str, Any]]:
    return {rule["name"]: rule for rule in result.one(ACL).inputs["rules"]}


def test_requests_that_no_rule_blocks_pass() -> None:
    acl = made().one(ACL).inputs
    assert acl["defaultAction"] == {"allow": {}}
    assert acl["scope"] == "REGIONAL"
    assert acl["visibilityConfig"] == {
        "metricName": "prod-firewall",
        "cloudwatchMetricsEnabled": True,
        "sampledRequestsEnabled": True,
    }


def test_the_rule_for_too_many_requests_comes_first() -> None:
    rate = rules(made(requests_per_address=500))["Rate"]
    assert rate["priority"] == 0
    assert rate["statement"] == {"rateBasedStatement": {"limit": 500, "aggregateKeyType": "IP"}}
    assert rate["action"] == {"block": {}}


def test_managed_rules_block_in_their_order_and_large_bodies_only_count() -> None:
    found = rules(made())
    assert [name for name in found if name != "Rate"] == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    ]
    assert [rule["priority"] for rule in found.values()] == [0, 1, 2, 3, 4]
    common = found["AWSManagedRulesCommonRuleSet"]
    assert common["overrideAction"] == {"none": {}}
    assert common["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"] == [
        {"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}
    ]


def test_with_count_only_every_rule_only_counts() -> None:
    found = rules(made(count_only=True))
    assert found.pop("Rate")["action"] == {"count": {}}
    assert {str(rule["overrideAction"]) for rule in found.values()} == {"{'count': {}}"}


def test_named_groups_only_count_while_the_others_and_the_rate_block() -> None:
    found = rules(made(counted_groups=["AWSManagedRulesCommonRuleSet"]))
    assert found.pop("Rate")["action"] == {"block": {}}
    assert found.pop("AWSManagedRulesCommonRuleSet")["overrideAction"] == {"count": {}}
    assert [rule["overrideAction"] for rule in found.values()] == [{"none": {}}] * 3


def test_a_base_protects_its_load_balancer_with_the_firewall() -> None:
    def program() -> None:
        ProdBase("prod", ProdBaseArgs(region="us-east-1", domain_name="example.com", firewall=FirewallOptions()))

    result = simulate(program)
    guarded = result.one(ASSOCIATION).inputs
    assert guarded["resourceArn"] == result.one("aws:lb/loadBalancer:LoadBalancer").outputs["arn"]
    assert guarded["webAclArn"] == result.one(ACL, "prod-firewall").outputs["arn"]


def test_the_firewall_of_distributions_is_in_us_east_1() -> None:
    result = simulate(lambda: (Firewall("cdn", FirewallArgs(scope="CLOUDFRONT")), None)[1])
    assert result.one(ACL).inputs["region"] == "us-east-1"
    assert result.of_type(ASSOCIATION) == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FirewallOptions(requests_per_address=9),
            "requests_per_address is 9: it must be 10 to 2000000000, or null",
        ),
        (
            lambda: FirewallOptions(
                counted_groups=["AWSManagedRulesLinuxRuleSet"], rule_groups=["AWSManagedRulesSQLiRuleSet"]
            ),
            "counted_groups has 'AWSManagedRulesLinuxRuleSet': rule_groups has AWSManagedRulesSQLiRuleSet",
        ),
        (
            lambda: FirewallOptions(rule_groups=(), requests_per_address=None),
            "rule_groups is empty and requests_per_address is null: the firewall would block nothing",
        ),
        (
            lambda: FirewallArgs(),
            "scope is REGIONAL without resource_arn: a regional firewall needs it, and a firewall of a "
            "distribution must not have it",
        ),
        (
            lambda: FirewallArgs(scope="CLOUDFRONT", resource_arn=BALANCER),
            "scope is CLOUDFRONT with resource_arn: a regional firewall needs it, and a firewall of a "
            "distribution must not have it",
        ),
    ],
)
def test_an_invalid_firewall_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 -- the whole message is compared
        make()
    assert str(refused.value) == message


@pytest.mark.parametrize("field", ["rule_groups", "counted_rules"])
def test_groups_that_aws_does_not_have_are_refused(field: str) -> None:
    options: dict[str, Any] = {field: ["AWSCommon"] if field == "rule_groups" else {"AWSCommon": ()}}
    with pytest.raises(
        ValueError, match=rf"^{field} has 'AWSCommon': it must be one of AWSManagedRulesAdminProtection"
    ):
        FirewallOptions(**options)
