"""Alarms of a cache on ElastiCache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from pulumi_django.observability.alarms import check_percent
from pulumi_django.observability.metrics import Condition, Metric, metric_alarm


@dataclass(frozen=True, kw_only=True)
class CacheAlarmsArgs:
    topic_arn: pulumi.Input[str]
    """SNS topic that is told."""

    node_ids: Sequence[str]
    """Nodes, as CloudWatch calls them (`ReplicationGroupArgs.node_ids`)."""

    memory_percent: float = 85.0
    """Memory of a node, for five minutes."""

    cpu_percent: float = 80.0
    """CPU of a node's engine, for five minutes."""

    def __post_init__(self) -> None:
        check_percent("memory_percent", self.memory_percent)
        check_percent("cpu_percent", self.cpu_percent)


class CacheAlarms(pulumi.ComponentResource):
    """Memory and CPU of every node."""

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
