"""`pr reap` reports what no pull request explains, and never destroys it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.model import Unit
from orchestrator.pull_requests.http import ForgeError
from orchestrator.pull_requests.results import Outcome
from orchestrator.pull_requests.service import PullRequests
from orchestrator.rendering import pull_request_documents as documents
from tests.support.forge import Answering, FakeForge
from tests.support.workspace import Workspace

Given = Callable[..., PullRequests]
PR = Unit("app", "pr-7")


@pytest.fixture
def seven(forge: FakeForge, pull_requests: Given) -> Given:
    """The pull request 7 has an environment."""
    forge.pull(7)
    assert pull_requests().sync(7).outcome is Outcome.CREATED
    return pull_requests


def reported(service: PullRequests, *, execute: bool = False) -> list[tuple[str, int | None, str]]:
    result = service.reap(execute=execute)
    assert result.destroy == ()
    return [(orphan.name, orphan.number, orphan.reason.value) for orphan in result.orphans]


def test_an_environment_of_an_open_pull_request_is_no_orphan(seven: Given) -> None:
    assert reported(seven()) == []


@pytest.mark.parametrize("execute", [False, True])
def test_a_number_that_no_pull_request_has_is_reported_and_its_environment_stays(
    workspace: Workspace, forge: FakeForge, seven: Given, execute: bool
) -> None:
    del forge.pulls[7]
    assert reported(seven(), execute=execute) == [("pr-7", 7, "no pull request has its number")]
    assert PR in workspace.engine.kept


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_stack_that_pulumi_alone_created_is_reported_and_stays(
    workspace: Workspace, forge: FakeForge, seven: Given, state: str
) -> None:
    workspace.engine.kept[PR].record = None
    forge.pull(7, state=state)
    assert reported(seven(), execute=True) == [("pr-7", 7, "no command of the orchestrator created its stack")]
    assert PR in workspace.engine.kept


def test_an_environment_without_an_owner_is_reported_and_stays(
    workspace: Workspace, forge: FakeForge, seven: Given
) -> None:
    kept = workspace.engine.kept[PR]
    assert kept.record is not None
    kept.record = replace(kept.record, owner=None)
    forge.pull(7, state="closed")
    assert reported(seven(), execute=True) == [("pr-7", 7, "its record names no owner")]
    assert PR in workspace.engine.kept


def test_orphans_neither_make_room_nor_take_it(workspace: Workspace, forge: FakeForge, seven: Given) -> None:
    workspace.engine.kept[PR].record = None
    forge.pull(8)
    assert seven("most = 1").reap().sleep == ()


def test_a_deployment_entry_without_an_environment_is_reported(
    workspace: Workspace, forge: FakeForge, seven: Given
) -> None:
    workspace.orchestrator().destroy_env("pr-7")
    forge.pull(7, state="closed")
    assert reported(seven(), execute=True) == [("pr-7", 7, "a deployment entry without an environment")]
    assert len(forge.deployments) == 1
    # The command of the hint removes it.
    assert seven().close(7).outcome is Outcome.ABSENT
    assert reported(seven()) == []


def test_the_entry_of_an_open_pull_request_waits_for_its_environment(workspace: Workspace, seven: Given) -> None:
    workspace.orchestrator().destroy_env("pr-7")
    assert reported(seven()) == []


def test_entries_of_others_are_not_those_of_pull_requests(forge: FakeForge, seven: Given) -> None:
    others = {"sha": "1", "states": [], "environment": "production", "task": "deploy"}
    forge.deployments[900] = {"id": 900, **others}
    forge.deployments[901] = {"id": 901, **others, "environment": "pull requests"}
    assert reported(seven()) == []


def test_entries_that_cannot_be_listed_are_a_note_and_the_rest_is_carried_out(
    workspace: Workspace, forge: FakeForge, seven: Given
) -> None:
    forge.pull(7, state="closed")
    forge.answers += [Answering(403, match="GET /deployments")]
    result = seven().reap(execute=True)
    assert [each.environment for each in result.destroy] == ["pr-7"]
    assert ["GET /repos/acme/shop/deployments" in note for note in result.notes] == [True]
    assert PR not in workspace.engine.kept


def test_a_forge_that_fails_while_orphans_are_searched_destroys_nothing(
    workspace: Workspace, forge: FakeForge, seven: Given
) -> None:
    forge.pull(7, state="closed")
    forge.answers += [Answering(500, match="GET /pulls/7")] * 4
    with pytest.raises(ForgeError):
        seven().reap(execute=True)
    assert PR in workspace.engine.kept


def test_the_text_names_the_commands_that_remove_orphans(workspace: Workspace, forge: FakeForge, seven: Given) -> None:
    forge.pull(8)
    seven().sync(8)
    workspace.orchestrator().destroy_env("pr-8")
    forge.pull(8, state="closed")
    del forge.pulls[7]
    text = documents.reaped_text(seven().reap())
    assert [" ".join(line.split()) for line in text.splitlines()[:2]] == [
        "orphan pr-7 no pull request has its number",
        "orphan pr-8 a deployment entry without an environment",
    ]
    assert "orphans stay; to remove one: orchestrator pr close --number 8" in text
    assert "orchestrator show pr-7, then orchestrator destroy-env pr-7" in text
    assert "nothing to reap" not in text
    assert "--execute" not in text
