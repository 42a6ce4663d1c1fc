"""Containers beside a task's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import TaskDefinition, TaskDefinitionArgs
from pulumi_django.testing import simulate


def arguments(**changes: Any) -> TaskDefinitionArgs:
    values: dict[str, Any] = {
        "environment": "alpha",
        "service": "gunicorn",
        "image": "app:v1",
        "port": 8000,
        "execution_role_arn": "arn:aws:iam::1:role/x",
        "log_group_name": "/ecs/alpha/gunicorn",
        "region": "us-east-1",
        **changes,
    }
    return TaskDefinitionArgs(**values)


def containers(**sidecars: Sidecar) -> list[dict[str, Any]]:
    def program() -> None:
        TaskDefinition("web", arguments(sidecars=sidecars))

    result = simulate(program)
    return json.loads(result.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])


def test_the_tasks_own_container_comes_first_and_the_others_in_name_order() -> None:
    made = containers(nginx=Sidecar(image="nginx:1", port=443), collector=Sidecar(image="otel:1"))
    assert [container["name"] for container in made] == ["gunicorn", "collector", "nginx"]
    assert made[2]["portMappings"] == [{"containerPort": 443, "hostPort": 443, "protocol": "tcp"}]
    assert "dependsOn" not in made[0]


def test_a_sidecar_logs_beside_its_neighbor_in_streams_of_its_own() -> None:
    own, nginx = containers(nginx=Sidecar(image="nginx:1"))
    assert own["logConfiguration"]["options"]["awslogs-stream-prefix"] == "gunicorn"
    assert nginx["logConfiguration"]["options"] == {
        "awslogs-group": "/ecs/alpha/gunicorn",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "nginx",
    }


def test_a_container_waits_for_sidecars_that_start_first() -> None:
    own, agent, _proxy = containers(
        agent=Sidecar(image="a:1", starts_first=True, health_command=["/healthy"], essential=False, memory_mib=64),
        proxy=Sidecar(image="p:1", starts_first=True, user="101"),
    )
    assert own["dependsOn"] == [
        {"containerName": "agent", "condition": "HEALTHY"},
        {"containerName": "proxy", "condition": "START"},
    ]
    assert agent["healthCheck"]["command"] == ["CMD", "/healthy"]
    assert (agent["essential"], agent["memoryReservation"]) == (False, 64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: arguments(sidecars={"gunicorn": Sidecar(image="i")}),
            "the sidecar 'gunicorn' has the name of the service's own container: give it another",
        ),
        (
            lambda: arguments(sidecars={"nginx": Sidecar(image="i", port=8000)}),
            "the sidecar 'nginx' has the port 8000, which is gunicorn's: a task's containers share one address",
        ),
        (
            lambda: arguments(memory_mib=512, sidecars={"nginx": Sidecar(image="i", memory_mib=512)}),
            "the sidecars of gunicorn reserve 512 MiB and its task has memory_mib 512: nothing is left for its own "
            "container",
        ),
        (lambda: Sidecar(image="i", port=0), "port is 0: a TCP port is 1 to 65535"),
        (lambda: Sidecar(image="i", memory_mib=2), "memory_mib is 2: it must be 4 to 122880"),
    ],
)
def test_sidecars_that_cannot_share_a_task_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
