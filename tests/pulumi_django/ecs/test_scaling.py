"""Bounds and policies of a service: presets, resources, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import (
    Autoscaling,
    AutoscalingArgs,
    CpuSteps,
    QueueStep,
    QueueSteps,
    Scaling,
    ScheduledScaling,
    TrackedMetric,
)
from pulumi_django.ecs.scaling import WORKER_SCALING, worker_scaling
from pulumi_django.testing import SimulationResult, simulate

POLICY = "aws:appautoscaling/policy:Policy"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TARGET = "aws:appautoscaling/target:Target"
STEPS = QueueSteps(steps=[QueueStep(at_least=10, change=1), QueueStep(at_least=50, change=3)])


def arguments(scaling: Scaling, **changes: Any) -> AutoscalingArgs:
    values = {"cluster_name": "shop-cluster", "service": "default", "service_name": "shop-default", **changes}
    return AutoscalingArgs(scaling=scaling, **values)


def scaled(scaling: Scaling, **changes: Any) -> SimulationResult:
    return simulate(lambda: Autoscaling("scaling", arguments(scaling, **changes)) and None)


def steps(result: SimulationResult, policy: str) -> list[dict[str, Any]]:
    return result.one(POLICY, policy).inputs["stepScalingPolicyConfiguration"]["stepAdjustments"]


def test_the_means_of_cpu_memory_and_requests_are_kept() -> None:
    result = scaled(
        Scaling(min_tasks=2, max_tasks=9, cpu_percent=75, memory_percent=80, requests_per_target=1000),
        request_label="app/prod/1/targetgroup/shop/2",
    )
    target = result.one(TARGET).inputs
    assert (target["resourceId"], target["minCapacity"], target["maxCapacity"]) == (
        "service/shop-cluster/shop-default",
        2,
        9,
    )
    kept = {
        p.inputs["name"]: (
            p.inputs["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"],
            p.inputs["targetTrackingScalingPolicyConfiguration"]["targetValue"],
        )
        for p in result.of_type(POLICY)
    }
    assert kept == {
        "shop-default-cpu": ({"predefinedMetricType": "ECSServiceAverageCPUUtilization"}, 75.0),
        "shop-default-memory": ({"predefinedMetricType": "ECSServiceAverageMemoryUtilization"}, 80.0),
        "shop-default-requests": (
            {"predefinedMetricType": "ALBRequestCountPerTarget", "resourceLabel": "app/prod/1/targetgroup/shop/2"},
            1000.0,
        ),
    }


def test_cpu_steps_take_tasks_well_below_the_point_where_they_add_them() -> None:
    """Row 4.31, whose low threshold was as high as the high one."""
    result = scaled(Scaling(min_tasks=1, max_tasks=3, cpu_steps=CpuSteps()))
    high, low = (result.one(ALARM, f"scaling-cpu-utilization-{end}").inputs for end in ("high", "low"))
    assert (high["name"], high["threshold"], high["comparisonOperator"]) == (
        "shop-default_cpu_utilization_high",
        85.0,
        "GreaterThanOrEqualToThreshold",
    )
    assert (low["name"], low["threshold"], low["comparisonOperator"]) == (
        "shop-default_cpu_utilization_low",
        10.0,
        "LessThanOrEqualToThreshold",
    )
    for alarm in (high, low):
        assert (alarm["statistic"], alarm["period"], alarm["evaluationPeriods"]) == ("Average", 60, 2)
        assert alarm["dimensions"] == {"ClusterName": "shop-cluster", "ServiceName": "shop-default"}
    assert steps(result, "scaling-cpu-out") == [{"metricIntervalLowerBound": "0", "scalingAdjustment": 1}]
    assert steps(result, "scaling-cpu-in") == [{"metricIntervalUpperBound": "0", "scalingAdjustment": -1}]
    assert high["alarmActions"] == [result.one(POLICY, "scaling-cpu-out").outputs["arn"]]
    configuration = result.one(POLICY, "scaling-cpu-out").inputs["stepScalingPolicyConfiguration"]
    assert (configuration["cooldown"], configuration["metricAggregationType"]) == (60, "Maximum")


def test_queue_steps_count_from_the_first_ones_threshold() -> None:
    result = scaled(Scaling(min_tasks=0, max_tasks=4, queue_steps=STEPS), queue_name="shop-default")
    alarm = result.one(ALARM, "scaling-queue-depth-high").inputs
    assert (alarm["threshold"], alarm["metricName"]) == (10.0, "ApproximateNumberOfMessagesVisible")
    assert steps(result, "scaling-queue-out") == [
        {"metricIntervalLowerBound": "0", "metricIntervalUpperBound": "40", "scalingAdjustment": 1},
        {"metricIntervalLowerBound": "40", "scalingAdjustment": 3},
    ]


def test_a_queue_whose_last_message_is_worked_on_is_not_empty() -> None:
    result = scaled(Scaling(min_tasks=0, max_tasks=4, queue_steps=STEPS), queue_name="shop-default")
    alarm = result.one(ALARM, "scaling-queue-empty").inputs
    assert alarm["metricQueries"][-1]["expression"] == "waiting + working"
    assert [query["metric"]["metricName"] for query in alarm["metricQueries"][:-1]] == [
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
    ]
    assert (alarm["threshold"], alarm["evaluationPeriods"]) == (0.0, 5)
    assert steps(result, "scaling-queue-in") == [{"metricIntervalUpperBound": "0", "scalingAdjustment": -1}]


def test_the_serverless_systems_stages_are_there_as_data() -> None:
    staging, production = WORKER_SCALING["staging"], WORKER_SCALING["production"]
    assert (staging.min_tasks, staging.max_tasks, production.min_tasks, production.max_tasks) == (1, 2, 2, 4)
    figures = {
        name: [(step.at_least, step.change) for step in scaling.queue_steps.steps]
        for name, scaling in WORKER_SCALING.items()
        if scaling.queue_steps
    }
    assert figures == {"staging": [(10, 1)], "production": [(100, 1), (200, 1), (500, 2)]}
    assert worker_scaling("production") is production
    result = scaled(production, queue_name="q")
    assert [(s["metricIntervalLowerBound"], s["scalingAdjustment"]) for s in steps(result, "scaling-queue-out")] == [
        ("0", 1),
        ("100", 1),
        ("400", 2),
    ]
    # An empty queue takes no task by itself there; CDK's worker keeps 50 % CPU beside, which does.
    assert "scaling-queue-in" not in [r.name for r in result.of_type(POLICY)]
    tracked = result.one(POLICY, "scaling-cpu").inputs["targetTrackingScalingPolicyConfiguration"]
    assert tracked["targetValue"] == 50.0


def test_schedules_change_the_bounds() -> None:
    night = ScheduledScaling(schedule="cron(0 20 * * ? *)", min_tasks=0, max_tasks=1, timezone="Europe/Berlin")
    result = scaled(Scaling(min_tasks=1, max_tasks=3, cpu_percent=75, schedules={"night": night}))
    action = result.one("aws:appautoscaling/scheduledAction:ScheduledAction", "scaling-at-night").inputs
    assert action["name"] == "shop-default-night"
    assert (action["schedule"], action["timezone"]) == ("cron(0 20 * * ? *)", "Europe/Berlin")
    assert action["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 1}


def test_a_metric_that_the_application_publishes_is_kept() -> None:
    waiting = TrackedMetric(namespace="Shop", name="Waiting", target_value=20, dimensions={"Queue": "default"})
    result = scaled(Scaling(min_tasks=0, max_tasks=6, metrics={"waiting": waiting}))
    policy = result.one(POLICY, "scaling-metric-waiting").inputs
    assert policy["name"] == "shop-default-metric-waiting"
    configuration = policy["targetTrackingScalingPolicyConfiguration"]
    assert configuration["targetValue"] == 20.0
    assert configuration["customizedMetricSpecification"] == {
        "namespace": "Shop",
        "metricName": "Waiting",
        "statistic": "Average",
        "dimensions": [{"name": "Queue", "value": "default"}],
    }


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: arguments(Scaling(min_tasks=0, max_tasks=1, queue_steps=STEPS)),
        "default has scaling by queue_steps and no SQS queue: use SQS as broker, or scale it by cpu_percent",
    ),
    (
        lambda: arguments(Scaling(min_tasks=1, max_tasks=2, requests_per_target=5)),
        "default has scaling by requests_per_target and no target group that counts its requests: scale it "
        "by cpu_percent",
    ),
    (
        lambda: Scaling(min_tasks=1, max_tasks=2),
        "min_tasks is 1 and max_tasks is 2 and nothing changes the number of tasks between "
        "them: give cpu_percent, memory_percent, "
        "requests_per_target, metrics, cpu_steps, queue_steps or schedules",
    ),
    (
        lambda: Scaling(min_tasks=3, max_tasks=2, cpu_percent=75),
        "min_tasks is 3 and max_tasks is 2: max_tasks must be 1 to 5000, min_tasks 0 to max_tasks",
    ),
    (
        lambda: Scaling(min_tasks=0, max_tasks=2, cpu_percent=75),
        "min_tasks is 0 and only cpu_percent could add a task: without a task there is nothing to measure, so give "
        "queue_steps, metrics or schedules, or min_tasks 1",
    ),
    (
        lambda: Scaling(min_tasks=1, max_tasks=2, cpu_percent=75, cpu_steps=CpuSteps()),
        "cpu_percent is 75 and there are cpu_steps: they would work against each other, so give one",
    ),
    (
        lambda: Scaling(
            min_tasks=1,
            max_tasks=2,
            queue_steps=QueueSteps(steps=[QueueStep(at_least=1, change=1)], empty_change=0),
        ),
        "queue_steps removes no task when the queue is empty (empty_change 0), and nothing else does: the service "
        "would only grow, so give empty_change or another policy",
    ),
    (lambda: Scaling(min_tasks=1, max_tasks=2, cpu_percent=101), "cpu_percent is 101: it must be 1 to 100"),
    (
        lambda: CpuSteps(high_percent=85, low_percent=85),
        "low_percent is 85 and high_percent is 85: both must be 0 to 100, and low below high",
    ),
    (
        lambda: CpuSteps(period_seconds=30),
        "period_seconds is 30: the metrics of ECS and SQS have a value a minute, so 60, 120, ...",
    ),
    (
        lambda: QueueSteps(steps=[QueueStep(at_least=9, change=1), QueueStep(at_least=3, change=1)]),
        "steps begin at 9, 3 messages: they rise from step to step",
    ),
    (
        lambda: QueueSteps(steps=[QueueStep(at_least=9, change=1)], empty_change=1),
        "empty_change is 1: an empty queue removes tasks, so it is 0 or below",
    ),
    (lambda: QueueSteps(steps=[]), "steps is empty: give at least one step, such as 1 task from 10 messages on"),
    (
        lambda: TrackedMetric(namespace="Shop", name="Waiting", target_value=0),
        "target_value is 0: it must be above 0",
    ),
    (lambda: QueueStep(at_least=0, change=1), "at_least is 0: it must be 1 or more"),
    (
        lambda: ScheduledScaling(schedule="rate(1 days)", min_tasks=1, max_tasks=1),
        "the schedule 'rate(1 days)' has the unit days: AWS requires 'minute' with 1, otherwise 'minutes'",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_arguments_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
