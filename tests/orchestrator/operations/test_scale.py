"""`scale`: numbers and bounds of tasks, in the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError, UsageError
from orchestrator.operations import scale
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.scale import Count
from tests.support.fake_ecs import CLUSTER
from tests.support.moto_clients import MotoClients
from tests.support.operations import OUTPUTS, target
from tests.support.workspace import APP_CONFIG, Workspace

PROD = target(outputs=replace(OUTPUTS, kind="prod"))


@pytest.fixture
def clients() -> Iterator[MotoClients]:
    with mock_aws():
        found = MotoClients()
        ecs = found.client("ecs")
        ecs.create_cluster(clusterName=CLUSTER)
        for name in ("alpha-gunicorn", "alpha-default"):
            ecs.register_task_definition(family=name, containerDefinitions=[{"name": "x", "image": "x", "memory": 512}])
            ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=name, desiredCount=2)
        yield found


def scales(clients: MotoClients, service: str, fewest: int, most: int) -> None:
    clients.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{CLUSTER}/{service}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=fewest,
        MaxCapacity=most,
    )


def prepared(
    workspace: Workspace, clients: MotoClients, *texts: str, config: str = "", on: Target | None = None
) -> dict[str, Any]:
    workspace.write("app", "alpha", APP_CONFIG + config)
    application = AppStack("alpha", StackConfig.load(workspace.orchestrator().settings.by_key["app"], "alpha"))
    found = scale.prepare(scale.parse(texts), on or target(), clients, application)
    return {str(assignment): assignment.value for scaled in found for assignment in scaled.assignments}


def test_numbers_go_where_the_configuration_keeps_them(workspace: Workspace, clients: MotoClients) -> None:
    assert prepared(workspace, clients, "web=3", "web-ui=2", "default=0") == {
        "django-app:web.desired_count": 3,
        "django-app:frontend.desired_count": 2,
        "django-app:workers.default.desired_count": 0,
    }


def test_the_number_of_one_of_the_services_goes_to_its_own_key(workspace: Workspace, clients: MotoClients) -> None:
    config = "  django-app:services:\n    channels:\n      paths: [/ws/*]\n"
    names = (*OUTPUTS.service_names, "alpha-channels")
    on = target(outputs=replace(OUTPUTS, service_names=names))
    key = "django-app:services.channels.desired_count"
    assert prepared(workspace, clients, "channels=3", config=config, on=on) == {key: 3}


def test_a_service_is_found_by_the_name_that_the_configuration_gives_it(
    workspace: Workspace, clients: MotoClients
) -> None:
    config = "  django-app:web:\n    service: default\n"
    assert prepared(workspace, clients, "default=3", config=config) == {"django-app:web.desired_count": 3}


def test_a_scaled_service_gets_bounds_and_keeps_its_policies(workspace: Workspace, clients: MotoClients) -> None:
    scales(clients, "alpha-gunicorn", 2, 5)
    config = "  django-app:web:\n    scaling:\n      min_tasks: 2\n      max_tasks: 5\n      memory_percent: 60\n"
    assert prepared(workspace, clients, "web=3..9", config=config) == {
        "django-app:web.scaling.min_tasks": 3,
        "django-app:web.scaling.max_tasks": 9,
    }


def test_bounds_of_a_service_that_production_scales_by_default_come_with_its_policy(
    workspace: Workspace, clients: MotoClients
) -> None:
    scales(clients, "alpha-gunicorn", 2, 5)
    (value,) = prepared(workspace, clients, "web=3..9", on=PROD).values()
    assert (value["min_tasks"], value["max_tasks"], value["cpu_percent"]) == (3, 9, 75)


def test_a_number_for_a_scaled_service_is_refused(workspace: Workspace, clients: MotoClients) -> None:
    scales(clients, "alpha-gunicorn", 2, 5)
    with pytest.raises(RefusedError) as caught:
        prepared(workspace, clients, "web=3")
    assert caught.value.message == "gunicorn is autoscaled between 2 and 5 tasks: a fixed number would not last"
    assert caught.value.hint == "give bounds, for example gunicorn=3..5"


def test_bounds_for_a_service_that_is_not_scaled_are_refused(workspace: Workspace, clients: MotoClients) -> None:
    with pytest.raises(RefusedError, match="gunicorn is not autoscaled"):
        prepared(workspace, clients, "web=2..3")


def test_a_preset_has_its_own_bounds(workspace: Workspace, clients: MotoClients) -> None:
    scales(clients, "alpha-default", 1, 3)
    config = "  django-app:workers:\n    default:\n      scaling: staging\n"
    with pytest.raises(RefusedError, match="default is scaled by the preset 'staging' with fixed bounds"):
        prepared(workspace, clients, "default=2..4", config=config)


@pytest.mark.parametrize("name", ["beat", "redis"])
def test_what_runs_once_cannot_be_scaled(workspace: Workspace, clients: MotoClients, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        prepared(workspace, clients, f"{name}=2")


def test_one_service_by_two_names_is_refused(workspace: Workspace, clients: MotoClients) -> None:
    with pytest.raises(UsageError, match="web, gunicorn are names of one service"):
        prepared(workspace, clients, "web=2", "gunicorn=3")


def test_counts_are_read() -> None:
    assert scale.parse(["web=3", "default=2..6"]) == {"web": Count(3), "default": Count(2, 6)}
    assert str(Count(2, 6)) == "2..6"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "no count is given"),
        (["web"], "'web' is not a count: a count is SERVICE=NUMBER or SERVICE=FEWEST..MOST"),
        (["web=-1"], "'web=-1' is not a count: a count is SERVICE=NUMBER or SERVICE=FEWEST..MOST"),
        (["web=5001"], "web=5001 cannot be used: ECS runs at most 5000 tasks of a service"),
        (["web=3..2"], "web=3..2 cannot be used: bounds are 1 or more, the smaller one first"),
        (["web=0..2"], "web=0..2 cannot be used: bounds are 1 or more, the smaller one first"),
        (["web=1", "web=2"], "web is given twice: give it once"),
    ],
)
def test_a_text_that_is_not_a_count_is_refused(texts: Sequence[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        scale.parse(texts)
    assert caught.value.message == message
