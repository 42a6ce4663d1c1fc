"""How requests reach a web service's tasks: target groups, listener rules, and what moves traffic between two groups."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.deployment import DeploymentOptions, TrafficShift
from pulumi_django.ecs.roles import ECS, role_arn, shifting_statements
from pulumi_django.ecs.scaling import Scaling
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.rules import aws_rules, naming
from pulumi_django.rules.priorities import Rule

TargetProtocol = Literal["HTTP", "HTTPS"]

MAX_TARGET_GROUPS = 5
"""Target groups per service, where a pair counts as one: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

ALTERNATE = "alternate"


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How the load balancer finds out whether a task can take requests.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """

    path: str = "/"
    """Path that answers with a status below 400 when the task is well."""

    interval_seconds: int = 5
    """Time between two checks, 5 to 300."""

    timeout_seconds: int = 4
    """Time for an answer, 2 to 120 and less than the interval."""

    healthy_threshold: int = 2
    """Good answers in a row that make a task healthy, 2 to 10: with 5 s a task takes requests 10 s after its start."""

    unhealthy_threshold: int = 3
    """Bad ones that make it unhealthy, 2 to 10."""

    grace_period_seconds: int = 60
    """Time after a task's start in which bad answers do not count: starting Django takes a while."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("interval_seconds", 5, 300),
            ("timeout_seconds", 2, 120),
            ("healthy_threshold", 2, 10),
            ("unhealthy_threshold", 2, 10),
            ("grace_period_seconds", 0, 2147483647),
        ):
            value: int = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}: it is {low} to {high}")
        if self.timeout_seconds >= self.interval_seconds:
            raise ValueError(
                f"timeout_seconds is {self.timeout_seconds}: it is less than interval_seconds ({self.interval_seconds})"
            )
        aws_rules.check_health_path("path", self.path)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The container that takes requests, and how."""

    environment: str
    service: str
    vpc_id: pulumi.Input[str]
    container_name: str
    port: int
    protocol: TargetProtocol
    health_check: HealthCheck
    deregistration_delay_seconds: int
    platform_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS moves traffic; None makes one."""


@dataclass(frozen=True, kw_only=True)
class Routing:
    """What was made."""

    load_balancers: list[aws.ecs.ServiceLoadBalancerArgs]
    """For the ECS service."""

    groups: list[aws.lb.TargetGroup]
    """Every target group; the one that serves at first comes first."""

    rules: list[aws.lb.ListenerRule] = field(default_factory=list[aws.lb.ListenerRule])
    """Every listener rule."""


def route(
    name: str, targets: Targets, listener_arn: pulumi.Input[str], rules: Sequence[Rule], parent: pulumi.Resource
) -> Routing:
    """One target group, and a rule for every three paths, named after the first of them."""
    group = _target_group(name, targets.service, targets, parent)
    action = aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)
    made = [_listener_rule(name, listener_arn, key, rule, action, parent) for key, rule in _keyed(rules)]
    balancer = aws.ecs.ServiceLoadBalancerArgs(
        target_group_arn=group.arn, container_name=targets.container_name, container_port=targets.port
    )
    return Routing(load_balancers=[balancer], groups=[group], rules=made)


def route_by_weight(
    name: str, targets: Targets, listener_arn: pulumi.Input[str], rules: Sequence[Rule], parent: pulumi.Resource
) -> Routing:
    """Two target groups for each rule, between which ECS moves the requests, and the role with which it does."""
    pairs: list[tuple[aws.lb.TargetGroup, aws.lb.TargetGroup]] = []
    made: list[aws.lb.ListenerRule] = []
    for index, (key, rule) in enumerate(_keyed(rules)):
        suffix = f"-{key}" if index else ""
        pair = (
            _target_group(f"{name}{suffix}", f"{targets.service}{suffix}", targets, parent),
            _target_group(f"{name}{suffix}-{ALTERNATE}", f"{targets.service}{suffix}-{ALTERNATE}", targets, parent),
        )
        pairs.append(pair)
        made.append(_listener_rule(name, listener_arn, key, rule, _weighted(*pair), parent, ignore=["actions"]))
    groups = [group for pair in pairs for group in pair]
    role = targets.platform_role_arn
    if role is None:
        role = _shifting_role(name, groups, made, parent)
    balancers = [_shifted(targets, pair, rule, role) for pair, rule in zip(pairs, made, strict=True)]
    return Routing(load_balancers=balancers, groups=groups, rules=made)


def check_rules(service: str, rules: Sequence[Rule]) -> None:
    """ValueError when ECS cannot move the traffic of so many rules."""
    if len(rules) > MAX_TARGET_GROUPS:
        raise ValueError(
            f"{service} has {len(rules)} listener rules: ECS moves the traffic of at most {MAX_TARGET_GROUPS}, so give it "
            "fewer paths or hosts, or strategy 'rolling'"
        )


