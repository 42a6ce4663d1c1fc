"""Pull requests on GitHub, through its REST API. https://docs.github.com/rest"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orchestrator.pull_requests.change import Change, DeploymentState
from orchestrator.pull_requests.http import Api, ForgeError

API_VERSION = "2022-11-28"
DEPLOYMENT_ENVIRONMENT = "pull requests"
"""One environment of GitHub for all pull requests: environments of GitHub are never removed by themselves."""

TASK = "preview:"
"""The beginning of the task of a deployment entry; the name of the environment follows."""


@dataclass(frozen=True, kw_only=True)
class _Repository:
    full_name: str


@dataclass(frozen=True, kw_only=True)
class _Head:
    ref: str
    sha: str
    repo: _Repository | None
    """None for a fork that was deleted."""


@dataclass(frozen=True, kw_only=True)
class _Base:
    repo: _Repository


@dataclass(frozen=True, kw_only=True)
class _Label:
    name: str


@dataclass(frozen=True, kw_only=True)
class _User:
    login: str


@dataclass(frozen=True, kw_only=True)
class _PullRequest:
    state: str
    head: _Head
    base: _Base
    draft: bool = False
    labels: tuple[_Label, ...] = ()
    user: _User | None = None


@dataclass(frozen=True, kw_only=True)
class _Listed:
    number: int


@dataclass(frozen=True, kw_only=True)
class _File:
    filename: str
    previous_filename: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Comment:
    id: int
    html_url: str
    body: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Deployment:
    id: int
    sha: str
    task: str = ""


class GitHub:
    """A repository on GitHub."""

    name = "GitHub"

    def __init__(self, api: Api, repository: str, log_url: str | None = None) -> None:
        self._api, self._at, self._log_url = api, f"/repos/{repository}", log_url

    @staticmethod
    def api(url: str, token: str) -> Api:
        """The API with a token."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }
        return Api(forge="GitHub", url=url, headers=headers)

    def change(self, number: int) -> Change:
        """The pull request."""
        found = self._api.get(_PullRequest, f"{self._at}/pulls/{number}")
        head = found.head
        return Change(
            number=number,
            branch=head.ref,
            commit=head.sha,
            is_open=found.state == "open",
            draft=found.draft,
            fork=head.repo is None or head.repo.full_name != found.base.repo.full_name,
            labels=frozenset(label.name for label in found.labels),
            author=found.user.login if found.user else "unknown",
        )

    def open_numbers(self) -> frozenset[int]:
        """The numbers of all open pull requests."""
        return frozenset(found.number for found in self._api.pages(_Listed, f"{self._at}/pulls?state=open"))

    def files(self, number: int) -> Sequence[str]:
        """The paths of the changed files, with the former path of a renamed one."""
        found = self._api.pages(_File, f"{self._at}/pulls/{number}/files")
        return [path for file in found for path in (file.filename, file.previous_filename) if path is not None]

    def comment(self, number: int, marker: str, text: str, *, create: bool = True) -> str | None:
        """Write the comment that contains `marker`, and delete copies, which two runs at the same time wrote."""
        at = f"{self._at}/issues/{number}/comments"
        written: str | None = None
        for found in [each for each in self._api.pages(_Comment, at) if marker in (each.body or "")]:
            own = f"{self._at}/issues/comments/{found.id}"
            try:
                if written is None:
                    written = self._api.send(_Comment, "PATCH", own, {"body": text}).html_url
                elif (found.body or "").startswith(marker):  # a person may quote it
                    self._api.call("DELETE", own)
            except ForgeError as error:
                if error.status != 404:  # deleted since
                    raise
        if written is None and create:
            written = self._api.send(_Comment, "POST", at, {"body": text}).html_url
        return written

    def deployment(self, change: Change, environment: str, state: DeploymentState, url: str | None) -> None:
        """Set the state of the deployment entry, and create the entry for a new commit.

        https://docs.github.com/rest/deployments/deployments
        """
        entries = list(self._api.pages(_Deployment, f"{self._at}/deployments?task={TASK}{environment}"))
        if state == "inactive":
            for entry in entries:
                self._remove(entry)
            return
        same = (found for found in entries if found.sha == change.commit)
        entry = next(same, None) or self._entry(change, environment)
        body: dict[str, Any] = {"state": state, "auto_inactive": False}
        if url:
            body["environment_url"] = url
        if self._log_url:
            body["log_url"] = self._log_url
        self._api.call("POST", f"{self._at}/deployments/{entry.id}/statuses", body)
        for older in entries:
            if older.id != entry.id and state == "success":
                self._remove(older)

    def entries(self) -> Sequence[str]:
        """The names of the environments that have a deployment entry."""
        found = self._api.pages(_Deployment, f"{self._at}/deployments?environment={quote(DEPLOYMENT_ENVIRONMENT)}")
        return [entry.task.removeprefix(TASK) for entry in found if entry.task.startswith(TASK)]

    def _entry(self, change: Change, environment: str) -> _Deployment:
        body = {
            "ref": change.commit,
            "environment": DEPLOYMENT_ENVIRONMENT,
            "task": f"{TASK}{environment}",
            "description": f"environment {environment}",
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": True,
        }
        return self._api.send(_Deployment, "POST", f"{self._at}/deployments", body)

    def _remove(self, entry: _Deployment) -> None:
        """Deactivate an entry, then delete it: GitHub deletes no active one."""
        at = f"{self._at}/deployments/{entry.id}"
        try:
            self._api.call("POST", f"{at}/statuses", {"state": "inactive"})
            self._api.call("DELETE", at)
        except ForgeError as error:
            if error.status != 404:
                raise
