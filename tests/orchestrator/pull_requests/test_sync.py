"""The environment of a pull request follows the pull request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from orchestrator.errors import OrchestratorError, RefusedError
from orchestrator.lifecycle import Job
from orchestrator.model import RunReport, Status, Unit, UnitResult
from orchestrator.pull_requests import previews
from orchestrator.pull_requests.http import ForgeError
from orchestrator.pull_requests.results import Outcome
from orchestrator.pull_requests.service import PullRequests
from tests.support.forge import TOKEN, Answering, FakeForge, sha
from tests.support.workspace import APP_CONFIG, Workspace

Given = Callable[..., PullRequests]
PR = Unit("app", "pr-7")


def test_an_opened_pull_request_gets_an_environment_a_comment_and_a_deployment(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    result = pull_requests('images = {backend = "registry.example.com/shop:{commit}"}\nttl = "2d"').sync(7, sha(7))
    assert (result.outcome, result.environment, result.exit_code) == (Outcome.CREATED, "pr-7", 0)
    assert result.url == "https://pr-7.example.com"
    config = workspace.engine.kept[PR].config
    assert config["django-app:backend_image"] == f"registry.example.com/shop:{sha(7)}"
    record = workspace.engine.kept[PR].record
    assert record is not None
    assert (record.owner, record.ttl, record.base) == ("ada", timedelta(days=2), "dev")
    (said,) = forge.says(7)
    assert said.startswith("<!-- pulumi-django environment pr-7 -->\n### Environment `pr-7` is ready\n")
    assert "<https://pr-7.example.com>" in said
    (entry,) = forge.deployments.values()
    assert entry["states"] == [("in_progress", None), ("success", "https://pr-7.example.com")]
    assert forge.tokens == {f"Bearer {TOKEN}"}


def test_a_push_updates_the_same_environment_and_the_same_comment(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    table = 'images = {backend = "shop:{commit}"}'
    forge.pull(7)
    pull_requests(table).sync(7)
    forge.pull(7, commit=sha(8))
    result = pull_requests(table).sync(7, sha(8))
    assert result.outcome is Outcome.UPDATED
    assert workspace.engine.kept[PR].config["django-app:backend_image"] == f"shop:{sha(8)}"
    assert len(forge.says(7)) == 1
    assert [entry["sha"] for entry in forge.deployments.values()] == [sha(8)]


def test_a_run_for_an_older_commit_does_nothing(workspace: Workspace, forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(7, commit=sha(8))
    result = pull_requests().sync(7, sha(7))
    assert (result.outcome, result.exit_code) == (Outcome.SKIPPED, 0)
    assert result.reason == f"commit {sha(7)[:12]} is not the newest: {sha(8)[:12]} has a run of its own"
    assert PR not in workspace.engine.kept
    assert forge.says(7) == []


@pytest.mark.parametrize(
    ("changes", "table", "reason"),
    [
        ({"draft": True}, "", "it is a draft"),
        ({"repository": "mallory/shop"}, "", "it comes from a fork, and code of forks gets no credentials"),
        (
            {"repository": "mallory/shop"},
            "drafts = true",
            "it comes from a fork, and code of forks gets no credentials",
        ),
        ({}, 'label = "preview"', "it does not have the label preview"),
        ({}, 'paths = ["backend/*"]', "it changes none of backend/*"),
        ({"state": "closed"}, "", "it is closed"),
    ],
)
def test_a_pull_request_without_a_claim_gets_no_environment(
    workspace: Workspace, forge: FakeForge, pull_requests: Given, changes: dict[str, object], table: str, reason: str
) -> None:
    forge.pull(7, **changes)
    forge.files[7] = ["docs/page.md"]
    result = pull_requests(table).sync(7)
    assert (result.outcome, result.reason, result.exit_code) == (Outcome.SKIPPED, reason, 0)
    assert PR not in workspace.engine.kept
    assert not any(call.startswith("POST") for call in forge.calls)


def test_a_fork_whose_repository_was_deleted_is_a_fork(forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(7)["head"]["repo"] = None
    assert pull_requests().sync(7).outcome is Outcome.SKIPPED


def test_label_paths_and_drafts_are_claims(forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(7, draft=True, labels=[{"name": "preview"}])
    forge.files[7] = [*(f"docs/{number}.md" for number in range(150)), "backend/shop/views.py"]
    table = 'label = "preview"\npaths = ["backend/*"]\ndrafts = true'
    assert pull_requests(table).sync(7).outcome is Outcome.CREATED


def test_secrets_of_the_template_stay_out_except_those_that_are_named(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    secrets = '  django-app:extra_secrets: {STRIPE: "arn:a", SENTRY: "arn:b"}\n'
    workspace.write("app", "alpha", APP_CONFIG + secrets)
    forge.pull(7)
    pull_requests('secrets = ["SENTRY"]').sync(7)
    assert workspace.engine.kept[PR].config["django-app:extra_secrets"] == '{"SENTRY":"arn:b"}'


def test_values_of_the_settings_replace_those_of_the_template(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests('values = {"web.cpu_units" = 256}').sync(7)
    assert '"cpu_units":256' in workspace.engine.kept[PR].config["django-app:web"].replace(" ", "")


def test_a_failed_update_is_in_the_comment_with_its_reason_and_nothing_of_it_is_markup(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7, branch="</td><img src=x>`whoami`|x")
    workspace.engine.fails(PR, "migration 0007 failed\n<script>alert(1)</script> ```\x1b[31m", after=("one",))
    result = pull_requests().sync(7)
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 1)
    (said,) = forge.says(7)
    assert "was not updated" in said
    assert "migration 0007 failed" in said
    outside = said.split("````")
    assert len(outside) == 3, "the log is one block of code, although it contains a fence"
    assert "<script>" not in outside[0] + outside[2]
    assert "\x1b" not in said
    assert "| branch | `` </td><img src=x>`whoami`\\|x `` |" in said, "the branch is a code span"
    assert next(iter(forge.deployments.values()))["states"][-1][0] == "failure"


def test_the_environment_of_a_renamed_branch_keeps_its_name(forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(7, branch="Grüße/Ünïcode-" + "x" * 200)
    table = 'name = "pr-{number}-{branch}"'
    first = pull_requests(table).sync(7)
    assert (first.environment, first.outcome) == ("pr-7-gr-e-n-code-xxx", Outcome.CREATED)
    forge.pull(7, branch="other")
    assert pull_requests(table).sync(7).environment == first.environment


def test_a_comment_that_was_deleted_by_hand_is_written_again(forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(7)
    pull_requests().sync(7)
    forge.comments.clear()
    pull_requests().sync(7)
    assert len(forge.says(7)) == 1


def test_the_environment_that_was_updated_longest_ago_makes_room(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    table = 'most = 2\nvalues = {"web.cpu_units" = 256}'
    for number in (1, 2, 3):
        forge.pull(number)
    assert pull_requests(table).sync(1).put_to_sleep == ()
    workspace.engine.has(Unit("app", "pr-1"), updated=workspace.now)
    pull_requests(table).sync(2)
    workspace.engine.has(Unit("app", "pr-2"), updated=workspace.now + timedelta(hours=1))
    result = pull_requests(table).sync(3)
    assert result.put_to_sleep == ("pr-1",)
    assert workspace.engine.kept[Unit("app", "pr-1")].config["django-app:asleep"] == "true"
    assert "put to sleep to make room | `pr-1`" in forge.says(3)[0]


def test_a_push_wakes_an_environment_that_was_put_to_sleep(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(1)
    pull_requests().sync(1)
    workspace.orchestrator().update_env("pr-1", values={"asleep": True})
    pull_requests().sync(1)
    assert "django-app:asleep" not in workspace.engine.kept[Unit("app", "pr-1")].config


def test_without_room_the_owner_of_the_oldest_is_named_and_nothing_changes(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    table = 'most = 1\nat_most = "refuse"'
    forge.pull(1)
    forge.pull(2)
    pull_requests(table).sync(1)
    with pytest.raises(RefusedError) as caught:
        pull_requests(table).sync(2)
    assert (
        caught.value.message == "pr-2 was not created: the largest number of awake environments of pull requests is 1"
    )
    assert caught.value.hint == "destroy one or put it to sleep; pr-1 of ada was updated longest ago"
    assert Unit("app", "pr-2") not in workspace.engine.kept
    assert "the largest number of awake environments of pull requests is 1" in forge.says(2)[0]
    assert [entry["states"] for entry in forge.deployments.values()][-1] == [("failure", None)]


def test_a_request_that_is_refused_puts_no_environment_to_sleep(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(1)
    forge.pull(2)
    pull_requests("most = 1").sync(1)
    with pytest.raises(OrchestratorError):
        pull_requests('most = 1\nvalues = {"base" = "x"}').sync(2)
    assert "django-app:asleep" not in workspace.engine.kept[Unit("app", "pr-1")].config


def test_a_forge_that_is_down_before_the_run_stops_it(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    forge.answers += [Answering(503)] * 4
    with pytest.raises(
        ForgeError, match=r"^GitHub did not answer GET /repos/acme/shop/pulls/7: status 503 in 4 attempts"
    ):
        pull_requests().sync(7)
    assert PR not in workspace.engine.kept


def test_a_forge_that_fails_during_the_run_leaves_the_environment_and_the_next_run_reports(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    forge.answers += [Answering(403, match="/comments")] * 9 + [Answering(500, match="deployments")] * 99
    result = pull_requests().sync(7)
    assert (result.outcome, result.exit_code, result.comment) == (Outcome.CREATED, 0, None)
    assert result.notes == (
        "GitHub refused GET /repos/acme/shop/issues/7/comments: status 403, scripted",
        "GitHub did not answer GET /repos/acme/shop/deployments: status 500 in 4 attempts",
    )
    assert PR in workspace.engine.kept
    forge.answers.clear()
    assert pull_requests().sync(7).notes == ()
    assert len(forge.says(7)) == 1


def test_a_pull_request_that_is_closed_during_the_run_loses_its_environment(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    service = pull_requests()
    create = service._carry_out

    def closing(job: object) -> object:
        forge.pull(7, state="closed")
        return create(job)  # type: ignore[arg-type]

    service._carry_out = closing  # type: ignore[assignment]
    result = service.sync(7)
    assert result.outcome is Outcome.DESTROYED
    assert PR not in workspace.engine.kept
    assert forge.deployments == {}


def test_closing_destroys_the_environment_and_says_so(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests().sync(7)
    forge.pull(7, state="closed")
    result = pull_requests().close(7)
    assert (result.outcome, result.exit_code) == (Outcome.DESTROYED, 0)
    assert PR not in workspace.engine.kept
    assert "### Environment `pr-7` was destroyed" in forge.says(7)[0]
    assert forge.deployments == {}
    again = pull_requests().close(7)
    assert (again.outcome, again.exit_code) == (Outcome.ABSENT, 0)


def test_a_pull_request_that_is_opened_again_gets_an_environment_again(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests().sync(7)
    pull_requests().close(7)
    assert pull_requests().sync(7).outcome is Outcome.CREATED
    assert PR in workspace.engine.kept
    assert len(forge.says(7)) == 1


def test_closing_a_pull_request_without_environment_writes_no_comment(forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(7, state="closed")
    assert pull_requests().close(7).outcome is Outcome.ABSENT
    assert forge.says(7) == []


def test_a_close_succeeds_when_another_run_destroys_the_environment_meanwhile(
    forge: FakeForge, pull_requests: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.pull(7)
    assert pull_requests().sync(7).outcome is Outcome.CREATED
    found = previews.find(pull_requests()._orchestrator.context, "pr-{number}")
    forge.pull(7, state="closed")
    assert pull_requests().close(7).outcome is Outcome.DESTROYED
    monkeypatch.setattr(previews, "find", lambda *_: found)  # what the run read before
    assert pull_requests().close(7).outcome is Outcome.ABSENT
    (comment,) = forge.says(7)
    assert "was destroyed" in comment


def test_a_close_succeeds_when_another_run_destroys_the_environment_right_before_its_turn(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(7)
    pull_requests().sync(7)
    forge.pull(7, state="closed")
    late = pull_requests()

    def carry_out(job: Job) -> RunReport:
        assert pull_requests().close(7).outcome is Outcome.DESTROYED
        gone = UnitResult(unit=PR, operation=job.operation, status=Status.FAILED, reason="app/pr-7 does not exist")
        return RunReport(
            command=job.command, engine="fake", notice=None, started=workspace.now, ended=workspace.now, results=(gone,)
        )

    late._carry_out = carry_out
    assert (ended := late.close(7)).outcome is Outcome.DESTROYED
    assert ended.exit_code == 0


def test_reaping_is_shown_first_and_carried_out_on_request(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    for number in (1, 2, 3):
        forge.pull(number)
        pull_requests().sync(number)
    workspace.orchestrator().create_env("beta", base="dev")
    forge.pull(1, state="closed")
    forge.pull(2, state="closed")
    workspace.orchestrator().pin("pr-2")
    shown = pull_requests().reap()
    assert [(it.environment, it.reason.value) for it in shown.destroy] == [("pr-1", "its pull request is closed")]
    assert [(it.environment, it.reason) for it in shown.keep] == [
        ("pr-2", "it is pinned, although its pull request is closed")
    ]
    assert Unit("app", "pr-1") in workspace.engine.kept
    done = pull_requests().reap(execute=True)
    assert (done.executed, done.exit_code) == (True, 0)
    assert {unit.stack for unit in workspace.engine.kept} == {"dev", "pr-2", "pr-3", "beta"}


def test_expired_environments_are_reaped(workspace: Workspace, forge: FakeForge, pull_requests: Given) -> None:
    forge.pull(1)
    pull_requests('ttl = "1h"').sync(1)
    workspace.now += timedelta(hours=2)
    assert [it.reason.value for it in pull_requests().reap().destroy] == ["it has expired"]


def test_reaping_puts_environments_beyond_the_largest_number_to_sleep(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    for number in (1, 2, 3):
        forge.pull(number)
        pull_requests().sync(number)
    assert len(pull_requests("most = 1").reap().sleep) == 2
    pull_requests("most = 1").reap(execute=True)
    asleep = [
        unit.stack for unit, kept in workspace.engine.kept.items() if kept.config.get("django-app:asleep") == "true"
    ]
    assert len(asleep) == 2


def test_reaping_without_the_forge_destroys_nothing(
    workspace: Workspace, forge: FakeForge, pull_requests: Given
) -> None:
    forge.pull(1)
    pull_requests().sync(1)
    forge.answers += [Answering(500)] * 4
    with pytest.raises(ForgeError):
        pull_requests().reap(execute=True)
    assert Unit("app", "pr-1") in workspace.engine.kept
