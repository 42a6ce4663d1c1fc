"""Every command on projects with names of their own: the base project is `platform-base`, and the application's is `shop`."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.parser import parser
from tests.support.other_names import IMAGE, create, run

COMMANDS = {
    "create-env": "create-env beta --base dev --yes",
    "preview-env": "preview-env beta --base dev",
    "update-env": "update-env alpha --set extra_env.A=b --yes",
    "destroy-env": "destroy-env alpha --yes",
    "create-base": "create-base prod --allow-prod --yes",
    "preview-base": "preview-base dev",
    "update-base": "update-base dev --with-envs --yes",
    "destroy-base": "destroy-base dev --cascade --yes",
    "deploy": f"deploy alpha --image backend={IMAGE} --yes",
    "run": "run alpha -- python manage.py check",
    "exec": "exec alpha -- ls",
    "logs": "logs alpha",
    "ps": "ps alpha",
    "open": "open alpha --print",
    "scale": "scale alpha gunicorn=2",
    "releases": "releases alpha",
    "rollback": "rollback alpha --yes",
    "approve": "approve alpha",
    "reject": "reject alpha",
    "diff": "diff alpha 1 2",
    "log": "log",
    "tunnel": "tunnel alpha",
    "apply": "apply plan --yes",
    "sleep": "sleep alpha --yes",
    "wake": "wake alpha --yes",
    "extend": "extend alpha --ttl 2d",
    "pin": "pin alpha",
    "unpin": "unpin alpha",
    "reap": "reap",
    "drift": "drift alpha dev",
    "refresh": "refresh alpha",
    "unlock": "unlock alpha",
    "list": "list",
    "dashboard": "dashboard --out plan/../page",
    "show": "show alpha",
    "outputs": "outputs alpha",
    "graph": "graph",
    "cost": "cost",
    "smoke": "smoke alpha",
    "doctor": "doctor alpha",
    "local ps": "local ps alpha",
    "local compose": "local compose alpha",
    "maintenance on": "maintenance on alpha",
    "maintenance off": "maintenance off alpha",
    "db create": "db create alpha --yes",
    "db drop": "db drop alpha --yes",
    "db reset": "db reset alpha --yes",
    "db clone": "db clone alpha --from gamma --yes",
    "db dump": "db dump alpha",
    "db restore": "db restore alpha s3://bucket/key.dump --yes",
    "db shell": "db shell alpha",
    "secrets push": "secrets push alpha values.env --yes",
    "secrets set": "secrets set alpha TOKEN --yes",
    "secrets list": "secrets list alpha",
    "pr status": "pr status",
}
SHOWN = {
    "log": ["alpha ", "gamma ", "dev "],
    "preview-base": ["dev: 58 unchanged"],
    "list": ["dev ", "alpha ", "gamma "],
    "open": ["https://alpha.example.com"],
    "graph": ["alpha  environment", "gamma  environment"],
    "pr status": ["no pull request has an environment"],
    "local ps": [],
}
"""Words of the output."""

ELSEWHERE = {
    "build": "tests/orchestrator/cli/test_building.py has builders",
    "orphans": "the simulation creates nothing in AWS",
    "local up": "tests/live runs servers",
    "local run": "tests/live runs servers",
    "local logs": "tests/live runs servers",
    "local down": "tests/live runs servers",
    "pr sync": "tests/orchestrator/pull_requests has a forge",
    "pr close": "tests/orchestrator/pull_requests has a forge",
    "pr reap": "tests/orchestrator/pull_requests has a forge",
    "pr comment": "tests/orchestrator/pull_requests has a forge",
    "init": "no stack is involved",
    "ci init": "no stack is involved",
    "schema": "no stack is involved",
    "mcp": "tests/orchestrator/agents has a client",
    "serve": "tests/orchestrator/web has a browser",
    "help": "no stack is involved",
    "version": "no stack is involved",
}
EXIT_CODES = {"local ps": 1}
"""Nothing runs on this machine."""


def every_command() -> set[str]:
    def walk(group: Any, path: str = "") -> Iterator[str]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, f"{path}{name} ")
            else:
                yield f"{path}{name}"

    return set(walk(parser()))


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    create(folder)
    return folder


@pytest.fixture
def folder(created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "140")
    return shutil.copytree(created, tmp_path / "names")


def test_the_table_has_every_command() -> None:
    assert {*COMMANDS, *ELSEWHERE} == every_command()
    assert not {*COMMANDS} & {*ELSEWHERE}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_works_with_projects_of_any_name(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("value\n"))
    code = run(folder, COMMANDS[name])
    captured = capsys.readouterr()
    assert code == EXIT_CODES.get(name, 0), captured.err
    for words in SHOWN.get(name, []):
        assert words in captured.out + captured.err
    assert "django-base" not in captured.out + captured.err
    assert "Traceback" not in captured.err
