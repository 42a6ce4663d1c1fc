"""The templates of `pulumi new`: their files, and the projects that come from them."""

from __future__ import annotations

import os
import runpy
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from orchestrator.cli.main import main
from pulumi_django.program.config import ConfigError
from pulumi_django.testing import SimulationResult, simulate
from tests.support.projects import stack_config

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
NAMES = ("base", "app", "standalone")
PROJECTS = {"base": ("platform-base", "dev"), "app": ("shop", "alpha"), "standalone": ("one", "dev")}
"""Name and stack of the project that a test creates from each template."""

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/backend:1.0.0"


def template(name: str) -> dict[str, Any]:
    return yaml.safe_load((TEMPLATES / name / "Pulumi.yaml").read_text(encoding="utf-8"))


def replaced(text: str, file: str, values: Mapping[str, str]) -> str:
    """Text with the values of the placeholders. In YAML files the CLI writes a value as YAML, with the end of its line."""
    for placeholder, value in values.items():
        written = yaml.safe_dump(value).removesuffix("...\n") if file.endswith(".yaml") else value
        text = text.replace(placeholder, written)
    return text


def new_project(name: str, folder: Path, answers: Mapping[str, str] = {}) -> Path:
    """The project that `pulumi new --yes` writes: the files, and the stack with answers and defaults."""
    project, stack = PROJECTS[name]
    values = {"${PROJECT}": project, "${DESCRIPTION}": template(name)["template"]["description"]}
    folder.mkdir(parents=True)
    for file in (TEMPLATES / name).iterdir():
        text = replaced(file.read_text(encoding="utf-8"), file.name, values)
        if file.name == "Pulumi.yaml":
            settings = yaml.safe_load(text)
            asked = settings.pop("template")["config"]
            text = yaml.safe_dump(settings)
            given = {key: value["default"] for key, value in asked.items() if "default" in value} | answers
            config = {key if ":" in key else f"{project}:{key}": value for key, value in given.items()}
            (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
        (folder / file.name).write_text(text, encoding="utf-8")
    return folder


def simulated(name: str, folder: Path, stacks: Mapping[str, SimulationResult] | None = None) -> SimulationResult:
    project, stack = PROJECTS[name]
    return simulate(
        lambda: runpy.run_path(str(folder / "__main__.py"), run_name="__main__") and None,
        project=project,
        stack=stack,
        config=stack_config(folder, stack),
        stacks=stacks,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_template_describes_itself_and_every_question(name: str) -> None:
    settings = template(name)
    assert settings["name"] == "${PROJECT}"
    assert settings["description"] == "${DESCRIPTION}"
    assert settings["template"]["displayName"]
    assert settings["template"]["description"]
    for key, question in settings["template"]["config"].items():
        assert question["description"], key
        assert isinstance(question.get("default", ""), str), f"{key}: the CLI takes text"


@pytest.mark.parametrize("name", NAMES)
def test_no_placeholder_is_in_a_key_of_yaml_because_the_cli_ends_the_line_after_it(name: str) -> None:
    values = {"${PROJECT}": "shop", "${DESCRIPTION}": 'A "shop": with # signs'}
    text = replaced((TEMPLATES / name / "Pulumi.yaml").read_text(encoding="utf-8"), "Pulumi.yaml", values)
    settings = yaml.safe_load(text)
    assert (settings["name"], settings["description"]) == tuple(values.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_requirements_allow_this_version(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    (line,) = (TEMPLATES / name / "requirements.txt").read_text(encoding="utf-8").split()
    requirement = Requirement(line)
    assert requirement.name == "pulumi-django"
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_one_call(name: str) -> None:
    lines = (TEMPLATES / name / "__main__.py").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line][1:] == [f"from pulumi_django.programs import {name}", f"{name}()"]


def test_a_base_and_an_environment_from_the_templates_fit_together(tmp_path: Path) -> None:
    base = simulated("base", new_project("base", tmp_path / "base", {"domain_name": "example.com"}))
    folder = new_project("app", tmp_path / "app", {"base_project": "platform-base"})
    app = simulated("app", folder, {"organization/platform-base/dev": base})
    assert app.outputs["url"] == "https://alpha.example.com"
    # No Celery unless it is asked for.
    assert app.outputs["service_names"] == ["alpha-gunicorn", "alpha-redis"]


def test_workers_and_beat_come_from_one_line_of_json(tmp_path: Path) -> None:
    base = simulated("base", new_project("base", tmp_path / "base"))
    answers = {"base_project": "platform-base", "workers": '{"mail": {"queues": ["mail"]}}', "beat": "{}"}
    app = simulated("app", new_project("app", tmp_path / "app", answers), {"organization/platform-base/dev": base})
    assert app.outputs["service_names"] == ["alpha-gunicorn", "alpha-mail", "alpha-beat", "alpha-redis"]


def test_a_production_base_comes_from_the_same_template(tmp_path: Path) -> None:
    answers = {"kind": "prod", "domain_name": "example.com"}
    assert simulated("base", new_project("base", tmp_path / "base", answers)).outputs["kind"] == "prod"


def test_the_standalone_template_is_a_base_with_an_environment(tmp_path: Path) -> None:
    folder = new_project("standalone", tmp_path / "one", {"domain_name": "example.com"})
    result = simulated("standalone", folder)
    assert result.outputs["url"] == "https://dev.example.com"
    (web,) = [
        task.inputs["containerDefinitions"]
        for task in result.of_type("aws:ecs/taskDefinition:TaskDefinition")
        if task.inputs["family"] == "dev-gunicorn"
    ]
    assert IMAGE in web
    assert '"config.settings"' in web


def test_an_argument_in_two_places_of_a_standalone_stack_is_refused(tmp_path: Path) -> None:
    folder = new_project("standalone", tmp_path / "one", {"app": '{"backend_image": "registry.example.com/shop:2"}'})
    with pytest.raises(ConfigError) as refused:
        simulated("standalone", folder)
    assert refused.value.problems == ("one:backend_image: is also set in app: remove one of them",)


def test_the_orchestrator_creates_an_environment_from_new_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new_project("base", tmp_path / "base")
    new_project("app", tmp_path / "app", {"base_project": "platform-base"})
    (tmp_path / "orchestrator.toml").write_text(
        'engine = "simulation"\n[projects.base]\npath = "base"\nscope = "base"\n'
        '[projects.app]\npath = "app"\nscope = "environment"\ndepends_on = ["base"]\n'
    )
    monkeypatch.chdir(tmp_path)
    assert main(["create-env", "alpha", "--base", "dev", "--yes"]) == 0
    assert "services  gunicorn, redis" in capsys.readouterr().out


def pulumi(folder: Path, *words: str) -> str:
    """Run the CLI in a folder, with a state of its own and without a network."""
    state = folder.parent / "state"
    state.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(folder.parent / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PIP_NO_INDEX": "1",
    }
    ended = subprocess.run(
        ["pulumi", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return ended.stdout + ended.stderr


@pytest.mark.engine
@pytest.mark.parametrize("name", NAMES)
def test_pulumi_new_writes_the_project_that_the_simulation_ran(name: str, tmp_path: Path) -> None:
    project, stack = PROJECTS[name]
    expected, folder = new_project(name, tmp_path / "expected"), tmp_path / "new"
    folder.mkdir()
    words = ("--offline", "--yes", "--name", project, "--stack", stack)
    # The installation of the requirements, the last step, needs a package index.
    printed = pulumi(folder, "new", str(TEMPLATES / name), *words)
    assert f"Created stack '{stack}'" in printed, printed
    assert (folder / "__main__.py").read_text() == (expected / "__main__.py").read_text()
    written = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    wanted = yaml.safe_load((expected / "Pulumi.yaml").read_text())
    assert {key: written[key] for key in wanted} == wanted
    of_stack = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text())
    assert of_stack["config"] == yaml.safe_load((expected / f"Pulumi.{stack}.yaml").read_text())["config"]


@pytest.mark.engine
@pytest.mark.parametrize("name", NAMES)
def test_pulumi_new_only_generates_on_request(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    pulumi(folder, "new", str(TEMPLATES / name), "--offline", "--yes", "--generate-only", "--name", "shop")
    assert sorted(file.name for file in folder.iterdir()) == [
        ".gitignore",
        "Pulumi.yaml",
        "__main__.py",
        "requirements.txt",
    ]
    assert yaml.safe_load((folder / "Pulumi.yaml").read_text())["name"] == "shop"
