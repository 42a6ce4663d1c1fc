"""Management commands on a schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import ContainerSetup, ScheduledCommand, ScheduledCommandArgs, ServicePlacement, TaskSize
from pulumi_django.testing import SimulationResult, simulate

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/shop-cluster"


def arguments(**changes: Any) -> ScheduledCommandArgs:
    values: dict[str, Any] = {
        "command_name": "sweep",
        "placement": ServicePlacement(
            environment="shop",
            cluster_arn=CLUSTER,
            cluster_name="shop-cluster",
            subnet_ids=["subnet-1"],
            security_group_ids=["sg-app", "sg-shop"],
            exec_enabled=False,
            asleep=changes.pop("asleep", False),
        ),
        "container": ContainerSetup(
            image="app:v1",
            execution_role_arn="arn:aws:iam::123456789012:role/execution",
            task_role_arn="arn:aws:iam::123456789012:role/task",
            region="us-east-1",
        ),
        "size": TaskSize(command=["python", "manage.py", "clearsessions"]),
        "schedule": "cron(0 3 * * ? *)",
        **changes,
    }
    return ScheduledCommandArgs(**values)


def scheduled(**changes: Any) -> SimulationResult:
    return simulate(lambda: ScheduledCommand("shop-sweep", arguments(**changes)) and None)


def test_the_clock_starts_the_newest_task_definition_in_private_subnets() -> None:
    result = scheduled(timezone="Europe/Berlin", retries=2)
    schedule = result.one("aws:scheduler/schedule:Schedule").inputs
    assert (schedule["name"], schedule["state"]) == ("shop-sweep", "ENABLED")
    assert (schedule["scheduleExpression"], schedule["scheduleExpressionTimezone"]) == (
        "cron(0 3 * * ? *)",
        "Europe/Berlin",
    )
    target = schedule["target"]
    assert target["arn"] == CLUSTER
    assert target["retryPolicy"] == {"maximumRetryAttempts": 2}
    task = target["ecsParameters"]
    assert task["taskDefinitionArn"] == result.one("aws:ecs/taskDefinition:TaskDefinition").outputs["arn"]
    assert (task["launchType"], task["taskCount"]) == ("FARGATE", 1)
    assert task["networkConfiguration"] == {
        "subnets": ["subnet-1"],
        "securityGroups": ["sg-app", "sg-shop"],
        "assignPublicIp": False,
    }


def test_the_clock_may_start_this_task_in_this_cluster_and_hand_it_its_two_roles() -> None:
    result = scheduled()
    document = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    granted = {statement["Sid"]: statement for statement in document["Statement"]}
    assert granted["Run"]["Resource"] == [result.one("aws:ecs/taskDefinition:TaskDefinition").outputs["arn"]]
    assert granted["Run"]["Condition"] == {"ArnEquals": {"ecs:cluster": CLUSTER}}
    assert granted["Roles"]["Resource"] == [
        "arn:aws:iam::123456789012:role/execution",
        "arn:aws:iam::123456789012:role/task",
    ]
    assert granted["Tag"]["Resource"] == ["arn:aws:ecs:us-east-1:*:task/shop-cluster/*"]
    trust = json.loads(result.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "scheduler.amazonaws.com"}


@pytest.mark.parametrize("changes", [{"enabled": False}, {"asleep": True}])
def test_the_schedule_is_disabled_when_it_is_off_and_while_the_environment_sleeps(changes: dict[str, Any]) -> None:
    assert scheduled(**changes).one("aws:scheduler/schedule:Schedule").inputs["state"] == "DISABLED"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: arguments(schedule="every night"),
            "the schedule 'every night' cannot be used: a schedule is 'cron(minutes hours day-of-month month day-of-week "
            "year)' or 'rate(value unit)'",
        ),
        (lambda: arguments(size=TaskSize()), "the scheduled command sweep has no command: give its words"),
        (lambda: arguments(retries=186), "retries is 186: it must be 0 to 185"),
        (
            lambda: arguments(timezone="Berlin"),
            "timezone is 'Berlin': it must be a name of the tz database such as 'Europe/Berlin'",
        ),
    ],
)
def test_an_invalid_schedule_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
