"""A service that answers requests: target groups, listener rules, tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.service import Capacity, ServiceArgs, ServiceComponent, ServiceScaling, ecs_service
from pulumi_django.ecs.task import TaskSize, logged_task
from pulumi_django.ecs.web_routing import (
    ExistingGroup,
    Routing,
    Served,
    Targets,
    check_proxy,
    check_rules,
    route,
    route_by_weight,
)
from pulumi_django.rules import naming
from pulumi_django.rules.priorities import Rule

THREADS = 8
"""Number of requests that a task answers at the same time; each may hold a connection to the database."""

# The load balancer keeps its connections open for the base's `idle_timeout_seconds`, up to 4000. A server that closes a
# connection earlier drops a request that is on its way: the client receives a 502.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#connection-idle-timeout
KEEP_ALIVE_SECONDS = 4005


@dataclass(frozen=True, kw_only=True)
class WebServiceArgs(Served, ServiceArgs):
    size: TaskSize
    """Command, CPU and memory of a task, and the port on which it listens."""

    vpc_id: pulumi.Input[str]
    """VPC of the target groups."""

    listener_arn: pulumi.Input[str]
    """Listener of the base's load balancer."""

    load_balancer_suffix: pulumi.Input[str] | None = None
    """The load balancer's dimension in CloudWatch; scaling by requests and watching errors need it."""

    rules: Sequence[Rule]
    """Listener rules of this service (`priorities.assign`)."""

    existing_groups: Mapping[str, ExistingGroup] = field(default_factory=dict[str, ExistingGroup])
    """Target groups in the stack's state, by resource name. One with another port or protocol is created beside them."""

    capacity: Capacity = "FARGATE_SPOT"
    """`FARGATE_SPOT` or `FARGATE`. Spot tasks cost about a third, and AWS ends them with two minutes' notice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size.port is None:
            raise ValueError(f"the web service {self.service!r} has no port: name the port on which it listens")
        check_proxy(self.service, self.proxy, self.container.sidecars)
        if self.deployment.shifts:
            check_rules(self.service, self.rules)

    @property
    def target(self) -> tuple[str, int]:
        """Container and port to which the load balancer sends requests."""
        sidecar = self.container.sidecars[self.proxy] if self.proxy else None
        # Never 0: without a port neither passes the checks.
        return (self.proxy, sidecar.port or 0) if self.proxy and sidecar else (self.service, self.size.port or 0)


class WebComponent(ServiceComponent):
    """A service behind the base's load balancer."""

    target_group_arn_suffix: pulumi.Output[str]
    """The target group's dimension in CloudWatch; where there are several groups, the first one's."""

    target_group_arn_suffixes: list[pulumi.Output[str]]
    """The dimension of every target group."""


class WebService(WebComponent):
    """An ECS service behind the base's load balancer."""

    service: aws.ecs.Service
    """The ECS service."""

    def __init__(self, name: str, args: WebServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:WebService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        routing = self._routing(name, args)
        self.target_group_arn_suffixes = [group.arn_suffix for group in routing.groups]
        self.target_group_arn_suffix = self.target_group_arn_suffixes[0]
        self.service = ecs_service(
            name,
            args,
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
        outputs = self._export(self.service, definition, logs)
        self.register_outputs({**outputs, "target_group_arn_suffix": self.target_group_arn_suffix})

    def _routing(self, name: str, args: WebServiceArgs) -> Routing:
        container, port = args.target
        targets = Targets(
            environment=args.placement.environment,
            service=args.service,
            vpc_id=args.vpc_id,
            container_name=container,
            port=port,
            served=args,
            platform_role_arn=args.placement.platform_role_arn,
            existing=args.existing_groups,
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
        """Return the alarms that roll a deployment back: the given ones, and one on the tasks' errors where they are watched."""
        errors = args.deployment.watched_errors
        if errors is None:
            return list(args.deployment.alarm_names)
        if args.load_balancer_suffix is None:
            raise ValueError(
                f"errors_per_minute of {args.service} is {errors} and load_balancer_suffix is missing: its errors are counted "
                "by the load balancer's dimension, so give it"
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
    """Return the metric of the tasks' answers with a status of 500 or more, per minute, over all target groups."""
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


def gunicorn_command(module: str, port: int) -> list[str]:
    """Return the words that run a WSGI module and answer health checks while slow requests run.

    Gunicorn's own default, one request at a time, fails the health checks of a busy task, and ends every request after
    30 s. More processes do not help: each accepts new requests while its threads are busy, so some health checks wait
    behind slow requests.
    """
    bind = ["--bind", f"0.0.0.0:{port}"]
    threads = ["--worker-class", "gthread", "--threads", str(THREADS)]
    return ["gunicorn", *bind, *threads, "--keep-alive", str(KEEP_ALIVE_SECONDS), module]


@dataclass(frozen=True, kw_only=True)
class FrontendServiceArgs:
    web: WebServiceArgs
    """Arguments of the web service. The variables and secrets of its container are replaced."""

    api_url: pulumi.Input[str]
    """URL at which browsers and the server reach Django; the container receives it as NUXT_PUBLIC_API_BASE."""

    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """More environment variables; they replace NUXT_PUBLIC_API_BASE and PORT."""


class FrontendService(WebComponent):
    """A frontend beside Django, on the same host name."""

    def __init__(self, name: str, args: FrontendServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:FrontendService", name, None, opts)
        env: dict[str, pulumi.Input[str]] = {
            "NUXT_PUBLIC_API_BASE": args.api_url,
            "PORT": str(args.web.size.port),
            **args.env,
        }
        container = replace(args.web.container, env=env, secrets={})
        web = WebService(name, replace(args.web, container=container), pulumi.ResourceOptions(parent=self))
        self.service_name, self.task_family, self.log_group_name = web.service_name, web.task_family, web.log_group_name
        self.target_group_arn_suffix = web.target_group_arn_suffix
        self.target_group_arn_suffixes = web.target_group_arn_suffixes
        self.register_outputs(
            {
                "service_name": self.service_name,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
                "target_group_arn_suffix": self.target_group_arn_suffix,
            }
        )
