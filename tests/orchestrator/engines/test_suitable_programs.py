"""Which programs run in our own host: only those that run there as in the host of the CLI."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.config import project_file
from orchestrator.engines.program_host import required_packages
from orchestrator.engines.program_host.suitable import VARIABLE, Launch, launch

HERE = Path(sys.executable).parent


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the host of the CLI and its script."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("pulumi-language-python", "pulumi-language-python-exec"):
        (folder / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def environment(tools: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join([str(HERE), str(tools)]), "HOME": "/nowhere"}


def of(folder: Path, runtime: str, environment: Mapping[str, str], more: str = "") -> Launch | None:
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / "Pulumi.yaml").write_text(f"name: shop\nruntime: {runtime}\n{more}", encoding="utf-8")
    return launch(project_file.read(project), environment)


def test_the_interpreter_of_the_path(tmp_path: Path, tools: Path, environment: dict[str, str]) -> None:
    found = of(tmp_path, "python", environment)
    assert found == Launch(
        python=str(shutil.which("python3", path=str(HERE))),
        executor=str(tools / "pulumi-language-python-exec"),
        toolchain="Auto",
        environment=environment,
    )


def test_the_virtual_environment_of_the_project_is_activated(tmp_path: Path, environment: dict[str, str]) -> None:
    relative = os.path.relpath(HERE.parent, tmp_path / "project")
    found = of(tmp_path, f"{{name: python, options: {{toolchain: pip, virtualenv: {relative}}}}}", environment)
    assert found is not None
    folder = str((tmp_path / "project").resolve() / relative)
    assert (found.python, found.toolchain) == (f"{folder}/bin/python", "Pip")
    assert found.environment["VIRTUAL_ENV"] == folder
    assert found.environment["PATH"] == os.pathsep.join([f"{folder}/bin", environment["PATH"]])


@pytest.mark.parametrize(
    "runtime",
    [
        "nodejs",
        "yaml",
        "{name: python, options: {toolchain: uv}}",
        "{name: python, options: {toolchain: poetry}}",
        "{name: python, options: {typechecker: mypy}}",
        "{name: python, options: {virtualenv: venv}}",
        "{name: python, options: {virtualenv: 3}}",
        "{name: python, options: {newer: true}}",
    ],
)
def test_other_languages_tools_and_interpreters_are_left_to_the_cli(
    tmp_path: Path, environment: dict[str, str], runtime: str
) -> None:
    assert of(tmp_path, runtime, environment) is None


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock"])
def test_a_lock_file_above_the_program_chooses_another_toolchain(
    tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    (tmp_path / name).touch()
    assert of(tmp_path, "python", environment) is None
    assert of(tmp_path, "{name: python, options: {toolchain: pip}}", environment) is not None


@pytest.mark.parametrize(
    "variables",
    [
        {VARIABLE: "0"},
        {"PULUMI_DEBUG_LANGUAGES": "python:1234"},
        {"PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:1"},
        {"PULUMI_OPTION_ATTACH_DEBUGGER": "program"},
        {"PULUMI_PYTHON_CMD": "nowhere"},
        {"PATH": str(HERE)},
    ],
)
def test_variables_that_change_how_programs_run_leave_them_to_the_cli(
    tmp_path: Path, environment: dict[str, str], variables: dict[str, str]
) -> None:
    assert of(tmp_path, "python", {**environment, **variables}) is None


def test_another_interpreter_first_on_the_path_is_left_to_the_cli(
    tmp_path: Path, environment: dict[str, str], tools: Path
) -> None:
    (tools / "python3").symlink_to(sys.executable)
    assert of(tmp_path, "python", {**environment, "PATH": os.pathsep.join([str(tools), environment["PATH"]])}) is None


def test_a_project_with_plugins_of_its_own_is_left_to_the_cli(tmp_path: Path, environment: dict[str, str]) -> None:
    own = "plugins:\n  languages:\n    - name: python\n      path: ./bin\n"
    assert of(tmp_path, "python", environment, own) is None


def package(folder: Path, name: str, version: str, plugin: str | None) -> None:
    """An installed package, with the description of its plugin."""
    described = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    module = folder / name.replace("-", "_")
    module.mkdir()
    (module / "__init__.py").touch()
    if plugin is not None:
        (module / "pulumi-plugin.json").write_text(plugin, encoding="utf-8")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def required() -> list[tuple[str, str, str]]:
    return sorted((each.name, each.version, each.server) for each in required_packages.required_packages())


def test_plugins_come_from_the_descriptions_of_packages_and_their_names(installed: Path) -> None:
    package(installed, "pulumi-one", "1.2.3", '{"resource": true, "name": "one", "version": "4.5.6"}')
    package(installed, "pulumi-two", "1.2.3", None)
    package(
        installed, "other", "1.0", '{"resource": true, "name": "three", "version": "v7.0.0", "server": "github://x"}'
    )
    package(installed, "pulumi-library", "1.2.3", '{"resource": false}')
    package(installed, "pulumi-policy", "1.2.3", None)
    package(installed, "requests", "1.2.3", None)
    assert required() == [("one", "v4.5.6", ""), ("three", "v7.0.0", "github://x"), ("two", "v1.2.3", "")]


@pytest.mark.parametrize(
    ("version", "plugin"),
    [("1.2.3a4", None), ("1.2", None), ("1.2.3", '{"resource": true, "parameterization": {"name": "x"}}')],
)
def test_what_only_the_cli_can_describe_is_left_to_it(installed: Path, version: str, plugin: str | None) -> None:
    package(installed, "pulumi-one", version, plugin)
    with pytest.raises(required_packages.UncertainError):
        required()
