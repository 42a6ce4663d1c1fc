"""Routing of requests to a web service's tasks: target groups, listener rules, and the role that moves traffic."""

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
from pulumi_django.ecs.service import Scaled
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.rules import aws_rules, naming
from pulumi_django.rules.priorities import Rule

TargetProtocol = Literal["HTTP", "HTTPS"]

MAX_TARGET_GROUPS = 5
"""Target groups of a service; a pair counts as one: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

ALTERNATE = "alternate"


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """The check by which the load balancer decides whether a task can take requests.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """

    path: str = "/"
    """Path that a healthy task answers with a status below 400."""

    interval_seconds: int = 5
    """Time between two checks, 5 to 300 seconds."""

    timeout_seconds: int = 4
    """Time for an answer, 2 to 120 seconds and less than the interval."""

    healthy_threshold: int = 2
    """Good answers in a row that make a task healthy, 2 to 10. By default a task takes requests 10 s after its start."""

    unhealthy_threshold: int = 3
    """Bad answers in a row that make a task unhealthy, 2 to 10."""

    grace_period_seconds: int = 60
    """Time after a task's start in which bad answers do not count, 0 or more seconds; Django needs some to start."""

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
                raise ValueError(f"{name} is {value}: it must be {low} to {high}")
        if self.timeout_seconds >= self.interval_seconds:
            raise ValueError(
                f"timeout_seconds is {self.timeout_seconds}: it must be less than interval_seconds ({self.interval_seconds})"
            )
        aws_rules.check_health_path("path", self.path)


