"""Releases, their differences and the log, from the history of stacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.engines.history import DAMAGED, Entry
from orchestrator.errors import UnknownStackError, UsageError
from orchestrator.operations.facade import Operations
from tests.support.fake_engine import UPDATED
from tests.support.operations import ALPHA, DEV
from tests.support.workspace import Workspace

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def operations(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Operations:
    """Alpha on dev: created, deployed twice, the last time without success."""
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    orchestrator = workspace.orchestrator()
    orchestrator.create_env("alpha", base="dev")
    orchestrator.update_env("alpha", images={"backend": "registry.example.com:5000/shop:2"}, values={"debug": True})
    workspace.engine.fails(ALPHA, "the task crashed")
    orchestrator.update_env("alpha", images={"backend": f"registry.example.com/shop:3@{DIGEST}"})
    return orchestrator.operations


def test_releases_are_listed_newest_first_with_user_commit_images_and_changed_keys(operations: Operations) -> None:
    found = operations.releases.list("alpha")
    assert (found.environment, found.stack, found.older) == ("alpha", "app/alpha", False)
    assert [release.number for release in found.releases] == [3, 2, 1]
    failed, second, first = found.releases
    assert (first.command, second.command, second.operator) == ("create-env", "update-env", "ada")
    assert (second.changed, second.duration_seconds) == (("debug",), 90)
    assert [(image.name, image.tag, image.digest) for image in failed.images] == [("backend", "3", DIGEST)]
    assert second.images[0].tag == "2"
    assert failed.result == "failed"
    assert failed.reason == "app/alpha failed: the task crashed"


def test_a_release_from_a_pipeline_in_aws_names_the_pipeline(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BITBUCKET_STEP_TRIGGERER_UUID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CODEBUILD_INITIATOR", "codepipeline/shop")
    workspace.orchestrator().create_env("alpha", base="dev")
    (release,) = workspace.orchestrator().operations.releases.list("alpha").releases
    assert release.operator == "codepipeline/shop"


def test_the_running_release_is_the_newest_that_succeeded(operations: Operations) -> None:
    assert [release.running for release in operations.releases.list("alpha").releases] == [False, True, False]
    running = operations.releases.running("alpha")
    assert running is not None
    assert running.number == 2


def test_a_limit_says_that_older_releases_exist(operations: Operations) -> None:
    found = operations.releases.list("alpha", 2)
    assert ([release.number for release in found.releases], found.older) == ([3, 2], True)
    assert found.releases[1].changed == ("debug",), "the release before the oldest listed one is compared too"
    with pytest.raises(UsageError, match="0 releases cannot be listed"):
        operations.releases.list("alpha", 0)


def test_refreshes_and_other_operations_are_not_releases(operations: Operations, workspace: Workspace) -> None:
    workspace.engine.histories[ALPHA] += [
        Entry(number=number, id=str(number), kind="refresh", started=UPDATED) for number in range(4, 40)
    ]
    assert [release.number for release in operations.releases.list("alpha", 2).releases] == [3, 2]


def test_a_damaged_entry_is_listed_and_hides_no_other(operations: Operations, workspace: Workspace) -> None:
    entries = workspace.engine.histories[ALPHA]
    entries[1] = Entry(number=2, id="id2", kind="", result=DAMAGED, reason="line 1, column 1: it is not JSON")
    found = operations.releases.list("alpha").releases
    assert [(release.number, release.result) for release in found] == [(3, "failed"), (2, "damaged"), (1, "succeeded")]
    assert found[0].changed == ()
    assert found[2].running
    with pytest.raises(UnknownStackError, match="release 2 of alpha cannot be compared: line 1"):
        operations.releases.compare("alpha", 1, 2)


def test_a_stack_without_history_has_no_release(workspace: Workspace) -> None:
    workspace.engine.has(ALPHA)
    operations = workspace.orchestrator().operations
    assert operations.releases.list("alpha").releases == ()
    assert operations.releases.running("alpha") is None
    with pytest.raises(UnknownStackError, match="alpha has no release 1: its history is empty"):
        operations.releases.compare("alpha", 1, 2)


def test_two_releases_differ_in_commit_images_and_configuration(operations: Operations, workspace: Workspace) -> None:
    entries = workspace.engine.histories[ALPHA]
    for number, digest in ((0, "1"), (1, "2")):
        config = {**entries[number].config, "django-app:token": "[secret]"}
        entries[number] = replace(entries[number], config=config, secrets={"django-app:token": digest})
    entries[0] = replace(entries[0], environment={"git.head": "a" * 40})
    found = operations.releases.compare("alpha", 1, 2)
    assert [(item.key, item.before, item.after) for item in found.differences] == [
        ("commit", "a" * 40, entries[1].commit),
        ("backend_image", "registry.example.com/shop:1", "registry.example.com:5000/shop:2"),
        ("debug", None, True),
        ("token", "[secret]", "[secret]"),
    ]
    with pytest.raises(UnknownStackError, match="alpha has no release 9: its history has 1 to 3"):
        operations.releases.compare("alpha", 1, 9)


def test_the_log_has_all_stacks_newest_first(operations: Operations) -> None:
    found = operations.releases.log()
    lines = [f"{item.command} {item.project}/{item.name} {item.result}" for item in found]
    assert lines[:2] == ["update-env app/alpha failed", "update-env app/alpha succeeded"]
    assert sorted(lines[2:]) == ["create-env app/alpha succeeded", "create-env base/dev succeeded"]
    assert [item.name for item in operations.releases.log("dev")] == [DEV.stack]
    assert len(operations.releases.log(since=UPDATED + timedelta(hours=1))) == 2
    assert [item.number for item in operations.releases.log(limit=1)] == [3]
    with pytest.raises(UnknownStackError, match="there is no base or environment 'gamma'"):
        operations.releases.log("gamma")


def test_an_update_by_pulumi_itself_has_the_author_of_its_commit(operations: Operations, workspace: Workspace) -> None:
    entry = Entry(number=4, id="id4", message="fix the size", environment={"git.author": "Bo", "git.head": "c" * 40})
    workspace.engine.histories[ALPHA].append(entry)
    release = operations.releases.list("alpha").releases[0]
    assert (release.command, release.operator, release.commit) == ("pulumi up", "Bo", "c" * 40)
    assert release.duration_seconds is None


def test_a_clock_that_was_set_back_meanwhile_gives_no_negative_duration(
    operations: Operations, workspace: Workspace
) -> None:
    newest = workspace.engine.histories[ALPHA][-1]
    assert newest.started is not None
    workspace.engine.histories[ALPHA][-1] = replace(newest, ended=newest.started - timedelta(hours=1))
    found = operations.releases.list("alpha").releases
    assert (found[0].number, found[0].duration_seconds) == (newest.number, None)
    assert [release.number for release in found] == sorted((release.number for release in found), reverse=True)


def test_releases_keep_the_order_of_the_history_when_the_clocks_of_machines_differ(
    operations: Operations, workspace: Workspace
) -> None:
    entries = workspace.engine.histories[ALPHA]
    before = [release.number for release in operations.releases.list("alpha").releases]
    entries[-1] = replace(entries[-1], started=UPDATED - timedelta(days=1), ended=UPDATED - timedelta(days=1))
    assert [release.number for release in operations.releases.list("alpha").releases] == before
