"""Events of pipelines, and the API of a forge: pages, retries, rate limits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import OrchestratorError, RefusedError, UsageError
from orchestrator.pull_requests import events, forges
from orchestrator.pull_requests.github import GitHub
from orchestrator.pull_requests.gitlab import GitLab
from orchestrator.pull_requests.http import Answer, Api, ForgeError
from tests.support.forge import REPOSITORY, TOKEN, Answering, FakeForge, sha


def github(tmp_path: Path, event: Any, name: str = "pull_request") -> dict[str, str]:
    file = tmp_path / "event.json"
    file.write_text(event if isinstance(event, str) else json.dumps(event))
    return {"GITHUB_EVENT_PATH": str(file), "GITHUB_EVENT_NAME": name}


def test_the_event_of_github_names_number_and_commit(tmp_path: Path) -> None:
    environ = github(tmp_path, {"pull_request": {"number": 7, "head": {"sha": sha(9)}}})
    assert events.given(None, None, environ) == events.PipelineEvent(number=7, commit=sha(9))


def test_options_go_before_the_event(tmp_path: Path) -> None:
    environ = github(tmp_path, {"pull_request": {"number": 7, "head": {"sha": sha(9)}}})
    assert events.given(8, sha(1), environ) == events.PipelineEvent(number=8, commit=sha(1))
    assert events.given(8, None, environ) == events.PipelineEvent(number=8, commit=None)


def test_gitlab_names_the_commit_of_the_branch_and_not_that_of_the_merge() -> None:
    environ = {"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHA": sha(1)}
    assert events.given(None, None, environ) == events.PipelineEvent(number=7, commit=sha(1))
    environ["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] = sha(2)
    assert events.given(None, None, environ) == events.PipelineEvent(number=7, commit=sha(2))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "the event push belongs to no pull request"),
        ({"pull_request": []}, "the event push belongs to no pull request"),
        ({"pull_request": {"number": True}}, "the event push belongs to no pull request"),
        ("[" * 200, "the event cannot be read: it is nested more than 100 levels deep"),
        ("{", "the event cannot be read: line 1, column 2: it is not JSON"),
        ("[]", "the event cannot be read: $: expected `object`, got `array`"),
    ],
)
def test_an_event_of_another_kind_is_a_usage_error(tmp_path: Path, event: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}") as caught:
        events.given(None, None, github(tmp_path, event, "push"))
    assert caught.value.hint == "pass its number with --number"


def test_the_event_that_hands_secrets_to_forks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"^the event pull_request_target is not accepted"):
        events.given(None, None, github(tmp_path, {"pull_request": {"number": 7}}, "pull_request_target"))


@pytest.mark.parametrize("environ", [{}, {"GITLAB_CI": "true"}, {"GITHUB_EVENT_PATH": "/no/such/file"}])
def test_without_a_pull_request_there_is_a_hint(environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        events.given(None, None, environ)
    assert caught.value.hint == "pass its number with --number"


def test_a_commit_is_a_full_hash() -> None:
    with pytest.raises(UsageError, match=r"^--commit main is invalid: it must be the full hash of a commit$"):
        events.given(7, "main", {})


def test_the_forge_comes_from_the_variables_of_the_pipeline() -> None:
    hub = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": TOKEN}
    lab = {"GITLAB_CI": "true", "CI_PROJECT_ID": "12", "GITLAB_TOKEN": TOKEN}
    assert (forges.of_environment(hub).name, forges.of_environment(lab).name) == ("GitHub", "GitLab")
    with pytest.raises(UsageError, match=r"^the API cannot be used: GITHUB_TOKEN is not set$"):
        forges.of_environment({"GITHUB_REPOSITORY": REPOSITORY})
    with pytest.raises(UsageError, match=r"^the repository is unknown: GITHUB_REPOSITORY is not set$"):
        forges.of_environment({})


class Clock:
    """Records waits."""

    def __init__(self, api: Api) -> None:
        self.waits: list[float] = []
        api.sleep = self.waits.append
        api.now = lambda: 1000.0


def test_lists_are_read_page_by_page(forge: FakeForge) -> None:
    for number in range(1, 251):
        forge.pull(number)
    assert len(GitHub(GitHub.api(forge.url, TOKEN), REPOSITORY).open_numbers()) == 250
    assert forge.calls == ["GET /pulls"] * 3


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (Answering(429, {"Retry-After": "7"}), [7.0]),
        (Answering(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}), [30.0]),
        (Answering(502), [2.0]),
    ],
)
def test_limits_and_failures_of_the_server_are_waited_for(
    forge: FakeForge, answer: Answering, waits: list[float]
) -> None:
    forge.pull(7)
    forge.answers.append(answer)
    api = GitHub.api(forge.url, TOKEN)
    clock = Clock(api)
    assert GitHub(api, REPOSITORY).change(7).commit == sha(7)
    assert clock.waits == waits


def test_a_limit_of_half_an_hour_is_an_error_at_once(forge: FakeForge) -> None:
    forge.answers.append(Answering(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2800"}))
    api = GitHub.api(forge.url, TOKEN)
    clock = Clock(api)
    with pytest.raises(ForgeError, match=r"it accepts the next one in 30 minutes$"):
        GitHub(api, REPOSITORY).change(7)
    assert clock.waits == []


def test_missing_permissions_name_the_token_and_never_show_it(forge: FakeForge) -> None:
    forge.answers.append(Answering(403))
    with pytest.raises(OrchestratorError) as caught:
        GitHub(GitHub.api(forge.url, TOKEN), REPOSITORY).change(7)
    assert caught.value.hint == "check the token and its permissions: contents, pull requests and deployments"
    assert TOKEN not in f"{caught.value.message}{GitHub.api(forge.url, TOKEN)!r}"


def test_a_forge_that_does_not_listen_is_an_error_after_four_attempts() -> None:
    api = GitHub.api("http://127.0.0.1:9", TOKEN)
    clock = Clock(api)
    with pytest.raises(ForgeError, match=r"^GitHub did not answer GET /repos/acme/shop/pulls/7: \w+ in 4 attempts$"):
        GitHub(api, REPOSITORY).change(7)
    assert clock.waits == [2.0, 4.0, 8.0]


class ScriptedApi(Api):
    """Answers of GitLab by path."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(forge="GitLab", url="", headers={})
        self.answers, self.sent = answers, list[tuple[str, str, Any]]()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        if method == "GET":
            return Answer(status=200, body=self.answers[path.partition("?")[0]])
        self.sent.append((method, path, body))
        return Answer(status=200, body={"id": 5})


