"""Alarms on every node of a cache, by its id in CloudWatch."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django import CacheAlarms, CacheAlarmsArgs, ReplicationGroupArgs
from pulumi_django.testing import simulate

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
PLACE: dict[str, Any] = {
    "group_id": "live-redis",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "client_security_group_id": "sg-app",
}


def test_node_ids_are_those_of_cloudwatch() -> None:
    assert ReplicationGroupArgs(**PLACE, nodes=3).node_ids == ["live-redis-001", "live-redis-002", "live-redis-003"]
    assert ReplicationGroupArgs(**PLACE, cluster_mode=True, shards=2).node_ids == [
        "live-redis-0001-001",
        "live-redis-0001-002",
        "live-redis-0002-001",
        "live-redis-0002-002",
    ]


def test_memory_and_cpu_of_every_node_are_watched() -> None:
    def program() -> None:
        given = CacheAlarmsArgs(topic_arn="arn:topic", node_ids=["a-001", "a-002"], memory_percent=70, cpu_percent=60)
        CacheAlarms("a-cache", given)

    made = {
        (r.inputs["dimensions"]["CacheClusterId"], r.inputs["metricName"], r.inputs["threshold"])
        for r in simulate(program).of_type(ALARM)
    }
    assert made == {
        (node, metric, threshold)
        for node in ("a-001", "a-002")
        for metric, threshold in (("DatabaseMemoryUsagePercentage", 70), ("EngineCPUUtilization", 60))
    }


@pytest.mark.parametrize("name", ["memory_percent", "cpu_percent"])
def test_a_percentage_above_100_is_refused(name: str) -> None:
    changes: dict[str, Any] = {name: 101}
    with pytest.raises(ValueError, match=rf"^{name} is 101: it must be above 0 and at most 100 %$"):
        CacheAlarmsArgs(topic_arn="arn:topic", node_ids=[], **changes)
