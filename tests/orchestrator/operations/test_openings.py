"""`wake --until`: what its office hours have closed opens, and AWS closes it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.api import Orchestrator
from orchestrator.errors import RefusedError, UsageError
from orchestrator.model import Kind, OutputValue, Record, StackResource, Unit
from orchestrator.operations import sleep
from orchestrator.operations.aws import reach
from orchestrator.operations.sleep import Want
from pulumi_django.testing import SimulationResult
from tests.support.moto_clients import MotoClients
from tests.support.operations import BASE_OUTPUTS, OUTPUTS
from tests.support.projects import simulate_alpha, simulate_dev
from tests.support.workspace import APP_CONFIG, Workspace

HOURS = {"open": "Mon-Fri 08:00-18:00", "timezone": "Europe/Berlin"}
TEXT = "Mon-Fri 08:00-18:00 Europe/Berlin"
EVENING = datetime(2026, 11, 27, 19, tzinfo=UTC)
NOON = datetime(2026, 11, 27, 11, tzinfo=UTC)
ALPHA, DEV = Unit("app", "alpha"), Unit("base", "dev")


@pytest.fixture(scope="module")
def stacks() -> dict[Unit, tuple[StackResource, ...]]:
    base = simulate_dev(changes={"django-base:hours": HOURS})
    return {DEV: _resources(base), ALPHA: _resources(simulate_alpha(base))}


def _resources(result: SimulationResult) -> tuple[StackResource, ...]:
    return tuple(StackResource(urn=r.urn, type=r.type, name=r.name, inputs=r.inputs) for r in result.resources)


@pytest.fixture
def clients() -> Iterator[MotoClients]:
    with mock_aws():
        found = MotoClients()
        found.client("rds").create_db_instance(
            DBInstanceIdentifier="dev-rds",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="postgres",
            ManageMasterUserPassword=True,
        )
        found.client("ecs").create_cluster(clusterName="alpha-cluster")
        yield found


@pytest.fixture
def here(workspace: Workspace, stacks: dict[Unit, tuple[StackResource, ...]]) -> Workspace:
    base = {**BASE_OUTPUTS, "database_instance_id": "dev-rds", "region": "eu-west-1", "office_hours": TEXT}
    record = {"created": datetime(2026, 11, 1, tzinfo=UTC)}
    workspace.engine.has(DEV, outputs=_outputs(base), record=Record(kind=Kind.AD_HOC, **record))
    app = {**asdict(OUTPUTS), "office_hours": TEXT}
    workspace.engine.has(ALPHA, outputs=_outputs(app), record=Record(kind=Kind.AD_HOC, base="dev", **record))
    workspace.write("app", "alpha", APP_CONFIG)
    workspace.engine.resources = lambda unit: stacks[unit]  # type: ignore[method-assign]
    return workspace


def _outputs(values: dict[str, Any]) -> dict[str, OutputValue]:
    return {name: OutputValue(value=value) for name, value in values.items() if value is not None}


def at(workspace: Workspace, now: datetime) -> Orchestrator:
    workspace.now = now
    return workspace.orchestrator()


def wake(
    workspace: Workspace, clients: MotoClients, *names: str, now: datetime = EVENING, until: str | None = None
) -> sleep.RestResult:
    context = at(workspace, now).context
    rest = sleep.prepare(context, names, Want.WAKE, until=until)
    return sleep.run(
        rest,
        context,
        at(workspace, now).run,
        clients_for=lambda _base: clients,
        clients_of=lambda _target: clients,
    )


def bounds(clients: MotoClients) -> dict[str, tuple[int, int]]:
    found = clients.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    return {t["ResourceId"].rpartition("/")[2]: (t["MinCapacity"], t["MaxCapacity"]) for t in found["ScalableTargets"]}


def actions(clients: MotoClients) -> dict[str, Any]:
    found = clients.client("application-autoscaling").describe_scheduled_actions(ServiceNamespace="ecs")
    return {action["ScheduledActionName"]: action for action in found["ScheduledActions"]}


def with_services(clients: MotoClients, stacks: dict[Unit, tuple[StackResource, ...]]) -> None:
    """The services of alpha and their closed bounds exist in AWS, and the schedules of its base."""
    for resource in stacks[ALPHA]:
        if resource.type == "aws:appautoscaling/target:Target":
            name = str(resource.inputs["resourceId"]).rpartition("/")[2]
            clients.client("ecs").register_task_definition(
                family=name, containerDefinitions=[{"name": name, "image": "x", "memory": 1}]
            )
            clients.client("ecs").create_service(
                cluster="alpha-cluster", serviceName=name, taskDefinition=name, desiredCount=0
            )
            clients.client("application-autoscaling").register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=resource.inputs["resourceId"],
                ScalableDimension="ecs:service:DesiredCount",
                MinCapacity=0,
                MaxCapacity=0,
            )
    for resource in stacks[DEV]:
        if resource.type == "aws:scheduler/schedule:Schedule":
            target = resource.inputs["target"]
            clients.client("scheduler").create_schedule(
                Name=resource.inputs["name"],
                ScheduleExpression=resource.inputs["scheduleExpression"],
                ScheduleExpressionTimezone=resource.inputs["scheduleExpressionTimezone"],
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": target["arn"], "RoleArn": target["roleArn"], "Input": target["input"]},
            )


def test_services_and_server_are_open_until_the_given_time(
    here: Workspace, clients: MotoClients, stacks: dict[Unit, tuple[StackResource, ...]]
) -> None:
    with_services(clients, stacks)
    result = wake(here, clients, "alpha", "dev", until="22:00")
    assert [each.opening.text for each in result.opened] == [
        "dev is open until Fri 22:00",
        "alpha is open until Fri 22:00",
    ]
    assert set(bounds(clients).values()) == {(1, 1)}
    end = datetime(2026, 11, 27, 21, tzinfo=UTC)
    closing, once = actions(clients)["alpha-gunicorn-close-1800"], actions(clients)["alpha-gunicorn-until"]
    assert closing["StartTime"] == end
    assert closing["Schedule"] == "cron(0 18 ? * MON,TUE,WED,THU,FRI *)"
    assert (once["Schedule"], once["Timezone"]) == ("at(2026-11-27T22:00:00)", "Europe/Berlin")
    assert once["ScalableTargetAction"] == {"MinCapacity": 0, "MaxCapacity": 0}
    scheduler = clients.client("scheduler")
    assert scheduler.get_schedule(Name="dev-database-stop-1810")["StartDate"] == end + timedelta(minutes=10)
    assert scheduler.get_schedule(Name="dev-database-stop-1810")["State"] == "ENABLED"
    stop = scheduler.get_schedule(Name="dev-database-until")
    assert stop["ScheduleExpression"] == "at(2026-11-27T22:10:00)"
    assert stop["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"
    assert here.engine.kept[ALPHA].record.open_until == here.engine.kept[DEV].record.open_until == end  # type: ignore[union-attr]
    assert all(each.closed_until is None for each in at(here, EVENING).list())


def test_without_a_time_the_next_regular_closing_closes_it(
    here: Workspace, clients: MotoClients, stacks: dict[Unit, tuple[StackResource, ...]]
) -> None:
    with_services(clients, stacks)
    result = wake(here, clients, "dev", "alpha")
    assert [each.opening.until.isoformat() for each in result.opened] == ["2026-11-30T18:00:00+01:00"] * 2
    assert set(bounds(clients).values()) == {(1, 1)}


def test_an_environment_that_is_open_stays_open_longer(
    here: Workspace, clients: MotoClients, stacks: dict[Unit, tuple[StackResource, ...]]
) -> None:
    with_services(clients, stacks)
    result = wake(here, clients, "dev", "alpha", now=NOON, until="22:00")
    assert [each.opening.closed for each in result.opened] == [False, False]
    assert set(bounds(clients).values()) == {(0, 0)}  # whatever they are, they stay
    assert actions(clients)["alpha-redis-close-1800"]["StartTime"] == datetime(2026, 11, 27, 21, tzinfo=UTC)


def test_a_second_opening_of_the_same_day_moves_the_end(
    here: Workspace, clients: MotoClients, stacks: dict[Unit, tuple[StackResource, ...]]
) -> None:
    with_services(clients, stacks)
    wake(here, clients, "dev", "alpha", until="21:00")
    wake(here, clients, "dev", "alpha", until="23:30")
    assert actions(clients)["alpha-beat-until"]["Schedule"] == "at(2026-11-27T23:30:00)"
    stop = clients.client("scheduler").get_schedule(Name="dev-database-until")
    assert stop["ScheduleExpression"] == "at(2026-11-27T23:40:00)"


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("22:00", "2026-11-27T22:00:00+01:00"),
        ("19:30", "2026-11-28T19:30:00+01:00"),
        ("3h", "2026-11-27T23:00:00+01:00"),
        ("2d", "2026-11-29T20:00:00+01:00"),
    ],
)
def test_the_time_is_in_the_zone_of_the_hours(here: Workspace, until: str, end: str) -> None:
    rest = sleep.prepare(at(here, EVENING).context, ("dev", "alpha"), Want.WAKE, until=until)
    assert {each.until.isoformat() for each in rest.openings} == {end}


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ("25:00", "--until is 25:00: it must be a time of day such as 22:00, or a duration such as 3h"),
        ("7d", "--until is 7d: at most 6d"),
        ("soon", "'soon' is not a duration: write a number with w, d, h, m or s, above zero and at most ten years"),
    ],
)
def test_a_wrong_time_is_refused(here: Workspace, until: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        sleep.prepare(at(here, EVENING).context, ("dev", "alpha"), Want.WAKE, until=until)
    assert caught.value.message == message


def test_a_time_without_office_hours_is_refused(here: Workspace) -> None:
    here.engine.kept[ALPHA].outputs.pop("office_hours")
    with pytest.raises(UsageError) as caught:
        sleep.prepare(at(here, EVENING).context, ("alpha",), Want.WAKE, until="22:00")
    assert caught.value.message == "--until cannot be used: alpha has no office hours"


@pytest.mark.parametrize(("now", "until"), [(EVENING, "22:00"), (EVENING, None), (NOON, "22:00")])
def test_an_environment_is_not_opened_longer_than_its_database(
    here: Workspace, now: datetime, until: str | None
) -> None:
    with pytest.raises(RefusedError) as caught:
        sleep.prepare(at(here, now).context, ("alpha",), Want.WAKE, until=until)
    assert caught.value.message.startswith("alpha was not opened: the database server of dev does not run until ")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("open both: `orchestrator wake dev alpha --until ")


def test_an_environment_opens_on_a_base_that_is_open_long_enough(here: Workspace) -> None:
    record = here.engine.kept[DEV].record
    assert record is not None
    here.engine.has(
        DEV,
        outputs=here.engine.kept[DEV].outputs,
        record=Record(kind=Kind.AD_HOC, created=record.created, open_until=EVENING + timedelta(hours=4)),
    )
    rest = sleep.prepare(at(here, EVENING).context, ("alpha",), Want.WAKE, until="22:00")
    assert [each.name for each in rest.openings] == ["alpha"]


def test_what_is_open_and_awake_is_not_changed(here: Workspace) -> None:
    rest = sleep.prepare(at(here, NOON).context, ("alpha",), Want.WAKE)
    assert (rest.openings, rest.settled, rest.update) == ((), ("alpha",), None)


def test_the_schedule_of_an_opening_goes_with_its_base(
    here: Workspace,
    clients: MotoClients,
    stacks: dict[Unit, tuple[StackResource, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_services(clients, stacks)
    wake(here, clients, "dev", until="22:00")
    del here.engine.kept[ALPHA]
    here.engine.notice = None
    monkeypatch.setattr(reach, "for_base", lambda _base: clients)
    assert at(here, EVENING).destroy_base("dev").exit_code == 0
    names = sorted(schedule["Name"] for schedule in clients.client("scheduler").list_schedules()["Schedules"])
    assert names == [
        "dev-database-start-0740",
        "dev-database-stop-1810",
    ]  # the stack's own, which this engine does not delete
    assert [event for event in here.events if "left behind" in str(event)] == []
