"""A web application firewall in front of a load balancer or a distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.network.dns import CLOUDFRONT_REGION

Scope = Literal["REGIONAL", "CLOUDFRONT"]

# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
DEFAULT_RULE_GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
RULE_GROUPS = (
    *DEFAULT_RULE_GROUPS,
    "AWSManagedRulesAdminProtectionRuleSet",
    "AWSManagedRulesAnonymousIpList",
    "AWSManagedRulesLinuxRuleSet",
    "AWSManagedRulesUnixRuleSet",
)
# Django accepts bodies of 2.5 MB and files of any size. This rule would block bodies above 8 KB.
DEFAULT_COUNTED_RULES: Mapping[str, Sequence[str]] = {"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",)}
# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html
MIN_RATE, MAX_RATE = 10, 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class FirewallOptions:
    rule_groups: Sequence[str] = DEFAULT_RULE_GROUPS
    """AWS's managed rule groups, such as `AWSManagedRulesCommonRuleSet`. AWS bills each group by month."""

    counted_rules: Mapping[str, Sequence[str]] = field(default_factory=lambda: dict(DEFAULT_COUNTED_RULES))
    """Rules that only count, by group, because they would block legitimate requests."""

    counted_groups: Sequence[str] = ()
    """Groups of `rule_groups` whose rules only count, for a trial of some days. Those that judge bodies block requests of some
    applications: `AWSManagedRulesCommonRuleSet` and `AWSManagedRulesSQLiRuleSet`."""

    requests_per_address: int | None = 2000
    """Maximum number of requests of one address in five minutes, 10 to 2000000000. Above it the address is blocked for a time.
    None sets no limit."""

    count_only: bool = False
    """Whether rules only count and block nothing, for a trial of some days."""

    def __post_init__(self) -> None:
        for name, groups in (("rule_groups", self.rule_groups), ("counted_rules", self.counted_rules)):
            for group in groups:
                if group not in RULE_GROUPS:
                    raise ValueError(f"{name} has {group!r}: it must be one of {', '.join(sorted(RULE_GROUPS))}")
        for group in self.counted_groups:
            if group not in self.rule_groups:
                raise ValueError(
                    f"counted_groups has {group!r}: rule_groups has {', '.join(self.rule_groups) or 'no group'}"
                )
        if len(set(self.rule_groups)) < len(self.rule_groups):
            raise ValueError(f"rule_groups is {list(self.rule_groups)}: name each group once")
        if self.requests_per_address is not None and not MIN_RATE <= self.requests_per_address <= MAX_RATE:
            raise ValueError(
                f"requests_per_address is {self.requests_per_address}: it must be {MIN_RATE} to {MAX_RATE}, or null"
            )
        if not self.rule_groups and self.requests_per_address is None:
            raise ValueError("rule_groups is empty and requests_per_address is null: the firewall would block nothing")


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    resource_arn: pulumi.Input[str] | None = None
    """ARN of the protected load balancer; None for a distribution, which refers to the firewall itself."""

    scope: Scope = "REGIONAL"
    """`REGIONAL` for a load balancer, `CLOUDFRONT` for distributions."""

    options: FirewallOptions = field(default_factory=FirewallOptions)
    """Rules of the firewall."""

    def __post_init__(self) -> None:
        if (self.scope == "REGIONAL") is (self.resource_arn is None):
            raise ValueError(
                f"scope is {self.scope} {'without' if self.resource_arn is None else 'with'} resource_arn: a regional "
                "firewall needs it, and a firewall of a distribution must not have it"
            )


class Firewall(pulumi.ComponentResource):
    """A web ACL that allows requests unless a rule blocks them. Its metrics and samples are in CloudWatch."""

    web_acl_arn: pulumi.Output[str]
    """ARN of the web ACL."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:delivery:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        rules: list[Any] = [*_rate_rule(name, args.options), *_group_rules(name, args.options)]
        acl = aws.wafv2.WebAcl(
            name,
            scope=args.scope,
            region=CLOUDFRONT_REGION if args.scope == "CLOUDFRONT" else None,
            description=f"{name}: what no application should see",
            default_action={"allow": {}},
            rules=rules,
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(**_visibility(name)),
            opts=child,
        )
        if args.resource_arn is not None:
            aws.wafv2.WebAclAssociation(name, resource_arn=args.resource_arn, web_acl_arn=acl.arn, opts=child)
        self.web_acl_arn = acl.arn
        self.register_outputs({"web_acl_arn": self.web_acl_arn})


def _rate_rule(name: str, options: FirewallOptions) -> list[dict[str, Any]]:
    if options.requests_per_address is None:
        return []
    limit = {"rate_based_statement": {"limit": options.requests_per_address, "aggregate_key_type": "IP"}}
    action: dict[str, Any] = {"count": {}} if options.count_only else {"block": {}}
    return [_rule(name, "Rate", 0, limit, action=action)]


def _group_rules(name: str, options: FirewallOptions) -> list[dict[str, Any]]:
    def override(group: str) -> dict[str, Any]:
        return {"count": {}} if options.count_only or group in options.counted_groups else {"none": {}}

    return [
        _rule(
            name, group, priority, _group(group, options.counted_rules.get(group, ())), override_action=override(group)
        )
        for priority, group in enumerate(options.rule_groups, start=1)
    ]


def _group(group: str, counted: Sequence[str]) -> dict[str, Any]:
    overrides = [{"name": rule, "action_to_use": {"count": {}}} for rule in counted]
    return {
        "managed_rule_group_statement": {
            "vendor_name": "AWS",
            "name": group,
            "rule_action_overrides": overrides or None,
        }
    }


def _rule(name: str, key: str, priority: int, statement: dict[str, Any], **action: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": key,
        "priority": priority,
        "statement": statement,
        "visibility_config": _visibility(f"{name}-{key}"),
        **action,
    }


def _visibility(metric: str) -> dict[str, Any]:
    return {"metric_name": metric, "cloudwatch_metrics_enabled": True, "sampled_requests_enabled": True}
