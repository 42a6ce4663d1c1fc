"""Task definitions and services as processes on this machine read them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.errors import OperationFailedError
from orchestrator.local import tasks
from orchestrator.local.declaration import Declaration, Resource
from pulumi_django.ecs.database_script import ensure_sql, psql_command
from pulumi_django.ecs.read_only import AGENT_PATHS, PATH, PREPARING, read_only


def test_services_start_in_the_order_in_which_they_need_each_other(alpha: Declaration) -> None:
    assert [service.short for service in tasks.read(alpha).services] == [
        "redis",
        "channels",
        "gunicorn",
        "beat",
        "default",
    ]


def test_a_container_has_the_command_the_variables_and_the_stop_timeout_of_its_task_definition(
    alpha: Declaration,
) -> None:
    web = next(service for service in tasks.read(alpha).services if service.short == "gunicorn")
    container = web.task.containers[0]
    assert container.words[:3] == ["gunicorn", "--bind", "0.0.0.0:8000"]
    assert container.environment["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert "SECRET_KEY" in container.secrets
    assert container.ports == [8000]
    assert container.stop_seconds == 30
    assert [target.port for target in web.targets] == [8000]


def test_a_container_has_the_volumes_and_limits_of_its_task_definition() -> None:
    definition = {
        "name": "web",
        "mountPoints": [
            {"sourceVolume": "media", "containerPath": "/app/media", "readOnly": False},
            {"sourceVolume": "fonts", "containerPath": "/fonts", "readOnly": True},
            {"sourceVolume": "managed-agents", "containerPath": "/managed-agents", "readOnly": False},
        ],
        "ulimits": [{"name": "nofile", "softLimit": 1000, "hardLimit": 2000}],
    }
    resource = Resource(urn="u", type="t", name="n", inputs={"containerDefinitions": json.dumps([definition])})
    (container,) = tasks.read_task(resource).containers
    assert container.mounts == {"/app/media": "media", "/fonts": "fonts"}
    assert container.read_only == ["/fonts"]
    assert (container.open_files, container.limits) == (1000, {"nofile": (1000, 2000)})


def test_containers_with_a_read_only_root_use_tmp_of_this_machine_as_all_do() -> None:
    own = {"name": "web", "image": "shop:v1", "logConfiguration": {"options": {}}}
    locked = read_only(own, [own], (PATH, *AGENT_PATHS))
    assert [container["name"] for container in locked] == ["web", PREPARING]
    resource = Resource(urn="u", type="t", name="n", inputs={"containerDefinitions": json.dumps(locked)})
    (container,) = tasks.read_task(resource).containers
    assert (container.name, container.mounts, container.starts_after) == ("web", {}, [])


def test_the_release_command_and_the_database_task_are_found(alpha: Declaration) -> None:
    found = tasks.read(alpha)
    assert found.release is not None
    assert found.release.containers[0].words == ["python", "manage.py", "migrate", "--no-input"]
    assert found.database is not None
    assert found.database.containers[0].words[:2] == ["env", "sh"]
    assert found.code_image == found.release.containers[0].image


def test_the_commands_after_the_start_are_found_with_the_definition_of_the_release(alpha: Declaration) -> None:
    def step(name: str, **inputs: object) -> Resource:
        return Resource(urn="", type="pulumi-django:ecs:ReleaseStep", name=f"alpha-{name}", inputs=inputs)

    assert tasks.read(alpha).steps == ()
    added = [step("on-create", command=["load"]), step("after-release", command=["finish"], taskDefinition="arn")]
    found = tasks.read(replace(alpha, resources=[*alpha.resources, *added]))
    assert [(each.setting, each.once) for each in found.steps] == [
        ("release.after_command", False),
        ("on_create", True),
    ]
    container = found.steps[0].task.containers[0]
    assert (container.name, container.words) == ("after-release", ["finish"])
    assert found.release is not None
    assert container.secrets == found.release.containers[0].secrets


def test_a_service_of_the_private_namespace_has_its_name(alpha: Declaration) -> None:
    redis = tasks.read(alpha).services[0]
    assert redis.host == "alpha-redis.dev-sd-ns"


def test_an_environment_without_services_is_refused(alpha: Declaration) -> None:
    empty = replace(alpha, resources=())
    with pytest.raises(OperationFailedError, match="declares no ECS service"):
        tasks.read(empty)


def test_the_extensions_of_the_database_task_are_read_from_its_script(alpha: Declaration) -> None:
    found = tasks.read(alpha)
    assert found.database is not None
    assert tasks.extensions(found.database) == ()
    script = psql_command(ensure_sql(["pg_trgm", "uuid-ossp"]))
    changed = replace(found.database, containers=[replace(found.database.containers[0], command=script)])
    assert tasks.extensions(changed) == ("pg_trgm", "uuid-ossp")
