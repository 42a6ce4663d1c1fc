"""The compose file of an environment."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator.local import compose
from orchestrator.local.compose import ComposeFile
from orchestrator.local.declaration import Declaration, Resource
from orchestrator.local.folder import StateFolder

SCHEMA = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"


@pytest.fixture(params=["alpha", "live"], scope="module")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ComposeFile:
    declaration: Declaration = request.getfixturevalue(request.param)
    folder = StateFolder(tmp_path_factory.mktemp(request.param))
    return compose.compose(declaration, folder, 8080)


def document(made: ComposeFile) -> dict[str, Any]:
    return yaml.safe_load(made.text)


def test_the_file_fits_the_specification_of_compose(made: ComposeFile) -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(document(made))


def test_no_secret_is_in_the_file(made: ComposeFile) -> None:
    assert made.values
    assert not [name for name, value in made.values.items() if value in made.text]


def test_every_variable_of_the_file_has_a_value(made: ComposeFile) -> None:
    assert set(re.findall(r"(?<!\$)\$\{(\w+):\?\}", made.text)) == set(made.values)


def test_every_dollar_sign_of_the_declaration_is_doubled(made: ComposeFile) -> None:
    left = re.sub(r"\$\$|\$\{\w+:\?\}", "", made.text.partition("name:")[2])
    assert "$" not in left
    assert "DO $$$$ BEGIN" in made.text


def test_services_start_after_the_release_and_the_release_after_the_database(made: ComposeFile) -> None:
    services = document(made)["services"]
    done = {"condition": "service_completed_successfully"}
    assert services["database"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert services["backend_update"]["depends_on"] == {"database": done}
    assert services["gunicorn"]["depends_on"] == {"backend_update": done}
    assert services["gunicorn"]["stop_grace_period"] == "30s"


def test_the_command_after_a_release_runs_after_the_start_and_the_one_of_creation_does_not(
    alpha: Declaration, tmp_path: Path
) -> None:
    def step(name: str, **inputs: object) -> Resource:
        return Resource(urn="", type="pulumi-django:ecs:ReleaseStep", name=f"alpha-{name}", inputs=inputs)

    added = [step("on-create", command=["load"]), step("after-release", command=["finish"], taskDefinition="arn")]
    declared = replace(alpha, resources=[*alpha.resources, *added])
    services = document(compose.compose(declared, StateFolder(tmp_path), 8080))["services"]
    assert services["after-release"]["command"] == ["finish"]
    assert services["after-release"]["depends_on"]["gunicorn"] == {"condition": "service_started"}
    assert "on-create" not in services


def test_the_front_door_listens_on_this_machine_only_and_has_the_rules(made: ComposeFile) -> None:
    found = document(made)
    assert found["services"]["front-door"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "server gunicorn:8000;" in found["configs"]["front-door"]["content"]


def test_the_secrets_of_the_file_stay_the_same(alpha: Declaration, tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.create()
    assert compose.compose(alpha, folder, 8080).values == compose.compose(alpha, folder, 8080).values


def test_a_volume_is_shared_by_the_services_that_mount_it(alpha: Declaration, tmp_path: Path) -> None:
    text = compose.compose(with_mounts(alpha), StateFolder(tmp_path), 8080).text
    found = yaml.safe_load(text)
    assert found["services"]["gunicorn"]["volumes"] == ["media:/app/media"]
    assert found["services"]["channels"]["volumes"] == ["media:/app/media:ro"]
    assert found["services"]["channels"]["ulimits"] == {"nofile": {"soft": 1000, "hard": 2000}}
    assert found["services"]["channels-nginx"]["volumes"] == ["fonts:/fonts:ro"]
    assert found["volumes"] == {"database": {}, "media": {}, "fonts": {}}
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(found)


def with_mounts(declaration: Declaration) -> Declaration:
    """The declaration with the volume `media` in two services, which only one of them may write to."""
    changed = {"gunicorn": {"readOnly": False}, "channels": {"readOnly": True}}

    def mounted(resource: Resource) -> Resource:
        name = str(resource.inputs.get("family", "")).removeprefix("alpha-")
        if resource.type != "aws:ecs/taskDefinition:TaskDefinition" or name not in changed:
            return resource
        (container,) = json.loads(resource.inputs["containerDefinitions"])
        container["mountPoints"] = [{"sourceVolume": "media", "containerPath": "/app/media", **changed[name]}]
        container["ulimits"] = [{"name": "nofile", "softLimit": 1000, "hardLimit": 2000}] if name == "channels" else []
        mounts = [{"sourceVolume": "fonts", "containerPath": "/fonts", "readOnly": True}]
        sidecar = {"name": "nginx", "image": "nginx:1", "mountPoints": mounts}
        definitions = json.dumps([container, sidecar] if name == "channels" else [container])
        return replace(resource, inputs={**resource.inputs, "containerDefinitions": definitions})

    return replace(declaration, resources=[mounted(resource) for resource in declaration.resources])
