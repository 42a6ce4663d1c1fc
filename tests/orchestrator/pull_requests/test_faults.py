"""Pushes out of order, runs at the same time, and runners that die: the next run finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from orchestrator.model import Unit
from orchestrator.pull_requests.github import GitHub
from orchestrator.pull_requests.gitlab import GitLab
from orchestrator.pull_requests.results import Outcome
from orchestrator.pull_requests.service import PullRequests
from tests.support.command_line import Here
from tests.support.forge import PROJECT, REPOSITORY, TOKEN, FakeForge, sha
from tests.support.workspace import Workspace

Given = Callable[..., PullRequests]
PR = Unit("app", "pr-7")
IMAGES = 'images = {backend = "shop:{commit}"}'


def image(workspace: Workspace) -> object:
    return workspace.engine.kept[PR].config["django-app:backend_image"]


def test_a_force_push_back_to_an_earlier_commit_deploys_that_commit(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    for number in (1, 2, 1):
        forge.pull(7, commit=sha(number))
        assert pull_requests(IMAGES).sync(7, sha(number)).exit_code == 0
        assert image(workspace) == f"shop:{sha(number)}"
    assert [entry["sha"] for entry in forge.deployments.values()] == [sha(1)]
    assert len(forge.says(7)) == 1


def test_runs_that_end_out_of_order_leave_the_newest_commit(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7, commit=sha(3))
    assert pull_requests(IMAGES).sync(7, sha(3)).outcome is Outcome.CREATED
    for number in (1, 2):
        assert pull_requests(IMAGES).sync(7, sha(number)).outcome is Outcome.SKIPPED
    assert image(workspace) == f"shop:{sha(3)}"


def test_a_branch_of_200_characters_outside_ascii_gets_a_valid_environment_and_image(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7, branch="функция/<script>|`x`*" + "é" * 180)
    table = 'name = "pr-{number}-{branch}"\nimages = {backend = "shop:{branch}"}'
    result = pull_requests(table).sync(7)
    assert (result.outcome, result.environment) == (Outcome.CREATED, "pr-7-script-x")
    assert workspace.engine.kept[Unit("app", "pr-7-script-x")].config["django-app:backend_image"] == "shop:script-x"
    (said,) = forge.says(7)
    assert "<script>" not in MarkdownIt("gfm-like", {"linkify": False}).render(said)


def test_a_push_to_an_expired_environment_renews_it(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests('ttl = "1h"').sync(7)
    workspace.now += timedelta(hours=2)
    assert len(pull_requests('ttl = "1h"').reap().destroy) == 1
    assert pull_requests('ttl = "1h"').sync(7).outcome is Outcome.UPDATED
    assert pull_requests('ttl = "1h"').reap().destroy == ()


def test_a_pull_request_that_is_opened_again_after_its_environment_expired_gets_a_new_one(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests('ttl = "1h"').sync(7)
    forge.pull(7, state="closed")
    workspace.now += timedelta(hours=2)
    assert pull_requests('ttl = "1h"').reap(execute=True).exit_code == 0
    assert PR not in workspace.engine.kept
    forge.pull(7, state="open")
    assert pull_requests('ttl = "1h"').sync(7).outcome is Outcome.CREATED
    assert len(forge.says(7)) == 1


def test_a_comment_that_two_runs_wrote_at_the_same_time_is_one_after_the_next_run(
    forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests().sync(7)
    (first,) = forge.comments.values()
    forge.comments[900] = {**first, "id": 900}
    # A person who quotes the comment keeps that text.
    forge.comments[901] = {**first, "id": 901, "body": f"> {first['body']}"}
    assert pull_requests().sync(7).notes == ()
    assert [first["id"], 901] == list(forge.comments)
    assert "is up to date" in forge.says(7)[0]


@pytest.mark.parametrize("name", ["GitHub", "GitLab"])
def test_each_forge_keeps_the_first_copy_and_what_people_quote(forge: FakeForge, name: str) -> None:
    forge.pull(7)
    for number, body in enumerate(("<!-- m -->old", "<!-- m -->old", "> <!-- m -->old", "unrelated")):
        forge.comments[number] = {"id": number, "number": 7, "body": body, "html_url": "https://c/1"}
    api = {"GitHub": GitHub, "GitLab": GitLab}[name].api(forge.url, TOKEN)
    own = GitHub(api, REPOSITORY) if name == "GitHub" else GitLab(api, str(PROJECT))
    assert own.comment(7, "<!-- m -->", "<!-- m -->new") is not None
    assert forge.says(7) == ["<!-- m -->new", "> <!-- m -->old", "unrelated"]


class Job:
    """`orchestrator pr` as a process of its own, on the simulation."""

    def __init__(self, here: Here, forge: FakeForge) -> None:
        self.here, self.forge = here, forge
        with (here.folder / "orchestrator.toml").open("a") as file:
            file.write('\n[pull_requests]\nbase = "dev"\n')
        self.program = here.folder / "app" / "__main__.py"
        self.good = self.program.read_text()

    def start(self, *words: str) -> subprocess.Popen[str]:
        names = ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_STEP_SUMMARY")
        environment = {name: value for name, value in os.environ.items() if name not in names}
        folder = ["--project-dir", str(self.here.folder)]
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "pr", *words, "--number", "7", *folder],
            env={**environment, **self.forge.environment(), "PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> str:
        process = self.start(*words)
        text, _ = process.communicate(timeout=300)
        assert process.returncode == 0, text
        return text

    def stop_in_the_program(self) -> Path:
        """Let the program of the environment note that it runs, and wait."""
        reached = self.here.folder / "reached"
        waiting = f"import pathlib, time\npathlib.Path({str(reached)!r}).touch()\ntime.sleep(600)\n"
        self.program.write_text(waiting + self.good)
        return reached


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str], forge: FakeForge) -> Job:
    forge.pull(7)
    return Job(Here(tmp_path, capsys), forge)


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "the run did not get there"
        time.sleep(0.05)


def test_a_runner_that_dies_in_the_middle_is_followed_by_a_run_that_finishes(job: Job, forge: FakeForge) -> None:
    reached = job.stop_in_the_program()
    process = job.start("sync")
    wait_for(reached.exists)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    job.program.write_text(job.good)
    job.run("sync", "--wait", "1m")
    (said,) = forge.says(7)
    assert "### Environment `pr-7` is ready" in said
    assert [entry["states"][-1][0] for entry in forge.deployments.values()] == ["success"]
    assert "pr-7" in job.here("pr", "status").out


def test_two_runs_at_once_make_one_environment_one_comment_and_one_entry(job: Job, forge: FakeForge) -> None:
    processes = [job.start("sync", "--wait", "3m") for _ in range(2)]
    texts = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], texts
    assert len(forge.says(7)) == 1
    assert len(forge.deployments) == 1
    job.run("sync")
    assert (len(forge.says(7)), len(forge.deployments)) == (1, 1)


def test_a_close_during_a_sync_waits_and_destroys(job: Job, forge: FakeForge) -> None:
    sync = job.start("sync", "--wait", "3m")
    wait_for(lambda: forge.deployments)
    forge.pull(7, state="closed")
    close = job.start("close", "--wait", "3m")
    texts = [process.communicate(timeout=300)[0] for process in (sync, close)]
    assert [process.returncode for process in (sync, close)] == [0, 0], texts
    job.run("close")
    assert job.here("pr", "status").out == "no pull request has an environment\n"
    assert forge.deployments == {}
    assert "was destroyed" in forge.says(7)[0]