def test_a_merge_request_of_gitlab_is_the_same_change() -> None:
    at = "/projects/acme%2Fshop/merge_requests"
    merge_request = {
        "source_branch": "feature",
        "sha": sha(3),
        "state": "opened",
        "draft": False,
        "source_project_id": 1,
        "target_project_id": 2,
        "labels": ["preview"],
        "author": {"username": "ada"},
    }
    api = ScriptedApi({f"{at}/7": merge_request, f"{at}/7/notes": [{"id": 3, "body": "MARK old"}], at: [{"iid": 7}]})
    lab = GitLab(api, "acme/shop")
    found = lab.change(7)
    assert (found.branch, found.commit, found.is_open, found.fork, found.labels, found.author) == (
        "feature",
        sha(3),
        True,
        True,
        {"preview"},
        "ada",
    )
    assert lab.open_numbers() == {7}
    assert lab.comment(7, "MARK", "MARK new") == "#note_3"
    assert lab.comment(7, "OTHER", "OTHER new") == "#note_5"
    assert lab.comment(7, "OTHER", "OTHER new", create=False) is None
    assert [(method, path) for method, path, _ in api.sent] == [("PUT", f"{at}/7/notes/3"), ("POST", f"{at}/7/notes")]


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (None, "$: expected `object`, got `null`"),
        ([], "$: expected `object`, got `array`"),
        ({}, "$: object missing required field `state`"),
        ({"state": "open", "head": "topic"}, "$.head: expected `object`, got `str`"),
        ({"state": "open", "head": {"ref": 1}}, "$.head.ref: expected `str`, got `int`"),
    ],
)
def test_an_answer_of_another_form_is_one_sentence_with_the_place(answer: Any, place: str) -> None:
    api = ScriptedApi({"/repos/acme/shop/pulls/7": answer})
    with pytest.raises(
        ForgeError, match=re.escape(f"/repos/acme/shop/pulls/7 with another document than its API does: {place}")
    ):
        GitHub(api, "acme/shop").change(7)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_no_json_is_one_sentence(content: bytes, forge: FakeForge) -> None:
    forge.answers.append(Answering(200, content=content))
    api = GitHub.api(forge.url, TOKEN)
    with pytest.raises(ForgeError, match=re.escape("$: expected `object`, got `null`")):
        GitHub(api, REPOSITORY).change(7)


def test_entries_of_another_form_are_one_sentence() -> None:
    api = ScriptedApi(
        {"/projects/shop/merge_requests": [{"iid": 1}, {"iid": "two"}], "/projects/shop/merge_requests/7/diffs": {}}
    )
    with pytest.raises(ForgeError, match=re.escape("$.iid: expected `int`, got `str`")):
        GitLab(api, "shop").open_numbers()
    with pytest.raises(ForgeError, match=re.escape("$: expected `array`, got `object`")):
        GitLab(api, "shop").files(7)