def check_proxy(service: str, proxy: str | None, sidecars: Mapping[str, Sidecar]) -> None:
    """ValueError when the container that is to take the requests of a service cannot."""
    if proxy is None:
        return
    if proxy not in sidecars:
        raise ValueError(
            f"proxy is {proxy!r} and the sidecars of {service} are {', '.join(sorted(sidecars)) or 'none'}: name one of "
            "them"
        )
    if sidecars[proxy].port is None:
        raise ValueError(f"proxy is {proxy!r} and that sidecar has no port: say on which one it listens")


def check_counted(deployment: DeploymentOptions, scaling: Scaling | None) -> None:
    """ValueError when a service is to be scaled by requests that cannot be counted."""
    if deployment.shifts and scaling is not None and scaling.requests_per_target is not None:
        raise ValueError(
            f"requests_per_target is {scaling.requests_per_target} and strategy is {deployment.strategy!r}: the requests "
            "move between target groups and are counted in one, so scale by cpu_percent, or choose strategy 'rolling'"
        )


def _keyed(rules: Sequence[Rule]) -> list[tuple[str, Rule]]:
    """Each rule with a key that stays when others come: its first path, and its first host from the second hosts on."""
    first = rules[0].hosts[0] if rules else None
    keyed: dict[str, Rule] = {}
    for rule in rules:
        slug = _slug(rule.paths[0])
        key = slug if rule.hosts[0] is first else f"{_slug(str(rule.hosts[0]))}-{slug}"
        # `/a/b` and `/a-b` have one slug, as have `a.example.com` and `*.a.example.com`.
        host = rule.hosts[0] if isinstance(rule.hosts[0], str) else ""
        digest = hashlib.sha256(f"{host}{rule.paths[0]}".encode()).hexdigest()[:6]
        keyed[f"{key}-{digest}" if key in keyed else key] = rule
    return list(keyed.items())


def _target_group(name: str, physical: str, targets: Targets, parent: pulumi.Resource) -> aws.lb.TargetGroup:
    check = targets.health_check
    return aws.lb.TargetGroup(
        name,
        name=naming.target_group_name(targets.environment, physical),
        target_type="ip",
        protocol=targets.protocol,
        port=targets.port,
        vpc_id=targets.vpc_id,
        deregistration_delay=targets.deregistration_delay_seconds,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            path=check.path,
            protocol=targets.protocol,
            port="traffic-port",
            interval=check.interval_seconds,
            timeout=check.timeout_seconds,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
            matcher="200-399",
        ),
        # The name is fixed, so the old group has to go before one with another port can come.
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),
    )


def _listener_rule(
    name: str,
    listener_arn: pulumi.Input[str],
    key: str,
    rule: Rule,
    action: aws.lb.ListenerRuleActionArgs,
    parent: pulumi.Resource,
    ignore: list[str] | None = None,
) -> aws.lb.ListenerRule:
    return aws.lb.ListenerRule(
        f"{name}-rule-{key}",
        listener_arn=listener_arn,
        priority=rule.priority,
        conditions=[
            aws.lb.ListenerRuleConditionArgs(
                host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(rule.hosts))
            ),
            aws.lb.ListenerRuleConditionArgs(
                path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(rule.paths))
            ),
        ],
        actions=[action],
        # The weights are ECS's after the first deployment.
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=ignore),
    )


def _weighted(serving: aws.lb.TargetGroup, alternate: aws.lb.TargetGroup) -> aws.lb.ListenerRuleActionArgs:
    groups = [
        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=group.arn, weight=weight)
        for group, weight in ((serving, 100), (alternate, 0))
    ]
    return aws.lb.ListenerRuleActionArgs(
        type="forward", forward=aws.lb.ListenerRuleActionForwardArgs(target_groups=groups)
    )


def _shifted(
    targets: Targets,
    pair: tuple[aws.lb.TargetGroup, aws.lb.TargetGroup],
    rule: aws.lb.ListenerRule,
    role_arn: pulumi.Input[str],
) -> aws.ecs.ServiceLoadBalancerArgs:
    shift = TrafficShift(target_group_arns=[group.arn for group in pair], listener_rule_arn=rule.arn, role_arn=role_arn)
    return aws.ecs.ServiceLoadBalancerArgs(
        target_group_arn=pair[0].arn,
        container_name=targets.container_name,
        container_port=targets.port,
        advanced_configuration=shift.advanced_configuration(),
    )


def _shifting_role(
    name: str, groups: Sequence[aws.lb.TargetGroup], rules: Sequence[aws.lb.ListenerRule], parent: pulumi.Resource
) -> pulumi.Output[str]:
    statements = shifting_statements([group.arn for group in groups], [rule.arn for rule in rules])
    return role_arn(parent, f"{name}-traffic", statements, principal=ECS)


def _slug(pattern: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", pattern.lower()).strip("-") or "all"
