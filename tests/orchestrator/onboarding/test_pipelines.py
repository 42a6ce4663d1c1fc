"""The files of `ci init`: what the linters say, and the pull request workflow as a runner carries it out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.act import BIN, Runner, needs_act, workflows
from tests.support.command_line import Here
from tests.support.forge import running, sha

GITHUB = ("deploy.yml", "infrastructure.yml", "preview.yml", "reap.yml")


@pytest.fixture
def repository(tmp_path: Path, git: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """A git repository with the stacks in `infrastructure`."""
    assert git.is_file()
    here = Here(tmp_path / "infrastructure", capsys)
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    return here


def test_the_files_are_written_once_and_edited_ones_stay(repository: Here) -> None:
    first = repository("ci", "init", "github")
    assert (first.code, [line.split() for line in first.out.splitlines()[:4]]) == (
        0,
        [["created", f".github/workflows/{name}"] for name in GITHUB],
    )
    edited = workflows(repository) / "preview.yml"
    edited.write_text(edited.read_text().replace("timeout-minutes: 90", "timeout-minutes: 30"))
    again = repository("ci", "init", "github")
    assert [line.split()[0] for line in again.out.splitlines()[:4]] == ["unchanged", "unchanged", "kept", "unchanged"]
    assert "-    timeout-minutes: 30" in again.out
    assert "timeout-minutes: 30" in edited.read_text()


def test_a_dry_run_writes_nothing(repository: Here) -> None:
    answer = repository("ci", "init", "gitlab", "--dry-run", "--json")
    document = json.loads(answer.out)
    assert (document["written"], document["files"][0]["path"]) == (False, ".gitlab/environments.gitlab-ci.yml")
    assert not (repository.folder.parent / ".gitlab").exists()


def test_outside_a_git_repository_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], git: Path
) -> None:
    assert git.is_file()
    answer = Here(tmp_path, capsys)("ci", "init", "github")
    assert answer.code == 1
    assert "is not in a git repository: a pipeline needs one" in answer.err


def test_the_values_come_from_the_stacks(repository: Here) -> None:
    stack = repository.folder / "app" / "Pulumi.live.yaml"
    stack.write_text("config:\n  aws:region: eu-west-1\n  fixture-app:base: dev\n")
    repository("ci", "init", "github")
    text = (workflows(repository) / "deploy.yml").read_text()
    assert 'AWS_REGION: "eu-west-1"' in text
    assert 'ORCHESTRATOR_PROJECT_DIR: "infrastructure"' in text
    assert "orchestrator deploy alpha --image" in text
    assert "orchestrator deploy live --image" in text
    assert "@" not in text.replace("@sha256", "").replace("actions/", "").split("jobs:")[0]


@pytest.mark.parametrize(
    ("tables", "command"),
    [
        ("", "orchestrator pr sync --wait 30m"),
        ('[images.backend]\ncontext = ".."\n', "orchestrator pr sync --build --wait 30m"),
        (
            '[images.backend]\ncontext = ".."\n[pull_requests]\nimages = {backend = "shop:{commit}"}\n',
            "orchestrator pr sync --wait 30m",
        ),
    ],
)
def test_the_pipeline_builds_the_images_that_nothing_else_builds(repository: Here, tables: str, command: str) -> None:
    with (repository.folder / "orchestrator.toml").open("a") as file:
        file.write(f"\n{tables}")
    repository("ci", "init", "github")
    document = YAML(typ="safe").load(workflows(repository) / "preview.yml")
    assert command in [step.get("run") for step in document["jobs"]["environment"]["steps"]]


def test_every_action_is_pinned_and_no_script_has_an_expression(repository: Here) -> None:
    repository("ci", "init", "github")
    for name in GITHUB:
        document = YAML(typ="safe").load(workflows(repository) / name)
        assert document["permissions"] == {}
        for job in document["jobs"].values():
            assert set(job["permissions"]) <= {"contents", "id-token", "pull-requests", "deployments"}
            for step in job["steps"]:
                assert "${{" not in step.get("run", "")
                if "uses" in step:
                    assert len(step["uses"].partition("@")[2]) == 40


@pytest.mark.parametrize(
    "command",
    [
        [str(BIN / "zizmor"), "--offline", "--no-progress", ".github"],
        ["actionlint"],
    ],
    ids=["zizmor", "actionlint"],
)
def test_the_linters_of_github_find_nothing(repository: Here, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{Path(command[0]).name} is not installed")
    repository("ci", "init", "github")
    done = subprocess.run(command, cwd=repository.folder.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_of_gitlab_has_gitlabs_schema(repository: Here) -> None:
    if not (BIN / "check-jsonschema").exists():
        pytest.skip("check-jsonschema is not installed")
    repository("ci", "init", "gitlab")
    file = repository.folder.parent / ".gitlab" / "environments.gitlab-ci.yml"
    done = subprocess.run(
        [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_act
def test_a_pull_request_is_opened_pushed_to_broken_mended_and_closed_under_a_runner(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running() as forge:
        with (repository.folder / "orchestrator.toml").open("a") as file:
            file.write('\n[pull_requests]\nbase = "dev"\n')
        forge.pull(7)
        run = Runner(repository.folder, forge, tmp_path_factory.mktemp("home"))
        opened = run.pull("opened")
        assert opened.returncode == 0, opened.stdout + opened.stderr
        assert "### Environment `pr-7` is ready" in forge.says(7)[0]

        program = repository.folder / "app" / "__main__.py"
        good = program.read_text()
        program.write_text("raise RuntimeError('migration 0007 failed')")
        forge.pull(7, commit=sha(8))
        broken = run.pull("synchronize")
        assert broken.returncode == 1
        (said,) = forge.says(7)
        assert "was not updated" in said
        assert "migration 0007 failed" in said

        program.write_text(good)
        forge.pull(7, commit=sha(9))
        assert run.pull("synchronize").returncode == 0
        assert [entry["sha"] for entry in forge.deployments.values()] == [sha(9)]

        forge.pull(7, state="closed")
        assert run.pull("closed").returncode == 0
        assert "was destroyed" in forge.says(7)[0]
        assert forge.deployments == {}

        forge.pull(8, repository="mallory/shop")
        fork = run.pull("opened", 8)
        assert fork.returncode == 0
        assert forge.says(8) == []


@needs_act
def test_a_change_of_the_stacks_is_planned_in_a_comment_and_carried_out_exactly_as_planned(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    live = repository.folder / "app" / "Pulumi.live.yaml"
    live.write_text("config:\n  fixture-app:base: dev\n")
    with running() as forge:
        forge.pull(7)
        run = Runner(repository.folder, forge, tmp_path_factory.mktemp("home"))
        planned = run.pull("opened", workflow="infrastructure.yml")
        assert planned.returncode == 0, planned.stdout + planned.stderr
        (said,) = forge.says(7)
        assert said.startswith("<!-- pulumi-django comment plan of live -->\n### Plan: ")
        assert repository("list", "--json").out.count('"name": "live"') == 0, "a plan changes nothing"

        shutil.rmtree(run.home / "plan")
        pushed = run("infrastructure.yml", {"ref": "refs/heads/main"}, "push")
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr
        assert repository("list", "--json").out.count('"name": "live"') == 1


@pytest.mark.parametrize("command", [["zizmor", "--offline", "--no-progress", ".github", "action.yml"], ["actionlint"]])
def test_the_action_and_the_workflows_of_this_repository_pass_the_linters(command: list[str]) -> None:
    program = shutil.which(command[0], path=f"{BIN}:{os.environ['PATH']}")
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [program, *command[1:]], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
