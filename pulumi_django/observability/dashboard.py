"""The CloudWatch dashboard of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.observability.metrics import Metric, Watched, database_metric, service_metric, web_metric

# A dashboard is 24 columns wide.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
COLUMNS, WIDTH, HEIGHT = 24, 8, 6

_DATABASE_METRICS: Mapping[str, Sequence[tuple[str, str]]] = {
    "DBInstanceIdentifier": (
        ("Database CPU, %", "CPUUtilization"),
        ("Database connections", "DatabaseConnections"),
        ("Free storage of the database, bytes", "FreeStorageSpace"),
    ),
    "DBClusterIdentifier": (
        ("Database CPU, %", "CPUUtilization"),
        ("Database connections", "DatabaseConnections"),
        ("Database capacity, ACU", "ServerlessDatabaseCapacity"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class DashboardArgs(Watched):
    environment: str
    """Name of the environment and of its dashboard."""

    region: str
    """AWS region of the metrics."""

    database_instance_id: pulumi.Input[str] | None = None
    """Identifier of the base's RDS instance; None without one."""

    database_cluster_id: pulumi.Input[str] | None = None
    """Identifier of the base's Aurora cluster; None without one."""


class Dashboard(pulumi.ComponentResource):
    """A dashboard with requests, errors, latency, CPU, memory, queues and database of one environment."""

    dashboard_name: pulumi.Output[str]
    """Name of the dashboard."""

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:observability:Dashboard", name, None, opts)
        panels = [*_web_panels(args), *_service_panels(args), *_queue_panels(args), *_database_panels(args)]
        widgets = [_widget(index, args.region, title, series) for index, (title, series) in enumerate(panels)]
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=args.environment,
            dashboard_body=pulumi.Output.json_dumps({"widgets": widgets}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard_name = dashboard.dashboard_name
        self.register_outputs({"dashboard_name": self.dashboard_name})


Panel = tuple[str, Mapping[str, Metric]]
"""Title, and series by label."""


def _web_panels(args: DashboardArgs) -> list[Panel]:
    def panel(title: str, metric: str, statistic: str) -> Panel:
        return title, {
            service: web_metric(args.load_balancer, group, metric, statistic)
            for service, group in sorted(args.target_groups.items())
        }

    if not args.target_groups:
        return []
    return [
        panel("Requests", "RequestCount", "Sum"),
        panel("Errors (status 500 and above)", "HTTPCode_Target_5XX_Count", "Sum"),
        panel("Latency of 95 in 100 requests, s", "TargetResponseTime", "p95"),
    ]


def _service_panels(args: DashboardArgs) -> list[Panel]:
    def panel(title: str, metric: str) -> Panel:
        services = sorted(args.services.items())
        return title, {service: service_metric(args.cluster_name, name, metric) for service, name in services}

    return [panel("CPU, %", "CPUUtilization"), panel("Memory, %", "MemoryUtilization")]


def _queue_panels(args: DashboardArgs) -> list[Panel]:
    return [("Waiting messages", dict(sorted(args.queues.items())))] if args.queues else []


def _database_panels(args: DashboardArgs) -> list[Panel]:
    for dimension, identifier in (
        ("DBInstanceIdentifier", args.database_instance_id),
        ("DBClusterIdentifier", args.database_cluster_id),
    ):
        if identifier is not None:
            metrics = _DATABASE_METRICS[dimension]
            return [(title, {"database": database_metric(dimension, identifier, name)}) for title, name in metrics]
    return []


def _widget(index: int, region: str, title: str, series: Mapping[str, Metric]) -> dict[str, Any]:
    row, column = divmod(index, COLUMNS // WIDTH)
    return {
        "type": "metric",
        "x": column * WIDTH,
        "y": row * HEIGHT,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": region,
            "view": "timeSeries",
            "period": 60,
            "yAxis": {"left": {"min": 0}},
            "metrics": [_series(label, metric) for label, metric in series.items()],
        },
    }


def _series(label: str, metric: Metric) -> list[Any]:
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic, "label": label}]
