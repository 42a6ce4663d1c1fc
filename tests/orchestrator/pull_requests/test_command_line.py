"""`pr` from the command line, on the simulation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import Here
from tests.support.forge import FakeForge, sha


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str], forge: FakeForge, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A folder of a job that runs for the pull request 7."""
    for name, value in forge.environment().items():
        monkeypatch.setenv(name, value)
    here = Here(tmp_path, capsys)
    with (tmp_path / "orchestrator.toml").open("a") as file:
        file.write('\n[pull_requests]\nbase = "dev"\n')
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": sha(7)}}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    forge.pull(7)
    return here


def test_a_job_creates_lists_and_destroys_its_environment(job: Here, forge: FakeForge) -> None:
    created = job("pr", "sync", "--json")
    assert created.code == 0
    result = json.loads(created.out)["result"]
    assert (result["environment"], result["outcome"]) == ("pr-7", "created")
    listed = job("pr", "status", "--json")
    assert [it["environment"] for it in json.loads(listed.out)["environments"]] == ["pr-7"]
    assert "#7" in job("pr", "status").out
    forge.pull(7, state="closed")
    assert job("pr", "reap").out.splitlines()[-2:] == [
        "to destroy  pr-7  its pull request is closed",
        "nothing was changed; add --execute to carry it out",
    ]
    closed = job("pr", "close")
    assert closed.code == 0, "a job confirms nothing"
    assert "destroyed" in closed.out
    assert job("pr", "status").out == "no pull request has an environment\n"


def test_a_failed_update_ends_with_1_and_its_reason(job: Here, forge: FakeForge) -> None:
    (job.folder / "app" / "__main__.py").write_text("raise RuntimeError('boom')")
    answer = job("pr", "sync")
    assert answer.code == 1
    assert "boom" in answer.err
    assert "boom" in forge.says(7)[0]


def test_without_a_token_nothing_begins(job: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    answer = job("pr", "sync")
    assert (answer.code, answer.err.splitlines()[0]) == (2, "error: the API cannot be used: GITHUB_TOKEN is not set")


def test_a_file_becomes_the_one_comment_of_its_name(job: Here, forge: FakeForge) -> None:
    plan = job.folder / "plan.md"
    for text in ("### Plan: 1 created", "### Plan: 2 created"):
        plan.write_text(text)
        assert job("pr", "comment", str(plan), "--name", "plan of live -->").out == "https://c/1\n"
    assert forge.says(7) == [
        "<!-- pulumi-django comment plan of live -- -->\n### Plan: 2 created".replace("-- -->", "- -->")
    ]
    missing = job("pr", "comment", "no.md", "--name", "x")
    assert (missing.code, missing.err) == (2, "error: no.md cannot be read: No such file or directory\n")
