"""Office hours: the schedules of services and of the database server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_django import contract
from pulumi_django.program.config import ConfigError
from pulumi_django.testing import SimulationResult
from tests.support.projects import simulate_alpha, simulate_dev

SERVICE = "aws:ecs/service:Service"
TARGET = "aws:appautoscaling/target:Target"
ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
SCHEDULE = "aws:scheduler/schedule:Schedule"
HOURS = {"open": "Mon-Fri 08:00-18:00", "timezone": "Europe/Berlin"}


def alpha(base: SimulationResult | None = None, **changes: Any) -> SimulationResult:
    values = {f"django-app:{key}": value for key, value in changes.items()}
    return simulate_alpha(base, changes=values) if base else simulate_alpha(changes=values)


def actions(result: SimulationResult) -> dict[str, tuple[str, str, int, int]]:
    return {
        action.inputs["name"]: (
            action.inputs["schedule"],
            action.inputs["timezone"],
            action.inputs["scalableTargetAction"]["minCapacity"],
            action.inputs["scalableTargetAction"]["maxCapacity"],
        )
        for action in result.of_type(ACTION)
    }


def test_every_service_closes_and_opens() -> None:
    result = alpha(hours=HOURS)
    opens, closes = "cron(0 8 ? * MON,TUE,WED,THU,FRI *)", "cron(0 18 ? * MON,TUE,WED,THU,FRI *)"
    expected: dict[str, tuple[str, str, int, int]] = {}
    for name in ("gunicorn", "web-ui", "default", "beat", "redis"):
        expected[f"alpha-{name}-open-0800"] = (opens, "Europe/Berlin", 1, 1)
        expected[f"alpha-{name}-close-1800"] = (closes, "Europe/Berlin", 0, 0)
    assert actions(result) == expected
    assert result.outputs["office_hours"] == "Mon-Fri 08:00-18:00 Europe/Berlin"


def test_the_stack_leaves_the_number_of_tasks_to_the_schedules() -> None:
    result = alpha(hours=HOURS)
    assert [service.inputs["desiredCount"] for service in result.of_type(SERVICE)] == [1] * 5
    assert all("desiredCount" in service.ignore_changes for service in result.of_type(SERVICE))


def test_a_scaled_service_opens_with_its_own_bounds() -> None:
    web = {"paths": ["/api/*"], "scaling": {"min_tasks": 2, "max_tasks": 5, "cpu_percent": 60}}
    result = alpha(hours=HOURS, web=web)
    assert actions(result)["alpha-gunicorn-open-0800"][2:] == (2, 5)
    assert actions(result)["alpha-gunicorn-close-1800"][2:] == (0, 0)
    bounds = {target.inputs["resourceId"]: target.inputs["minCapacity"] for target in result.of_type(TARGET)}
    assert bounds["service/alpha-cluster/alpha-gunicorn"] == 2


def test_a_service_without_tasks_stays_without() -> None:
    result = alpha(hours=HOURS, workers={"default": {"desired_count": 0}})
    assert not [name for name in actions(result) if name.startswith("alpha-default")]


def test_an_environment_that_sleeps_opens_nothing() -> None:
    result = alpha(hours=HOURS, asleep=True)
    assert {values[2:] for values in actions(result).values()} == {(0, 0)}
    assert {target.inputs["maxCapacity"] for target in result.of_type(TARGET)} == {0}
    assert [service.inputs["desiredCount"] for service in result.of_type(SERVICE)] == [0] * 5
    assert not any("desiredCount" in service.ignore_changes for service in result.of_type(SERVICE))


def test_schedules_and_hours_of_one_service_are_refused() -> None:
    nightly = {"night": {"schedule": "cron(0 3 * * ? *)", "min_tasks": 1, "max_tasks": 1}}
    web = {"paths": ["/api/*"], "scaling": {"min_tasks": 1, "max_tasks": 2, "schedules": nightly}}
    with pytest.raises(ValueError, match=r"gunicorn has scaling.schedules and the environment has hours"):
        alpha(hours=HOURS, web=web)


def dev(**changes: Any) -> SimulationResult:
    return simulate_dev(changes={f"django-base:{key}": value for key, value in changes.items()})


def test_the_database_server_starts_before_the_services_and_stops_after_them() -> None:
    schedules = {s.inputs["name"]: s.inputs for s in dev(hours=HOURS).of_type(SCHEDULE)}
    start, stop = schedules["dev-database-start-0740"], schedules["dev-database-stop-1810"]
    assert start["scheduleExpression"] == "cron(40 7 ? * MON,TUE,WED,THU,FRI *)"
    assert stop["scheduleExpressionTimezone"] == "Europe/Berlin"
    assert start["target"]["arn"] == "arn:aws:scheduler:::aws-sdk:rds:startDBInstance"
    assert json.loads(stop["target"]["input"]) == {"DbInstanceIdentifier": "dev-rds"}


def test_the_role_of_the_schedules_reaches_only_this_server() -> None:
    result = dev(hours=HOURS)
    role = result.one("aws:iam/role:Role", "dev-database-hours")
    policy = json.loads(result.one("aws:iam/rolePolicy:RolePolicy", "dev-database-hours-policy").inputs["policy"])
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["rds:StartDBInstance", "rds:StopDBInstance"]
    assert statement["Resource"] == ["arn:aws:rds:us-east-1:123456789012:db:dev-rds"]
    assert "scheduler.amazonaws.com" in role.inputs["assumeRolePolicy"]


def test_an_aurora_cluster_stops_as_a_whole() -> None:
    result = dev(hours=HOURS, aurora={})
    targets = [s.inputs["target"] for s in result.of_type(SCHEDULE)]
    assert {t["arn"].rpartition(":")[2] for t in targets} == {"startDBCluster", "stopDBCluster"}
    assert json.loads(targets[0]["input"]) == {"DbClusterIdentifier": "dev-rds"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "existing_database": {
                    "host": "db.example.com",
                    "master_secret_arn": "arn:aws:secretsmanager:x:1:secret:y",
                }
            },
            "hours and existing_database are both given",
        ),
        (
            {"database": {"replica_zones": ["us-east-1a"]}},
            "hours and database.replica_zones are both given: RDS stops no server with read replicas",
        ),
    ],
)
def test_a_server_that_cannot_be_stopped_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        dev(hours=HOURS, **changes)
    assert message in "\n".join(refused.value.problems)


def test_an_environment_has_the_hours_of_its_base() -> None:
    result = alpha(dev(hours=HOURS))
    assert actions(result)["alpha-beat-open-0800"][1] == "Europe/Berlin"


def test_an_environment_may_be_open_for_a_part_of_the_time_of_its_base() -> None:
    base = dev(hours=HOURS)
    part = alpha(base, hours={"open": "Tue 09:00-12:00", "timezone": "Europe/Berlin"})
    assert part.outputs["office_hours"] == "Tue 09:00-12:00 Europe/Berlin"
    with pytest.raises(ConfigError) as refused:
        alpha(base, hours={"open": "Sat 09:00-12:00", "timezone": "Europe/Berlin"})
    assert "the base dev is open Mon-Fri 08:00-18:00 Europe/Berlin: without the base's" in str(refused.value.problems)


def test_hours_of_another_program_that_cannot_be_read_are_refused() -> None:
    outputs = {**dev(hours=HOURS).outputs, "office_hours": "always"}
    with pytest.raises(contract.ContractError, match="office_hours of dev cannot be read: timezone is 'always'"):
        contract.from_outputs(outputs, app="alpha", base="dev")