@dataclass(frozen=True, kw_only=True)
class Served(Scaled):
    """Settings of a service behind the load balancer."""

    health_check: HealthCheck = field(default_factory=HealthCheck)
    """The load balancer's check of the service's tasks."""

    deregistration_delay_seconds: int = 5
    """Time in which a task that leaves finishes its requests, 0 to 3600 seconds."""

    proxy: str | None = None
    """Sidecar that takes the load balancer's requests, such as nginx. None sends them to the service's own container."""

    target_protocol: TargetProtocol = "HTTP"
    """Protocol between load balancer and tasks, `HTTP` or `HTTPS`. With HTTPS the load balancer accepts any certificate,
    also one that the task signed itself."""

    deployment: DeploymentOptions = field(default_factory=DeploymentOptions)
    """The change of the service from one version to the next."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.deregistration_delay_seconds <= 3600:
            raise ValueError(
                f"deregistration_delay_seconds is {self.deregistration_delay_seconds}: it must be 0 to 3600"
            )
        if self.deployment.shifts and self.scaling is not None and self.scaling.requests_per_target is not None:
            raise ValueError(
                f"requests_per_target is {self.scaling.requests_per_target} and strategy is {self.deployment.strategy!r}: "
                "requests move between two target groups and are counted in one, so scale by cpu_percent, or choose "
                "strategy 'rolling'"
            )


@dataclass(frozen=True, kw_only=True)
class ExistingGroup:
    """A target group in the stack's state."""

    name: str
    """Its name in AWS."""

    protocol: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The container that takes the requests of a service."""

    environment: str
    service: str
    vpc_id: pulumi.Input[str]
    container_name: str
    port: int
    served: Served
    platform_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS moves traffic. None creates one."""

    existing: Mapping[str, ExistingGroup] = field(default_factory=dict[str, ExistingGroup])
    """Target groups in the stack's state, by resource name."""

    def moves(self, name: str) -> bool:
        """Return whether this target group exists with a port or protocol that AWS cannot change."""
        before = self.existing.get(name)
        return before is not None and (before.protocol, before.port) != (self.served.target_protocol, self.port)

    def group_name(self, name: str, physical: str) -> str:
        """Return the name in AWS. AWS deletes no target group that a rule uses, so the next one gets another name."""
        usual, before = naming.target_group_name(self.environment, physical), self.existing.get(name)
        if before is None:
            return usual
        if not self.moves(name):
            return before.name
        protocol = self.served.target_protocol.lower()
        beside = naming.target_group_name(self.environment, f"{physical}-{protocol}-{self.port}")
        return usual if before.name != usual else beside


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Target groups and listener rules of a service."""

    load_balancers: list[aws.ecs.ServiceLoadBalancerArgs]
    """Load balancer blocks of the ECS service."""

    groups: list[aws.lb.TargetGroup]
    """Every target group, first the one that serves at first."""

    rules: list[aws.lb.ListenerRule] = field(default_factory=list[aws.lb.ListenerRule])
    """Every listener rule."""


def route(
    name: str, targets: Targets, listener_arn: pulumi.Input[str], rules: Sequence[Rule], parent: pulumi.Resource
) -> Routing:
    """Create one target group, and the listener rules. A rule is named after its first path."""
    group = _target_group(name, targets.service, targets, parent)
    action = aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)
    made = [_listener_rule(name, listener_arn, key, rule, action, parent) for key, rule in keyed(rules)]
    balancer = aws.ecs.ServiceLoadBalancerArgs(
        target_group_arn=group.arn, container_name=targets.container_name, container_port=targets.port
    )
    return Routing(load_balancers=[balancer], groups=[group], rules=made)


def route_by_weight(
    name: str, targets: Targets, listener_arn: pulumi.Input[str], rules: Sequence[Rule], parent: pulumi.Resource
) -> Routing:
    """Create two target groups for each rule, between which ECS moves the requests, and the role with which it does so."""
    pairs: list[tuple[aws.lb.TargetGroup, aws.lb.TargetGroup]] = []
    made: list[aws.lb.ListenerRule] = []
    for index, (key, rule) in enumerate(keyed(rules)):
        suffix = f"-{key}" if index else ""
        pair = (
            _target_group(f"{name}{suffix}", f"{targets.service}{suffix}", targets, parent),
            _target_group(f"{name}{suffix}-{ALTERNATE}", f"{targets.service}{suffix}-{ALTERNATE}", targets, parent),
        )
        pairs.append(pair)
        # ECS sets the weights after the first deployment.
        ignore = [] if targets.moves(f"{name}{suffix}") else ["actions"]
        made.append(_listener_rule(name, listener_arn, key, rule, _weighted(*pair), parent, ignore=ignore))
    groups = [group for pair in pairs for group in pair]
    role = targets.platform_role_arn
    if role is None:
        role = _shifting_role(name, groups, made, parent)
    balancers = [_shifted(targets, pair, rule, role) for pair, rule in zip(pairs, made, strict=True)]
    return Routing(load_balancers=balancers, groups=groups, rules=made)


def check_rules(service: str, rules: Sequence[Rule]) -> None:
    """Raise ValueError when ECS cannot move the traffic of so many rules."""
    if len(rules) > MAX_TARGET_GROUPS:
        raise ValueError(
            f"{service} has {len(rules)} listener rules: ECS moves the traffic of at most {MAX_TARGET_GROUPS}, so give it "
            "fewer paths or hosts, or strategy 'rolling'"
        )


def check_proxy(service: str, proxy: str | None, sidecars: Mapping[str, Sidecar]) -> None:
    """Raise ValueError when the sidecar `proxy` cannot take the requests of the service."""
    if proxy is None:
        return
    if proxy not in sidecars:
        raise ValueError(
            f"proxy is {proxy!r} and the sidecars of {service} are {', '.join(sorted(sidecars)) or 'none'}: name one of "
            "them"
        )
    if sidecars[proxy].port is None:
        raise ValueError(f"proxy is {proxy!r} and that sidecar has no port: name the port on which it listens")


def rule_name(name: str, key: str) -> str:
    """Return the resource name of the rule `key` of the service component `name`."""
    return f"{name}-rule-{key}"


def keyed(rules: Sequence[Rule]) -> list[tuple[str, Rule]]:
    """Return each rule with a key that other rules do not change: its first path, and its first host from the second set of
    hosts on."""
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
    served, check = targets.served, targets.served.health_check
    return aws.lb.TargetGroup(
        name,
        name=targets.group_name(name, physical),
        target_type="ip",
        protocol=served.target_protocol,
        port=targets.port,
        vpc_id=targets.vpc_id,
        deregistration_delay=served.deregistration_delay_seconds,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            path=check.path,
            protocol=served.target_protocol,
            port="traffic-port",
            interval=check.interval_seconds,
            timeout=check.timeout_seconds,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
            matcher="200-399",
        ),
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=not targets.moves(name)),
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
        rule_name(name, key),
        listener_arn=listener_arn,
        priority=rule.priority,
        conditions=[
            aws.lb.ListenerRuleConditionArgs(
                host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(rule.hosts))
            ),
            aws.lb.ListenerRuleConditionArgs(
                path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(rule.paths))
            ),
            *(
                [
                    aws.lb.ListenerRuleConditionArgs(
                        source_ip=aws.lb.ListenerRuleConditionSourceIpArgs(values=list(rule.sources))
                    )
                ]
                if rule.sources
                else []
            ),
        ],
        actions=[action],
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
