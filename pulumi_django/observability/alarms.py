"""CloudWatch alarms of environments, databases, load balancers and caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from pulumi_django.observability.metrics import (
    Condition,
    Metric,
    Watched,
    database_metric,
    metric_alarm,
    service_metric,
    web_metric,
)
from pulumi_django.rules.aws_rules import shown

BYTES_PER_GIB = 1024**3


def check_percent(name: str, value: float) -> None:
    """Raise ValueError unless `value` is a percentage above 0."""
    if not 0 < value <= 100:
        raise ValueError(f"{name} is {shown(value)}: it must be above 0 and at most 100 %")


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless `value` is above 0."""
    if value <= 0:
        raise ValueError(f"{name} is {shown(value)}: it must be above 0")


@dataclass(frozen=True, kw_only=True)
class AlarmThresholds:
    """Thresholds of an environment's alarms."""

    web_errors: int = 10
    """Number of responses with a status of 500 or above in five minutes, of one web service."""

    web_latency_seconds: float = 2.0
    """95th percentile of the response time in seconds, for five minutes."""

    cpu_percent: float = 85.0
    """CPU use of a service in percent of its reservation, for five minutes."""

    memory_percent: float = 85.0
    """Memory use of a service in percent of its reservation, for five minutes."""

    queue_depth: int = 1000
    """Number of waiting messages in a queue, for five minutes."""

    def __post_init__(self) -> None:
        check_percent("cpu_percent", self.cpu_percent)
        check_percent("memory_percent", self.memory_percent)
        check_positive("web_errors", self.web_errors)
        check_positive("web_latency_seconds", self.web_latency_seconds)
        check_positive("queue_depth", self.queue_depth)


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """The receiver of alarms."""

    topic_arn: pulumi.Input[str]
    """ARN of the SNS topic that receives the alarms."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentAlarmsArgs(Watched, AlarmsArgs):
    thresholds: AlarmThresholds = field(default_factory=AlarmThresholds)
    """Thresholds of the alarms."""


class EnvironmentAlarms(pulumi.ComponentResource):
    """Alarms on errors, latency and unhealthy tasks of web services, on CPU and memory of every service, and on queue
    depth."""

    alarm_arns: list[pulumi.Output[str]]
    """ARNs of the alarms. Those of web services can stop a deployment."""

    def __init__(self, name: str, args: EnvironmentAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:observability:EnvironmentAlarms", name, None, opts)
        self._topic_arn = args.topic_arn
        self.alarm_arns = []
        for service, group in sorted(args.target_groups.items()):
            self._web(f"{name}-{service}", service, group, args)
        for service, ecs_name in sorted(args.services.items()):
            self._service(f"{name}-{service}", service, ecs_name, args)
        for queue, metric in sorted(args.queues.items()):
            condition = Condition(threshold=args.thresholds.queue_depth)
            self._alarm(f"{name}-{queue}-depth", metric, condition, f"Messages wait in {queue}")
        self.register_outputs({"alarm_arns": self.alarm_arns})

    def _web(self, name: str, service: str, group: pulumi.Input[str], args: EnvironmentAlarmsArgs) -> None:
        balancer, thresholds = args.load_balancer, args.thresholds
        self._alarm(
            f"{name}-errors",
            web_metric(balancer, group, "HTTPCode_Target_5XX_Count"),
            Condition(threshold=thresholds.web_errors, period_seconds=300, periods=1),
            f"{service} answers with errors",
        )
        self._alarm(
            f"{name}-latency",
            web_metric(balancer, group, "TargetResponseTime", "p95"),
            Condition(threshold=thresholds.web_latency_seconds),
            f"{service} answers slowly",
        )
        self._alarm(
            f"{name}-unhealthy",
            web_metric(balancer, group, "UnHealthyHostCount", "Maximum"),
            Condition(threshold=1),
            f"Tasks of {service} fail their health check",
        )

    def _service(self, name: str, service: str, ecs_name: pulumi.Input[str], args: EnvironmentAlarmsArgs) -> None:
        for kind, metric, threshold in (
            ("cpu", "CPUUtilization", args.thresholds.cpu_percent),
            ("memory", "MemoryUtilization", args.thresholds.memory_percent),
        ):
            self._alarm(
                f"{name}-{kind}",
                service_metric(args.cluster_name, ecs_name, metric),
                Condition(threshold=threshold),
                f"{service} runs short of {kind if kind == 'memory' else 'CPU'}",
            )

    def _alarm(self, name: str, metric: Metric, condition: Condition, description: str) -> None:
        alarm = metric_alarm(self, name, metric, condition, description=description, topic_arn=self._topic_arn)
        self.alarm_arns.append(alarm.arn)


@dataclass(frozen=True, kw_only=True)
class DatabaseAlarmsArgs(AlarmsArgs):
    instance_id: pulumi.Input[str] | None = None
    """Identifier of the RDS instance. Set exactly one of this and `cluster_id`."""

    cluster_id: pulumi.Input[str] | None = None
    """Identifier of the Aurora cluster. Its storage grows automatically and has no alarm."""

    cpu_percent: float = 80.0
    """CPU use in percent, for five minutes."""

    free_storage_gib: float = 4.0
    """Minimum free storage in GiB."""

    connections: int = 80
    """Number of connections, for five minutes. PostgreSQL on RDS accepts about 110 for each GiB of memory."""

    def __post_init__(self) -> None:
        if (self.instance_id is None) == (self.cluster_id is None):
            given = "neither" if self.instance_id is None else "both"
            raise ValueError(f"instance_id and cluster_id: {given} is set; set exactly one")
        check_percent("cpu_percent", self.cpu_percent)
        check_positive("free_storage_gib", self.free_storage_gib)
        check_positive("connections", self.connections)


class DatabaseAlarms(pulumi.ComponentResource):
    """Alarms on CPU, connections and free storage of a PostgreSQL server."""

    def __init__(self, name: str, args: DatabaseAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:observability:DatabaseAlarms", name, None, opts)
        cpu, connections = Condition(threshold=args.cpu_percent), Condition(threshold=args.connections)
        self._alarm(f"{name}-cpu", args, "CPUUtilization", cpu, "runs short of CPU")
        self._alarm(f"{name}-connections", args, "DatabaseConnections", connections, "has many connections")
        if args.instance_id is not None:
            free = Condition(threshold=args.free_storage_gib * BYTES_PER_GIB, comparison="below")
            self._alarm(f"{name}-storage", args, "FreeStorageSpace", free, "runs out of storage")
        self.register_outputs({})

    def _alarm(self, name: str, args: DatabaseAlarmsArgs, metric: str, condition: Condition, what: str) -> None:
        dimension = "DBInstanceIdentifier" if args.instance_id is not None else "DBClusterIdentifier"
        identifier = args.instance_id if args.instance_id is not None else args.cluster_id
        assert identifier is not None  # the arguments check that one of the two is set
        metric_alarm(
            self,
            name,
            database_metric(dimension, identifier, metric),
            condition,
            description=f"The database {what}",
            topic_arn=args.topic_arn,
        )


@dataclass(frozen=True, kw_only=True)
class LoadBalancerAlarmsArgs(AlarmsArgs):
    load_balancer: pulumi.Input[str]
    """Suffix of the load balancer's ARN."""

    errors: int = 10
    """Number of responses in five minutes with a status of 500 or above from the load balancer itself, because no task was
    available."""

    def __post_init__(self) -> None:
        check_positive("errors", self.errors)


