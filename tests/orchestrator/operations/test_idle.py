"""Idle environments by the load balancer's count, and those that are never idle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.errors import UsageError
from orchestrator.model import OutputValue, Record, StackStatus, Unit
from orchestrator.operations import idle
from orchestrator.operations.idle import Busy, Idle
from pulumi_django.rules.kinds import Kind
from tests.support.fake_ecs import CLUSTER
from tests.support.fake_engine import UPDATED
from tests.support.moto_clients import MotoClients
from tests.support.operations import BASE_OUTPUTS, OUTPUTS, target
from tests.support.workspace import APP_CONFIG, Workspace

EIGHT_HOURS = timedelta(hours=8)
BALANCER = "app/dev-alb/50dc6c495c0c9188"
NOW = UPDATED + timedelta(days=30)


@pytest.fixture
def clients() -> Iterator[MotoClients]:
    with mock_aws():
        found = MotoClients()
        ec2, elb, ecs = found.client("ec2"), found.client("elbv2"), found.client("ecs")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = elb.create_target_group(Name="alpha-gunicorn", Protocol="HTTP", Port=8000, VpcId=vpc)
        ecs.create_cluster(clusterName=CLUSTER)
        ecs.register_task_definition(
            family="alpha-gunicorn", containerDefinitions=[{"name": "gunicorn", "image": "x", "memory": 512}]
        )
        ecs.create_service(
            cluster=CLUSTER,
            serviceName="alpha-gunicorn",
            taskDefinition="alpha-gunicorn",
            desiredCount=1,
            loadBalancers=[
                {
                    "targetGroupArn": group["TargetGroups"][0]["TargetGroupArn"],
                    "containerName": "gunicorn",
                    "containerPort": 8000,
                }
            ],
        )
        yield found


def counted(clients: MotoClients, *hours_ago: float, count: int = 3) -> None:
    arn = clients.client("elbv2").describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    dimensions = [
        {"Name": "LoadBalancer", "Value": BALANCER},
        {"Name": "TargetGroup", "Value": arn.rsplit(":", 1)[-1]},
    ]
    clients.client("cloudwatch").put_metric_data(
        Namespace="AWS/ApplicationELB",
        MetricData=[
            {
                "MetricName": "RequestCount",
                "Dimensions": dimensions,
                "Timestamp": NOW - timedelta(hours=hours),
                "Value": count,
            }
            for hours in hours_ago
        ],
    )


def exists(workspace: Workspace, name: str = "alpha", *, config: str = "", **more: Any) -> None:
    workspace.engine.notice = None  # type: ignore[assignment]
    values = {**BASE_OUTPUTS, "region": "eu-west-1", "alb_arn_suffix": BALANCER}
    base = {key: OutputValue(value=value) for key, value in values.items()}
    workspace.engine.has(Unit("base", "dev"), outputs=base, record=Record(kind=Kind.AD_HOC))
    app = {field.name: OutputValue(value=getattr(OUTPUTS, field.name)) for field in fields(OUTPUTS)}
    more.setdefault("record", Record(kind=Kind.AD_HOC, base="dev"))
    workspace.engine.has(Unit("app", name), outputs=app, **more)
    workspace.write("app", name, APP_CONFIG + config)


def found(workspace: Workspace, clients: MotoClients, after: timedelta = EIGHT_HOURS) -> idle.Idleness:
    return idle.find(workspace.context(), after, NOW, lambda _: clients)


def test_without_requests_it_is_idle_and_can_be_put_to_sleep(workspace: Workspace, clients: MotoClients) -> None:
    exists(workspace)
    counted(clients, 9, 30)
    result = found(workspace, clients)
    assert (result.idle, result.busy) == ((Idle(name="alpha", quiet_for=EIGHT_HOURS),), ())
    assert result.update is not None
    assert result.update.names == ("alpha",)
    assert workspace.orchestrator().run(result.update).exit_code == 0
    assert workspace.engine.configs[Unit("app", "alpha")].values["django-app:asleep"] is True


def test_requests_keep_it_awake(workspace: Workspace, clients: MotoClients) -> None:
    exists(workspace)
    counted(clients, 2, 3.5, 9)
    result = found(workspace, clients)
    assert (result.idle, result.busy, result.update) == ((), (Busy(name="alpha", why="6 requests"),), None)


def test_requests_are_those_of_its_own_target_groups(clients: MotoClients) -> None:
    counted(clients, 1, count=7)
    alpha = target(base_outputs={"alb_arn_suffix": BALANCER})
    other = target(base_outputs={"alb_arn_suffix": "app/other/1"})
    assert idle.requests(alpha, clients, NOW - EIGHT_HOURS, NOW) == 7
    assert idle.requests(other, clients, NOW - EIGHT_HOURS, NOW) == 0
    assert idle.requests(target(base_outputs={}), clients, NOW - EIGHT_HOURS, NOW) is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"record": Record(kind=Kind.PROD, base="dev")}, "it is production"),
        ({"record": Record(kind=Kind.AD_HOC, base="dev", pinned=True)}, "it is pinned"),
        ({"status": StackStatus.FAILED}, "it is failed"),
    ],
)
def test_environments_that_are_never_idle(
    workspace: Workspace, clients: MotoClients, more: dict[str, Any], why: str
) -> None:
    exists(workspace, **more)
    assert found(workspace, clients).busy == (Busy(name="alpha", why=why),)


def test_a_fresh_deployment_counts_as_use(workspace: Workspace, clients: MotoClients) -> None:
    exists(workspace)
    result = idle.find(workspace.context(), EIGHT_HOURS, UPDATED + timedelta(hours=7), lambda _: clients)
    assert result.busy == (Busy(name="alpha", why="it was deployed within this time"),)


def test_an_environment_that_is_asleep_is_not_checked(workspace: Workspace, clients: MotoClients) -> None:
    exists(workspace, config="  django-app:asleep: 'true'\n")
    result = found(workspace, clients)
    assert (result.idle, result.busy) == ((), ())


def test_an_environment_with_an_error_stays_awake_and_does_not_block_the_others(
    workspace: Workspace, clients: MotoClients
) -> None:
    exists(workspace)
    exists(workspace, "beta")
    workspace.engine.has(Unit("app", "beta"), outputs={}, record=Record(kind=Kind.AD_HOC, base="dev"))
    result = found(workspace, clients)
    assert [item.name for item in result.idle] == ["alpha"]
    assert result.busy == (Busy(name="beta", why="beta has no services: its creation did not finish"),)


def test_in_the_simulation_no_environment_is_idle(workspace: Workspace, clients: MotoClients) -> None:
    exists(workspace)
    clients.simulated = True
    assert found(workspace, clients).busy == (Busy(name="alpha", why="the simulation has no requests"),)


@pytest.mark.parametrize("after", [timedelta(minutes=29), timedelta(days=64)])
def test_a_time_outside_the_range_of_cloudwatch_is_refused(
    workspace: Workspace, clients: MotoClients, after: timedelta
) -> None:
    with pytest.raises(UsageError, match="CloudWatch counts requests for 30m to 63d"):
        found(workspace, clients, after)
