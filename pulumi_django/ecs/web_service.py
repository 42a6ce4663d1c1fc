"""A service that answers requests: target groups, listener rules, tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.container import ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.deployment import DeploymentOptions
from pulumi_django.ecs.scaling import Scaling
from pulumi_django.ecs.service import Capacity, ServicePlacement, ServiceScaling, check_desired_count, ecs_service
from pulumi_django.ecs.web_routing import (
    HealthCheck,
    Routing,
    TargetProtocol,
    Targets,
    check_counted,
    check_proxy,
    check_rules,
    route,
    route_by_weight,
)
from pulumi_django.rules import naming
from pulumi_django.rules.priorities import Rule


@dataclass(frozen=True, kw_only=True)
class WebServiceArgs:
    service: str
    """Name of the service and its container."""

    placement: ServicePlacement
    """Where it runs."""

    container: ContainerSetup
    """Image, environment, rights, sidecars."""

    size: TaskSize
    """Command, CPU, memory and the port on which it listens."""

    vpc_id: pulumi.Input[str]
    """VPC of the target group."""

    listener_arn: pulumi.Input[str]
    """Listener of the base's load balancer."""

    load_balancer_suffix: pulumi.Input[str] | None = None
    """The load balancer's dimension in CloudWatch; scaling by requests and watching errors need it."""

    rules: Sequence[Rule]
    """Listener rules of this service (`priorities.assign`)."""

    health_check: HealthCheck = field(default_factory=HealthCheck)
    """How its tasks are checked."""

    deregistration_delay_seconds: int = 5
    """Time in which a leaving task finishes its requests, 0 to 3600."""

    proxy: str | None = None
    """Sidecar that takes the load balancer's requests, such as nginx; None lets the service's own container take them."""

    target_protocol: TargetProtocol = "HTTP"
    """What the load balancer speaks to the tasks. With HTTPS any certificate will do, also one that the task signed."""

    deployment: DeploymentOptions = field(default_factory=DeploymentOptions)
    """How it passes from one version to the next."""

    desired_count: int = 1
    """Tasks; where the service is scaled, the number at first."""

    scaling: Scaling | None = None
    """Bounds and policies; None keeps the number."""

    capacity: Capacity = "FARGATE_SPOT"
    """Spot tasks cost about a third and may be taken away with two minutes' notice."""

    def __post_init__(self) -> None:
        check_desired_count(self.desired_count)
        if self.size.port is None:
            raise ValueError(f"the web service {self.service!r} has no port: say on which one it listens")
        if not 0 <= self.deregistration_delay_seconds <= 3600:
            raise ValueError(f"deregistration_delay_seconds is {self.deregistration_delay_seconds}: it is 0 to 3600")
        check_proxy(self.service, self.proxy, self.container.sidecars)
        check_counted(self.deployment, self.scaling)
        if self.deployment.shifts:
            check_rules(self.service, self.rules)

    @property
    def target(self) -> tuple[str, int]:
        """Container and port that the load balancer talks to."""
        sidecar = self.container.sidecars[self.proxy] if self.proxy else None
        # Never 0: without a port neither passes the checks.
        return (self.proxy, sidecar.port or 0) if self.proxy and sidecar else (self.service, self.size.port or 0)


class WebService(pulumi.ComponentResource):
    """An ECS service behind the base's load balancer."""

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

    target_group_arn_suffix: pulumi.Output[str]
    """The target group's dimension in CloudWatch; the first one's where there are several."""

    target_group_arn_suffixes: list[pulumi.Output[str]]
    """Every target group's."""

    service: aws.ecs.Service
    """The ECS service."""

    def __init__(self, name: str, args: WebServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:WebService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        routing = self._routing(name, args)
        self.target_group_arn_suffixes = [group.arn_suffix for group in routing.groups]
        self.service = ecs_service(
            name,
            args.service,
            args.placement,
            definition,
            desired_count=args.desired_count,
            capacity=args.capacity,
            parent=self,
            deployment=args.deployment,
            alarm_names=self._alarm_names(name, args),
            scaled=self._scaled(args),
            depends_on=routing.rules,
            health_check_grace_period_seconds=args.health_check.grace_period_seconds,
            load_balancers=routing.load_balancers,
        )
        self.service_name, self.task_family = self.service.name, definition.family
        self.log_group_name, self.target_group_arn_suffix = logs.group_name, self.target_group_arn_suffixes[0]
        self.register_outputs(
            {
                "service_name": self.service_name,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
                "target_group_arn_suffix": self.target_group_arn_suffix,
            }
        )

    def _routing(self, name: str, args: WebServiceArgs) -> Routing:
        container, port = args.target
        targets = Targets(
            environment=args.placement.environment,
            service=args.service,
            vpc_id=args.vpc_id,
            container_name=container,
            port=port,
            protocol=args.target_protocol,
            health_check=args.health_check,
            deregistration_delay_seconds=args.deregistration_delay_seconds,
            platform_role_arn=args.placement.platform_role_arn,
        )
        how = route_by_weight if args.deployment.shifts else route
        return how(name, targets, args.listener_arn, args.rules, self)

    def _scaled(self, args: WebServiceArgs) -> ServiceScaling | None:
        if args.scaling is None:
            return None
        label = None
        if args.load_balancer_suffix is not None:
            label = pulumi.Output.concat(args.load_balancer_suffix, "/", self.target_group_arn_suffixes[0])
        return ServiceScaling(scaling=args.scaling, request_label=label)

    def _alarm_names(self, name: str, args: WebServiceArgs) -> list[pulumi.Input[str]]:
        """Alarms that send a deployment back: the given ones, and one on the tasks' errors where those are watched."""
        errors = args.deployment.watched_errors
        if errors is None:
            return list(args.deployment.alarm_names)
        if args.load_balancer_suffix is None:
            raise ValueError(
                f"errors_per_minute of {args.service} is {errors} and load_balancer_suffix is missing: give the load "
                "balancer's dimension, by which its errors are counted"
            )
        alarm = aws.cloudwatch.MetricAlarm(
            f"{name}-deployment-errors",
            name=f"{naming.service_name(args.placement.environment, args.service)}_deployment_errors",
            alarm_description=f"Sends deployments of {args.service} back",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=float(errors),
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            metric_queries=_errors(args.load_balancer_suffix, self.target_group_arn_suffixes),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return [alarm.name, *args.deployment.alarm_names]


def _errors(
    load_balancer: pulumi.Input[str], groups: Sequence[pulumi.Input[str]]
) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    """Answers of the tasks with a status of 500 or more, a minute, over all target groups."""
    counts = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=f"group{index}",
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace="AWS/ApplicationELB",
                metric_name="HTTPCode_Target_5XX_Count",
                dimensions={"LoadBalancer": load_balancer, "TargetGroup": group},
                period=60,
                stat="Sum",
            ),
            return_data=False,
        )
        for index, group in enumerate(groups)
    ]
    total = " + ".join(f"FILL(group{index}, 0)" for index in range(len(groups)))
    return [
        *counts,
        aws.cloudwatch.MetricAlarmMetricQueryArgs(id="errors", expression=total, label="Errors", return_data=True),
    ]
