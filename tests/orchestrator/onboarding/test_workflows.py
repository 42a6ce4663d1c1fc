"""The workflows of `ci init github` as a runner carries them out: claims, late and lost events, reaping, plans that moved."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.act import Runner, needs_act, workflows
from tests.support.command_line import Here
from tests.support.forge import Answering, FakeForge, running, sha

pytestmark = needs_act
READY = "### Environment `pr-7` is ready"


@pytest.fixture
def repository(tmp_path: Path, git: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """A git repository with the stacks in `infrastructure`."""
    assert git.is_file()
    here = Here(tmp_path / "infrastructure", capsys)
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    return here


def runner(here: Here, forge: FakeForge, home: Path, settings: str = "") -> Runner:
    with (here.folder / "orchestrator.toml").open("a") as file:
        file.write(f'\n[pull_requests]\nbase = "dev"\n{settings}\n')
    return Runner(here.folder, forge, home)


def done(answer: Any, code: int = 0) -> str:
    """The output of a run that ended with this code."""
    text = answer.stdout + answer.stderr
    assert answer.returncode == code, text
    return text


def environments(here: Here) -> list[str]:
    found = json.loads(here("list", "--json").out)["deployments"]
    return [each["name"] for each in found if each["scope"] == "environment"]


def test_a_draft_waits_for_its_label_and_for_review_and_comes_back_when_it_is_opened_again(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running() as forge:
        run = runner(repository, forge, tmp_path_factory.mktemp("home"), 'label = "preview"')
        forge.pull(7, draft=True)
        assert "it is a draft" in done(run.pull("opened"))
        forge.pull(7, draft=False)
        assert "it does not have the label preview" in done(run.pull("ready_for_review"))
        assert (forge.says(7), forge.deployments) == ([], {})

        forge.pull(7, labels=[{"name": "preview"}])
        done(run.pull("labeled"))
        assert READY in forge.says(7)[0]
        assert environments(repository) == ["pr-7"]

        # The run of an older push comes late, and that of the newest one again.
        late = copy.deepcopy(forge.pull(7))
        forge.pull(7, commit=sha(8))
        event = {"action": "synchronize", "pull_request": late, "number": 7}
        assert "is not the newest" in done(run("preview.yml", event))
        assert [entry["sha"] for entry in forge.deployments.values()] == [sha(7)]
        done(run.pull("synchronize"))
        assert [entry["sha"] for entry in forge.deployments.values()] == [sha(8)]

        forge.pull(7, state="closed")
        done(run.pull("closed"))
        assert environments(repository) == []
        forge.pull(7, state="open")
        done(run.pull("reopened"))
        (said,) = forge.says(7)
        assert READY in said
        assert environments(repository) == ["pr-7"]


def test_reaping_shows_first_and_destroys_by_the_clock(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running() as forge:
        run = runner(repository, forge, tmp_path_factory.mktemp("home"))
        forge.pull(7, branch="fonctionnalité/" + "ü" * 180)
        done(run.pull("opened"))
        assert READY in forge.says(7)[0]
        forge.pull(7, state="closed")  # and its event is lost

        shown = done(run("reap.yml", {"inputs": {"execute": "false"}}, "workflow_dispatch"))
        assert "nothing was changed; add --execute to carry it out" in shown
        assert environments(repository) == ["pr-7"]
        done(run("reap.yml", {}, "schedule"))
        assert environments(repository) == []
        assert "It was reaped: its pull request is closed." in forge.says(7)[0]
        assert forge.deployments == {}


def test_a_forge_that_limits_the_rate_in_the_middle_leaves_a_green_run_and_the_next_one_reports(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running() as forge:
        run = runner(repository, forge, tmp_path_factory.mktemp("home"))
        forge.pull(7)
        limit = {"Retry-After": "1800"}
        forge.answers += [
            Answering(429, limit, match=match) for match in ("/comments", "/deployments") for _ in range(9)
        ]
        assert "limits the rate of calls" in done(run.pull("opened"))
        assert (environments(repository), forge.says(7)) == (["pr-7"], [])
        forge.answers.clear()
        done(run.pull("synchronize"))
        assert "### Environment `pr-7` is up to date" in forge.says(7)[0]


def test_an_approval_that_comes_after_the_plan_moved_changes_nothing_and_is_red(
    repository: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (repository.folder / "app" / "Pulumi.live.yaml").write_text("config:\n  fixture-app:base: dev\n")
    with running() as forge:
        run = runner(repository, forge, tmp_path_factory.mktemp("home"))
        file = workflows(repository) / "infrastructure.yml"
        yaml = YAML()
        document = yaml.load(file)
        # The environment is created by hand while the approval waits.
        moved = {"name": "moved", "run": "orchestrator create-env live --base dev"}
        document["jobs"]["apply"]["steps"].insert(0, moved)
        yaml.dump(document, file)
        text = done(run("infrastructure.yml", {"ref": "refs/heads/main"}, "push"), code=1)
        assert "preview again with --save-plan, and review the changes" in text
        assert environments(repository) == ["live"]
