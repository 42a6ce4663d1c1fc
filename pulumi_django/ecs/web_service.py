"""A service that answers requests: target group, listener rules, tasks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from pulumi_django import naming
from pulumi_django.ecs.container import ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.service import Capacity, ServicePlacement, check_desired_count, ecs_service

Rule = tuple[int, Sequence[str]]
"""Priority and path patterns of a listener rule."""


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
        if not self.path.startswith("/"):
            raise ValueError(f"path is {self.path!r}: it begins with /")


@dataclass(frozen=True, kw_only=True)
class WebServiceArgs:
    service: str
    """Name of the service and its container."""

    placement: ServicePlacement
    """Where it runs."""

    container: ContainerSetup
    """Image, environment, rights."""

    size: TaskSize
    """Command, CPU, memory and the port on which it listens."""

    vpc_id: pulumi.Input[str]
    """VPC of the target group."""

    listener_arn: pulumi.Input[str]
    """Listener of the base's load balancer."""

    host: pulumi.Input[str]
    """Host name that requests must carry."""

    rules: Sequence[Rule]
    """Listener rules of this service."""

    health_check: HealthCheck = field(default_factory=HealthCheck)
    """How its tasks are checked."""

    deregistration_delay_seconds: int = 5
    """Time in which a leaving task finishes its requests, 0 to 3600."""

    desired_count: int = 1
    """Tasks."""

    capacity: Capacity = "FARGATE_SPOT"
    """Spot tasks cost about a third and may be taken away with two minutes' notice."""

    def __post_init__(self) -> None:
        check_desired_count(self.desired_count)
        if self.size.port is None:
            raise ValueError(f"the web service {self.service!r} has no port: say on which one it listens")
        if not 0 <= self.deregistration_delay_seconds <= 3600:
            raise ValueError(f"deregistration_delay_seconds is {self.deregistration_delay_seconds}: it is 0 to 3600")


class WebService(pulumi.ComponentResource):
    """An ECS service behind the base's load balancer."""

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

    target_group_arn_suffix: pulumi.Output[str]
    """The target group's dimension in CloudWatch."""

    def __init__(self, name: str, args: WebServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:WebService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        group = self._target_group(name, args)
        rules = self._listener_rules(name, args, group)
        service = ecs_service(
            name,
            args.service,
            args.placement,
            definition,
            desired_count=args.desired_count,
            capacity=args.capacity,
            parent=self,
            depends_on=rules,
            health_check_grace_period_seconds=args.health_check.grace_period_seconds,
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=group.arn,
                    container_name=definition.container_name,
                    container_port=args.size.port or 0,  # never 0: a web service without a port is refused
                )
            ],
        )
        self.service_name, self.task_family = service.name, definition.family
        self.log_group_name, self.target_group_arn_suffix = logs.group_name, group.arn_suffix
        self.register_outputs(
            {
                "service_name": self.service_name,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
                "target_group_arn_suffix": self.target_group_arn_suffix,
            }
        )

    def _target_group(self, name: str, args: WebServiceArgs) -> aws.lb.TargetGroup:
        check = args.health_check
        return aws.lb.TargetGroup(
            name,
            name=naming.target_group_name(args.placement.environment, args.service),
            target_type="ip",
            protocol="HTTP",
            port=args.size.port,
            vpc_id=args.vpc_id,
            deregistration_delay=args.deregistration_delay_seconds,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=check.path,
                protocol="HTTP",
                port="traffic-port",
                interval=check.interval_seconds,
                timeout=check.timeout_seconds,
                healthy_threshold=check.healthy_threshold,
                unhealthy_threshold=check.unhealthy_threshold,
                matcher="200-399",
            ),
            # The name is fixed, so the old group has to go before one with another port can come.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _listener_rules(self, name: str, args: WebServiceArgs, group: aws.lb.TargetGroup) -> list[aws.lb.ListenerRule]:
        """One rule for every three paths, named after the first of them."""
        return [
            aws.lb.ListenerRule(
                f"{name}-rule-{_slug(patterns[0])}",
                listener_arn=args.listener_arn,
                priority=priority,
                conditions=[
                    aws.lb.ListenerRuleConditionArgs(
                        host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=[args.host])
                    ),
                    aws.lb.ListenerRuleConditionArgs(
                        path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(patterns))
                    ),
                ],
                actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for priority, patterns in args.rules
        ]


def _slug(pattern: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", pattern.lower()).strip("-") or "all"