class LoadBalancerAlarms(pulumi.ComponentResource):
    """Alarm on errors of the load balancer itself."""

    def __init__(self, name: str, args: LoadBalancerAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:observability:LoadBalancerAlarms", name, None, opts)
        metric_alarm(
            self,
            f"{name}-errors",
            Metric(
                namespace="AWS/ApplicationELB",
                name="HTTPCode_ELB_5XX_Count",
                dimensions={"LoadBalancer": args.load_balancer},
                statistic="Sum",
            ),
            Condition(threshold=args.errors, period_seconds=300, periods=1),
            description="The load balancer answers with errors of its own",
            topic_arn=args.topic_arn,
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class CacheAlarmsArgs(AlarmsArgs):
    node_ids: Sequence[str]
    """Node ids in CloudWatch (`ReplicationGroupArgs.node_ids`)."""

    memory_percent: float = 85.0
    """Memory use of a node in percent, for five minutes."""

    cpu_percent: float = 80.0
    """CPU use of a node's engine in percent, for five minutes."""

    def __post_init__(self) -> None:
        check_percent("memory_percent", self.memory_percent)
        check_percent("cpu_percent", self.cpu_percent)


class CacheAlarms(pulumi.ComponentResource):
    """Alarms on memory and CPU of every cache node."""

    def __init__(self, name: str, args: CacheAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:observability:CacheAlarms", name, None, opts)
        for node in args.node_ids:
            # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.WhichShouldIMonitor.html
            for kind, metric, threshold in (
                ("memory", "DatabaseMemoryUsagePercentage", args.memory_percent),
                ("cpu", "EngineCPUUtilization", args.cpu_percent),
            ):
                metric_alarm(
                    self,
                    f"{name}-{node}-{kind}",
                    Metric(namespace="AWS/ElastiCache", name=metric, dimensions={"CacheClusterId": node}),
                    Condition(threshold=threshold),
                    description=f"The cache runs short of {kind if kind == 'memory' else 'CPU'}",
                    topic_arn=args.topic_arn,
                )
        self.register_outputs({})
