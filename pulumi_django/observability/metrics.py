"""CloudWatch metrics of alarms and dashboards, and the alarm on a metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

Comparison = Literal["above", "below"]

_OPERATORS: Mapping[Comparison, str] = {
    "above": "GreaterThanOrEqualToThreshold",
    "below": "LessThanOrEqualToThreshold",
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric series in CloudWatch."""

    namespace: str
    """Namespace, for example `AWS/ECS`."""

    name: str
    """Name of the metric."""

    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Value by dimension. A metric needs all the dimensions of its publication."""

    statistic: str = "Average"
    """`Average`, `Sum`, `Maximum`, `Minimum`, or a percentile such as `p95`."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The parts of an environment that have metrics."""

    cluster_name: pulumi.Input[str]
    """Name of the ECS cluster."""

    services: Mapping[str, pulumi.Input[str]]
    """Name of the ECS service by name within the environment."""

    load_balancer: pulumi.Input[str]
    """Suffix of the load balancer's ARN."""

    target_groups: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Suffix of the target group's ARN by web service."""

    queues: Mapping[str, Metric] = field(default_factory=dict[str, Metric])
    """Metric of the waiting messages by queue."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The condition of an alarm."""

    threshold: float
    """Value at which the condition holds."""

    comparison: Comparison = "above"
    """Side of the threshold on which the condition holds: at or `above` it, or at or `below` it."""

    period_seconds: int = 60
    """Length of one measurement in seconds. AWS's own metrics have at least 60."""

    periods: int = 5
    """Number of consecutive measurements that must meet the condition."""


def service_metric(cluster: pulumi.Input[str], service: pulumi.Input[str], name: str) -> Metric:
    """Return CPUUtilization or MemoryUtilization of an ECS service.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    """
    return Metric(namespace="AWS/ECS", name=name, dimensions={"ClusterName": cluster, "ServiceName": service})


def web_metric(
    load_balancer: pulumi.Input[str], target_group: pulumi.Input[str], name: str, statistic: str = "Sum"
) -> Metric:
    """Return a metric of a target group behind a load balancer, both named by the suffix of their ARN.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    dimensions = {"LoadBalancer": load_balancer, "TargetGroup": target_group}
    return Metric(namespace="AWS/ApplicationELB", name=name, dimensions=dimensions, statistic=statistic)


def queue_metric(queue_name: pulumi.Input[str]) -> Metric:
    """Return the number of waiting messages in an SQS queue.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return Metric(
        namespace="AWS/SQS",
        name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue_name},
        statistic="Maximum",
    )


def database_metric(dimension: str, identifier: pulumi.Input[str], name: str) -> Metric:
    """Return a metric of an RDS instance (`DBInstanceIdentifier`) or an Aurora cluster (`DBClusterIdentifier`).
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    """
    return Metric(namespace="AWS/RDS", name=name, dimensions={dimension: identifier})


def metric_alarm(
    component: pulumi.Resource,
    name: str,
    metric: Metric,
    condition: Condition,
    *,
    description: str,
    topic_arn: pulumi.Input[str],
) -> aws.cloudwatch.MetricAlarm:
    """Create an alarm that notifies the topic when its condition holds and when it no longer holds.

    Missing data does not trigger it, because an environment that sleeps, or has no requests, publishes none.
    """
    percentile = metric.statistic.startswith("p")
    return aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=description,
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=dict(metric.dimensions),
        statistic=None if percentile else metric.statistic,
        extended_statistic=metric.statistic if percentile else None,
        comparison_operator=_OPERATORS[condition.comparison],
        threshold=condition.threshold,
        period=condition.period_seconds,
        evaluation_periods=condition.periods,
        datapoints_to_alarm=condition.periods,
        treat_missing_data="notBreaching",
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        opts=pulumi.ResourceOptions(parent=component),
    )
