"""`Pulumi.yaml`: the settings of all stacks of a project."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import project_file
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig, config_path, configured_stacks, read_snapshot
from orchestrator.engines.automation import admission
from orchestrator.engines.automation.previews import copy_project
from orchestrator.errors import SettingsError
from orchestrator.model import Scope

ALL = """\
name: django-base
runtime: python
config:
  aws:region: eu-west-1
  aws:profile:
    value: acme
  domain_name:
    type: string
    default: example.org
  django-base:zones: 3
  django-base:short: [a, b]
  plain:
    value: also
  web.cpu: 256
  django-base:labels:
    type: array
    items: {type: string}
    default: [one]
  bool:
    default: true
  aws:defaultTags:
    value: {tags: {team: shop}}
  asked:
    type: integer
"""
OWN = 'config:\n  aws:profile: dev\n  django-base:asked: 5\n  django-base:bool: "false"\n  django-base:web: {memory: 512}\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(key="base", path=tmp_path, name="django-base", scope=Scope.BASE)


def write(project: Project, text: str, own: str = "config: {}\n") -> None:
    (project.path / "Pulumi.yaml").write_text(text)
    (project.path / "Pulumi.dev.yaml").write_text(own)


def test_values_for_all_stacks_count_where_a_stack_has_none(project: Project) -> None:
    write(project, ALL, OWN)
    assert read_snapshot(project, "dev").wire() == {
        "aws:region": "eu-west-1",
        "aws:profile": "dev",
        "aws:defaultTags": '{"tags":{"team":"shop"}}',
        "django-base:domain_name": "example.org",
        "django-base:zones": "3",
        "django-base:short": '["a","b"]',
        "django-base:plain": "also",
        "django-base:web": '{"cpu":256,"memory":512}',
        "django-base:labels": '["one"]',
        "django-base:bool": "false",
        "django-base:asked": "5",
    }
    assert StackConfig.load(project, "dev").get("zones") == 3
    assert admission.aws_config(project, "dev") == {
        "region": "eu-west-1",
        "profile": "dev",
        "defaultTags": {"tags": {"team": "shop"}},
    }


def test_the_stacks_file_stays_as_it_is(project: Project) -> None:
    write(project, ALL, OWN)
    config = StackConfig.load(project, "dev")
    assert config.text() == OWN
    assert not config.changed


@pytest.mark.engine
def test_the_real_cli_merges_the_same(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, ALL, OWN)
    (tmp_path / "state").mkdir()
    for name, value in {"PULUMI_HOME": "home", "PULUMI_BACKEND_URL": "state"}.items():
        monkeypatch.setenv(name, f"{'file://' if value == 'state' else ''}{tmp_path / value}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")

    def pulumi(*words: str) -> str:
        run = subprocess.run(
            ["pulumi", *words], cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=True
        )
        return run.stdout

    pulumi("stack", "init", "dev")
    merged: dict[str, Any] = json.loads(pulumi("config", "--json", "--stack", "dev"))
    ours = read_snapshot(project, "dev").wire()
    assert {key: _same(item["value"]) for key, item in merged.items()} == {key: _same(v) for key, v in ours.items()}


def _same(text: str) -> Any:
    """Objects compare by what they hold."""
    return json.loads(text) if text[:1] in "{[" else text


@pytest.mark.parametrize(
    ("config", "own", "message"),
    [
        (
            "asked: {type: string}",
            "config: {}",
            "Pulumi.dev.yaml: django-base:asked is missing: Pulumi.yaml declares it",
        ),
        ("asked:", "config: {}", "django-base:asked is missing"),
        ("n: {type: integer}", "config: {n: many}", "django-base:n does not have the type integer"),
        ("n: {type: boolean}", "config: {n: 1}", "django-base:n does not have the type boolean"),
        ("n: {type: object}", "config: {n: [1]}", "django-base:n does not have the type object"),
        ("n: {type: array, items: {type: integer}}", "config: {n: [x]}", "does not have the type array<integer>"),
        ("n: {secret: true, type: string}", "config: {n: open}", "django-base:n is not encrypted"),
    ],
)
def test_a_stack_value_that_the_cli_refuses_is_refused_first(
    project: Project, config: str, own: str, message: str
) -> None:
    write(project, f"name: django-base\nconfig:\n  {config}\n", own)
    with pytest.raises(SettingsError) as refused:
        read_snapshot(project, "dev")
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("n: {default: 1, value: 2}", "Pulumi.yaml:3: config: n has both `default` and `value`"),
        ("aws:region: {default: x}", "aws:region is in another namespace"),
        ("aws:region: {type: string}", "aws:region is in another namespace"),
        ("aws:region: {}", "aws:region has no `value`"),
        ("n: {type: number}", "n has the type 'number'"),
        ("n: {type: array}", "n is an array without `items`"),
        ("n: {type: integer, default: many}", "n has a default that is not of the type integer"),
        ("n: {defualt: 1}", "n has the attribute 'defualt'"),
        ("n: 2024-01-01", "n contains a date"),
        ('"a b": 1', "a b is not a configuration key"),
    ],
)
def test_a_declaration_that_the_cli_refuses_is_refused_with_its_line(
    project: Project, config: str, message: str
) -> None:
    write(project, f"name: django-base\nconfig:\n  {config}\n")
    with pytest.raises(SettingsError) as refused:
        read_snapshot(project, "dev")
    assert message in refused.value.message


@pytest.mark.parametrize("key", ["stackConfigDir", "config"])
def test_the_stacks_files_are_in_the_folder_that_the_project_names(project: Project, tmp_path: Path, key: str) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(f"name: django-base\nruntime: python\n{key}: stacks\n")
    config_path(project, "dev").write_text("config: {aws:region: eu-west-1}\n")
    assert configured_stacks(project) == ("dev",)
    assert (tmp_path / "stacks/Pulumi.dev.yaml").is_file()
    assert read_snapshot(project, "dev").values == {"aws:region": "eu-west-1"}
    copy = tmp_path / "copy"
    copy.mkdir()
    copy_project(project, "dev", None, copy)
    assert (copy / "Pulumi.dev.yaml").is_file()
    assert project_file.read(copy).stack_folder == copy


def test_a_changed_file_is_read_again(project: Project) -> None:
    write(project, "name: django-base\nbackend: {url: file:///one}\n")
    assert project_file.read(project.path).backend == "file:///one"
    write(project, "name: django-base\nbackend: {url: file:///another}\n")
    assert project_file.read(project.path).backend == "file:///another"
