"""File systems and limits in task definitions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import EfsVolume, Mount, Sidecar, TaskDefinition, Ulimit
from pulumi_django.testing import simulate

from .test_sidecar import arguments

FILES = {"media": EfsVolume(file_system_id="fs-1", access_point_id="fsap-1")}


def task(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    result = simulate(lambda: (TaskDefinition("web", arguments(**changes)), None)[1])
    inputs = dict(result.one("aws:ecs/taskDefinition:TaskDefinition").inputs)
    return inputs, json.loads(inputs["containerDefinitions"])[0]


def test_a_file_system_is_mounted_over_tls_through_its_access_point_with_the_rights_of_the_role() -> None:
    inputs, own = task(volumes=FILES, mounts={"media": Mount(path="/app/media")})
    assert own["mountPoints"] == [{"sourceVolume": "media", "containerPath": "/app/media", "readOnly": False}]
    assert inputs["volumes"] == [
        {
            "name": "media",
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-1",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
            },
        }
    ]


def test_a_task_that_mounts_nothing_has_no_volumes() -> None:
    inputs, own = task(volumes=FILES)
    assert "volumes" not in inputs
    assert not {"mountPoints", "ulimits"} & {*own}


def test_a_container_with_a_read_only_root_writes_to_its_file_systems_too() -> None:
    mounts = {"media": Mount(path="/app/media", read_only=True)}
    inputs, own = task(volumes=FILES, mounts=mounts, read_only_root=True)
    assert [mount["containerPath"] for mount in own["mountPoints"]] == ["/tmp", "/app/media"]
    assert own["mountPoints"][1]["readOnly"] is True
    assert [volume["name"] for volume in inputs["volumes"]] == ["tmp", "media"]


def test_a_sidecar_mounts_file_systems_of_its_task() -> None:
    nginx = Sidecar(image="nginx:1", mounts={"media": Mount(path="/media", read_only=True)})
    inputs, own = task(volumes=FILES, sidecars={"nginx": nginx})
    _, sidecar = json.loads(inputs["containerDefinitions"])
    assert sidecar["mountPoints"] == [{"sourceVolume": "media", "containerPath": "/media", "readOnly": True}]
    assert [volume["name"] for volume in inputs["volumes"]] == ["media"]
    assert "mountPoints" not in own


def test_one_file_system_of_several_containers_is_one_volume_of_the_task() -> None:
    both = {**FILES, "fonts": EfsVolume(file_system_id="fs-2", access_point_id="fsap-2")}
    nginx = Sidecar(image="nginx:1", mounts={"media": Mount(path="/media"), "fonts": Mount(path="/fonts")})
    inputs, _ = task(volumes=both, mounts={"media": Mount(path="/app/media")}, sidecars={"nginx": nginx})
    assert [volume["name"] for volume in inputs["volumes"]] == ["fonts", "media"]


def test_a_sidecar_of_a_container_with_a_read_only_root_keeps_its_mounts() -> None:
    nginx = Sidecar(image="nginx:1", mounts={"media": Mount(path="/media")})
    inputs, _ = task(volumes=FILES, sidecars={"nginx": nginx}, read_only_root=True)
    made = {each["name"]: each for each in json.loads(inputs["containerDefinitions"])}
    assert [mount["containerPath"] for mount in made["nginx"]["mountPoints"]] == ["/media"]
    assert [volume["name"] for volume in inputs["volumes"]] == ["tmp", "media"]


@pytest.mark.parametrize(
    ("mounts", "message"),
    [
        (
            {"files": Mount(path="/a")},
            "gunicorn.sidecars.nginx.mounts has 'files', and the volumes are media: name one",
        ),
        (
            {"media": Mount(path="/a"), "fonts": Mount(path="/a")},
            "gunicorn.sidecars.nginx.mounts has 'fonts', and the volumes are media",
        ),
    ],
)
def test_mounts_of_a_sidecar_are_checked(mounts: dict[str, Mount], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        arguments(volumes=FILES, sidecars={"nginx": Sidecar(image="nginx:1", mounts=mounts)})
    assert str(refused.value).startswith(message)


def test_limits_have_the_form_of_ecs() -> None:
    _, own = task(ulimits={"nofile": Ulimit(soft=1000, hard=2000), "core": Ulimit(soft=0)})
    assert own["ulimits"] == [
        {"name": "core", "softLimit": 0, "hardLimit": 0},
        {"name": "nofile", "softLimit": 1000, "hardLimit": 2000},
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mount(path="media"), "path is 'media': it must be a whole path such as '/app/media'"),
        (lambda: Mount(path="/"), "path is '/': it must be a whole path such as '/app/media'"),
        (lambda: Mount(path="/a/../b"), "path is '/a/../b': it must be a whole path such as '/app/media'"),
        (lambda: Mount(path="/usr"), "path is '/usr': a container needs the files that its image has there"),
        (lambda: Ulimit(soft=-2), "soft is -2: it must be 0 to 2147483647, or -1 for no limit"),
        (lambda: Ulimit(soft=1, hard=2**31), "hard is 2147483648: it must be 0 to 2147483647, or -1 for no limit"),
        (lambda: Ulimit(soft=3, hard=2), "soft is 3 and hard is 2: soft must not exceed hard"),
        (lambda: Ulimit(soft=-1, hard=2), "soft is -1 and hard is 2: soft must not exceed hard"),
        (
            lambda: arguments(mounts={"media": Mount(path="/a")}),
            "gunicorn.mounts has 'media', and the volumes are none: name one of them",
        ),
        (
            lambda: arguments(
                volumes={**FILES, "other": FILES["media"]},
                mounts={"media": Mount(path="/a"), "other": Mount(path="/a")},
            ),
            "gunicorn.mounts has media and other at /a: give each its own path",
        ),
        (
            lambda: arguments(ulimits={"files": Ulimit(soft=1)}),
            "gunicorn.ulimits has 'files': it must be one of core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, "
            "nproc, rss, rtprio, rttime, sigpending, stack",
        ),
    ],
)
def test_mounts_and_limits_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
