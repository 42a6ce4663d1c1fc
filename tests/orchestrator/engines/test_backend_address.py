"""The state backend comes from orchestrator.toml, PULUMI_BACKEND_URL, each project's Pulumi.yaml, the login, in this order."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.config import settings
from orchestrator.engines.automation import backend_address
from orchestrator.engines.automation.engine import AutomationEngine
from orchestrator.errors import EngineUnavailableError
from orchestrator.model import StackStatus
from tests.support.engines import APP, BASE, Workshop

PROJECTS = '[projects.base]\npath = "base"\nscope = "base"\n\n[projects.app]\npath = "app"\nscope = "environment"\n'


@pytest.fixture(autouse=True)
def nothing_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_CREDENTIALS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for name in ("base", "app"):
        project(tmp_path, name)


def project(folder: Path, name: str, backend: str | None = None) -> None:
    (folder / name).mkdir(exist_ok=True)
    url = f"backend:\n  url: {backend}\n" if backend else ""
    (folder / name / "Pulumi.yaml").write_text(f"name: fixture-{name}\nruntime: python\n{url}")


def login(folder: Path, url: str) -> None:
    (folder / "credentials.json").write_text(json.dumps({"current": url}))


def address(folder: Path, toml: str = "") -> str:
    (folder / "orchestrator.toml").write_text(PROJECTS + toml)
    return AutomationEngine(settings.read(folder / "orchestrator.toml"))._url()  # pyright: ignore[reportPrivateUsage]


def test_each_place_is_asked_after_the_one_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login(tmp_path / "home", "file:///login")
    assert address(tmp_path) == "file:///login"
    (tmp_path / "other").mkdir()
    login(tmp_path / "other", "file:///other-login")
    monkeypatch.setenv("PULUMI_CREDENTIALS_PATH", str(tmp_path / "other"))
    assert address(tmp_path) == "file:///other-login"
    for name in ("base", "app"):
        project(tmp_path, name, "file:///project")
    assert address(tmp_path) == "file:///project"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://environment")
    assert address(tmp_path) == "s3://environment"
    assert address(tmp_path, '[pulumi]\nbackend = "file:///toml"\n') == "file:///toml"


def test_an_encrypted_login_is_asked_of_the_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "credentials.json").write_text('{"$pulumiSecureStore": 1, "data": "x"}')
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pulumi").write_text('#!/bin/sh\necho \'{"user": "ada", "url": "file:///encrypted-login"}\'\n')
    (programs / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    assert address(tmp_path) == "file:///encrypted-login"


@pytest.mark.parametrize("elsewhere", ["file:///b", None])
def test_projects_with_different_places_are_refused(tmp_path: Path, elsewhere: str | None) -> None:
    login(tmp_path / "home", "file:///login")
    project(tmp_path, "base", "file:///a")
    project(tmp_path, "app", elsewhere)
    with pytest.raises(EngineUnavailableError) as refused:
        address(tmp_path)
    assert refused.value.message == (
        f"the projects have different state backends: app in {elsewhere or 'file:///login'}, base in file:///a"
    )


def test_one_place_may_be_written_in_several_ways(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    project(tmp_path, "base", "file://../state/")
    project(tmp_path, "app", f"file://{tmp_path}/state")
    login(tmp_path / "home", "file:///login")
    assert backend_address.path_of(address(tmp_path)) == str(tmp_path / "state")


def test_a_relative_address_begins_where_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address(tmp_path, '[pulumi]\nbackend = "file://./state"\n') == f"file://{tmp_path}/state"
    # The CLI reads the variable in each project's folder, which makes two places of it.
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file://./state")
    with pytest.raises(EngineUnavailableError, match=f"app in file://{tmp_path}/app/state, base in"):
        address(tmp_path)


def test_a_folder_is_named_as_in_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert backend_address.path_of("file:///srv/my%20state?no_tmp_dir=true") == "/srv/my state"
    assert backend_address.path_of("file://~/state") == "/home/ada/state"


@pytest.mark.engine
def test_the_real_cli_and_the_orchestrator_agree_on_the_projects_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    for name in ("base", "app"):
        file = tmp_path / name / "Pulumi.yaml"
        file.write_text(f"{file.read_text()}backend:\n  url: file://../state\n")
    (tmp_path / "elsewhere").mkdir()
    login(tmp_path / "home", f"file://{tmp_path}/elsewhere")
    shop.engine = shop.another()
    shop.run(BASE)
    shop.run(APP)
    found = {stack.unit: stack.status for stack in shop.another().stacks()}
    assert found == {APP: StackStatus.READY, BASE: StackStatus.READY}
    listed = subprocess.run(["pulumi", "stack", "ls", "--json"], cwd=tmp_path / "base", capture_output=True, check=True)
    assert [stack["name"] for stack in json.loads(listed.stdout)] == ["dev"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
