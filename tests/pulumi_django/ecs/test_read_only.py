"""Containers that can write only below /tmp."""

from __future__ import annotations

import json
from typing import Any

from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import TaskDefinition
from pulumi_django.testing import simulate

from .test_sidecar import arguments


def task(**changes: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    result = simulate(lambda: (TaskDefinition("web", arguments(**changes)), None)[1])
    inputs = dict(result.one("aws:ecs/taskDefinition:TaskDefinition").inputs)
    return inputs, {container["name"]: container for container in json.loads(inputs["containerDefinitions"])}


def test_folders_beside_tmp_are_volumes_of_their_own_and_need_no_preparing() -> None:
    inputs, containers = task(read_only_root=True, writable_paths=["/var/lib/amazon/ssm"])
    mount = {"sourceVolume": "var-lib-amazon-ssm", "containerPath": "/var/lib/amazon/ssm", "readOnly": False}
    assert containers["gunicorn"]["mountPoints"] == [mount]
    assert inputs["volumes"] == [{"name": "var-lib-amazon-ssm"}]
    assert list(containers) == ["gunicorn"]


def test_only_tmp_can_be_written() -> None:
    inputs, containers = task(read_only_root=True)
    own = containers["gunicorn"]
    assert own["readonlyRootFilesystem"] is True
    assert own["mountPoints"] == [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}]
    assert inputs["volumes"] == [{"name": "tmp"}]


def test_another_container_of_the_image_opens_tmp_for_every_user_first() -> None:
    _, containers = task(read_only_root=True)
    assert list(containers) == ["gunicorn", "prepare-tmp"]
    preparing = containers["prepare-tmp"]
    assert (preparing["image"], preparing["user"], preparing["essential"]) == ("app:v1", "0", False)
    assert [*preparing["entryPoint"], *preparing["command"]] == ["chmod", "1777", "/tmp"]
    assert (preparing["environment"], preparing["secrets"]) == ([], [])
    assert containers["gunicorn"]["dependsOn"] == [{"containerName": "prepare-tmp", "condition": "SUCCESS"}]


def test_sidecars_keep_their_place_and_their_start() -> None:
    _, containers = task(read_only_root=True, sidecars={"proxy": Sidecar(image="nginx:1", starts_first=True)})
    assert list(containers) == ["gunicorn", "proxy", "prepare-tmp"]
    assert containers["gunicorn"]["dependsOn"] == [
        {"containerName": "proxy", "condition": "START"},
        {"containerName": "prepare-tmp", "condition": "SUCCESS"},
    ]


def test_by_default_an_image_runs_unchanged() -> None:
    inputs, containers = task()
    assert "volumes" not in inputs
    assert list(containers) == ["gunicorn"]
    assert not {"readonlyRootFilesystem", "mountPoints", "user"} & {*containers["gunicorn"]}
