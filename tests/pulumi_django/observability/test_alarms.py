"""Alarms, their topic and the dashboard: metrics, thresholds and notifications."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import (
    AlarmThresholds,
    AlarmTopic,
    AlarmTopicArgs,
    Dashboard,
    DashboardArgs,
    DatabaseAlarms,
    DatabaseAlarmsArgs,
    EnvironmentAlarms,
    EnvironmentAlarmsArgs,
    LoadBalancerAlarms,
    LoadBalancerAlarmsArgs,
)
from pulumi_django.observability.metrics import queue_metric
from pulumi_django.testing import SimulationResult, simulate

ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:prod"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def run(make: Callable[[], object]) -> SimulationResult:
    return simulate(lambda: (make(), None)[1])


def environment(**more: Any) -> SimulationResult:
    values: dict[str, Any] = {
        "topic_arn": TOPIC,
        "cluster_name": "shop-cluster",
        "services": {"gunicorn": "shop-gunicorn", "default": "shop-default"},
        "load_balancer": "app/prod-alb/1",
        "target_groups": {"gunicorn": "targetgroup/shop-gunicorn/2"},
        **more,
    }
    return run(lambda: EnvironmentAlarms("shop-alarms", EnvironmentAlarmsArgs(**values)))


def alarm(result: SimulationResult, name: str) -> dict[str, Any]:
    return dict(result.one(ALARM, name).inputs)


def test_web_services_have_three_alarms_and_every_service_two() -> None:
    assert [resource.name for resource in environment().of_type(ALARM)] == [
        "shop-alarms-gunicorn-errors",
        "shop-alarms-gunicorn-latency",
        "shop-alarms-gunicorn-unhealthy",
        "shop-alarms-default-cpu",
        "shop-alarms-default-memory",
        "shop-alarms-gunicorn-cpu",
        "shop-alarms-gunicorn-memory",
    ]


def test_errors_are_counted_for_five_minutes_at_the_target_group() -> None:
    errors = alarm(environment(thresholds=AlarmThresholds(web_errors=3)), "shop-alarms-gunicorn-errors")
    assert (errors["namespace"], errors["metricName"], errors["statistic"]) == (
        "AWS/ApplicationELB",
        "HTTPCode_Target_5XX_Count",
        "Sum",
    )
    assert errors["dimensions"] == {"LoadBalancer": "app/prod-alb/1", "TargetGroup": "targetgroup/shop-gunicorn/2"}
    assert (errors["threshold"], errors["period"], errors["evaluationPeriods"]) == (3, 300, 1)
    assert errors["comparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_latency_is_a_percentile() -> None:
    latency = alarm(environment(), "shop-alarms-gunicorn-latency")
    assert latency["extendedStatistic"] == "p95"
    assert "statistic" not in latency
    assert latency["threshold"] == 2


def test_the_topic_is_notified_of_start_and_end_and_missing_data_is_no_alarm() -> None:
    for resource in environment().of_type(ALARM):
        assert resource.inputs["alarmActions"] == [TOPIC]
        assert resource.inputs["okActions"] == [TOPIC]
        assert resource.inputs["treatMissingData"] == "notBreaching"
        assert resource.inputs["datapointsToAlarm"] == resource.inputs["evaluationPeriods"]


def test_a_queue_has_an_alarm_on_its_depth() -> None:
    result = environment(queues={"default": queue_metric("shop-default")}, thresholds=AlarmThresholds(queue_depth=50))
    depth = alarm(result, "shop-alarms-default-depth")
    assert depth["dimensions"] == {"QueueName": "shop-default"}
    assert depth["metricName"] == "ApproximateNumberOfMessagesVisible"
    assert depth["threshold"] == 50


def test_an_instance_is_watched_for_cpu_connections_and_free_storage() -> None:
    result = run(
        lambda: DatabaseAlarms(
            "prod-db", DatabaseAlarmsArgs(topic_arn=TOPIC, instance_id="prod-rds", free_storage_gib=2, connections=300)
        )
    )
    storage = alarm(result, "prod-db-storage")
    assert (storage["threshold"], storage["comparisonOperator"]) == (2 * 1024**3, "LessThanOrEqualToThreshold")
    assert storage["dimensions"] == {"DBInstanceIdentifier": "prod-rds"}
    assert alarm(result, "prod-db-connections")["threshold"] == 300
    assert alarm(result, "prod-db-cpu")["threshold"] == 80


def test_aurora_has_no_alarm_on_storage() -> None:
    result = run(lambda: DatabaseAlarms("prod-db", DatabaseAlarmsArgs(topic_arn=TOPIC, cluster_id="prod-aurora")))
    assert [resource.name for resource in result.of_type(ALARM)] == ["prod-db-cpu", "prod-db-connections"]
    assert alarm(result, "prod-db-cpu")["dimensions"] == {"DBClusterIdentifier": "prod-aurora"}


def test_the_load_balancers_own_errors_are_watched() -> None:
    args = LoadBalancerAlarmsArgs(topic_arn=TOPIC, load_balancer="app/prod-alb/1")
    errors = alarm(run(lambda: LoadBalancerAlarms("prod-alb", args)), "prod-alb-errors")
    assert (errors["metricName"], errors["dimensions"]) == (
        "HTTPCode_ELB_5XX_Count",
        {"LoadBalancer": "app/prod-alb/1"},
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlarmThresholds(cpu_percent=0), "cpu_percent is 0: it must be above 0 and at most 100 %"),
        (lambda: AlarmThresholds(memory_percent=101), "memory_percent is 101: it must be above 0 and at most 100 %"),
        (lambda: AlarmThresholds(web_errors=0), "web_errors is 0: it must be above 0"),
        (
            lambda: DatabaseAlarmsArgs(topic_arn=TOPIC),
            "instance_id and cluster_id: neither is set; set exactly one",
        ),
        (
            lambda: DatabaseAlarmsArgs(topic_arn=TOPIC, instance_id="a", cluster_id="b"),
            "instance_id and cluster_id: both is set; set exactly one",
        ),
        (
            lambda: AlarmTopicArgs(account_id=ACCOUNT, emails=["ops"]),
            "emails has 'ops': write an address like 'team@example.com'",
        ),
    ],
)
def test_an_invalid_alarm_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 -- the whole message is compared
        make()
    assert str(refused.value) == message


def test_the_topic_is_encrypted_and_takes_only_this_accounts_alarms_over_tls() -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    args = AlarmTopicArgs(account_id=ACCOUNT, kms_key_arn=key, emails=["ops@example.com"])
    result = run(lambda: AlarmTopic("prod-alarms", args))
    topic = result.one("aws:sns/topic:Topic")
    assert topic.inputs["kmsMasterKeyId"] == key
    policy = json.loads(result.one("aws:sns/topicPolicy:TopicPolicy").inputs["policy"])
    allow, deny = policy["Statement"]
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    subscription = result.one("aws:sns/topicSubscription:TopicSubscription").inputs
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "ops@example.com")


def dashboard(**more: Any) -> list[dict[str, Any]]:
    values: dict[str, Any] = {
        "environment": "shop",
        "region": "us-east-1",
        "cluster_name": "shop-cluster",
        "services": {"gunicorn": "shop-gunicorn"},
        "load_balancer": "app/prod-alb/1",
        "target_groups": {"gunicorn": "targetgroup/shop-gunicorn/2"},
        **more,
    }
    result = run(lambda: Dashboard("shop-dashboard", DashboardArgs(**values)))
    made = result.one("aws:cloudwatch/dashboard:Dashboard").inputs
    assert made["dashboardName"] == "shop"
    return json.loads(made["dashboardBody"])["widgets"]


def test_the_dashboard_shows_web_services_database_and_queues() -> None:
    widgets = dashboard(database_instance_id="prod-rds", queues={"default": queue_metric("shop-default")})
    assert [widget["properties"]["title"] for widget in widgets] == [
        "Requests",
        "Errors (status 500 and above)",
        "Latency of 95 in 100 requests, s",
        "CPU, %",
        "Memory, %",
        "Waiting messages",
        "Database CPU, %",
        "Database connections",
        "Free storage of the database, bytes",
    ]
    assert {(widget["x"], widget["y"]) for widget in widgets} == {(x, y) for x in (0, 8, 16) for y in (0, 6, 12)}


def test_a_series_names_its_dimensions_in_pairs() -> None:
    cpu = next(w for w in dashboard() if w["properties"]["title"] == "CPU, %")
    dimensions = ["ClusterName", "shop-cluster", "ServiceName", "shop-gunicorn"]
    series = ["AWS/ECS", "CPUUtilization", *dimensions, {"stat": "Average", "label": "gunicorn"}]
    assert cpu["properties"]["metrics"] == [series]


def test_a_dashboard_without_web_services_queues_and_database_shows_services() -> None:
    assert [w["properties"]["title"] for w in dashboard(target_groups={})] == ["CPU, %", "Memory, %"]


def test_aurora_shows_its_capacity() -> None:
    assert dashboard(database_cluster_id="prod-aurora")[-1]["properties"]["title"] == "Database capacity, ACU"
