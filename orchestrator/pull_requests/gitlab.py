"""Merge requests on GitLab, through its REST API. https://docs.gitlab.com/api/merge_requests/"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from orchestrator.pull_requests.change import Change, DeploymentState
from orchestrator.pull_requests.http import Api, ForgeError


@dataclass(frozen=True, kw_only=True)
class _User:
    username: str


@dataclass(frozen=True, kw_only=True)
class _MergeRequest:
    source_branch: str
    sha: str | None
    state: str
    source_project_id: int | None
    """None for a fork that was deleted."""

    target_project_id: int
    draft: bool = False
    labels: tuple[str, ...] = ()
    author: _User | None = None


@dataclass(frozen=True, kw_only=True)
class _Listed:
    iid: int


@dataclass(frozen=True, kw_only=True)
class _Diff:
    new_path: str
    old_path: str


@dataclass(frozen=True, kw_only=True)
class _Note:
    id: int
    body: str | None = None


class GitLab:
    """A project on GitLab."""

    name = "GitLab"

    def __init__(self, api: Api, project: str) -> None:
        self._api, self._at = api, f"/projects/{quote(project, safe='')}"

    @staticmethod
    def api(url: str, token: str) -> Api:
        """The API with a token."""
        return Api(forge="GitLab", url=url, headers={"PRIVATE-TOKEN": token})

    def change(self, number: int) -> Change:
        """The merge request."""
        found = self._api.get(_MergeRequest, f"{self._at}/merge_requests/{number}")
        return Change(
            number=number,
            branch=found.source_branch,
            commit=found.sha or "",
            is_open=found.state == "opened",
            draft=found.draft,
            fork=found.source_project_id != found.target_project_id,
            labels=frozenset(found.labels),
            author=found.author.username if found.author else "unknown",
        )

    def open_numbers(self) -> frozenset[int]:
        """The numbers of all open merge requests."""
        return frozenset(found.iid for found in self._api.pages(_Listed, f"{self._at}/merge_requests?state=opened"))

    def files(self, number: int) -> Sequence[str]:
        """The paths of the changed files, with the former path of a renamed one."""
        found = self._api.pages(_Diff, f"{self._at}/merge_requests/{number}/diffs")
        return [path for file in found for path in (file.new_path, file.old_path)]

    def comment(self, number: int, marker: str, text: str, *, create: bool = True) -> str | None:
        """Write the note that contains `marker`, and delete copies, which two runs at the same time wrote."""
        at = f"{self._at}/merge_requests/{number}/notes"
        written: int | None = None
        for found in [each for each in self._api.pages(_Note, at) if marker in (each.body or "")]:
            try:
                if written is None:
                    self._api.call("PUT", f"{at}/{found.id}", {"body": text})
                    written = found.id
                elif (found.body or "").startswith(marker):  # a person may quote it
                    self._api.call("DELETE", f"{at}/{found.id}")
            except ForgeError as error:
                if error.status != 404:  # deleted since
                    raise
        if written is None and create:
            written = self._api.send(_Note, "POST", at, {"body": text}).id
        return None if written is None else f"#note_{written}"

    def deployment(self, change: Change, environment: str, state: DeploymentState, url: str | None) -> None:
        """Do nothing: GitLab keeps deployments by itself, from `environment:` of the job."""

    def entries(self) -> Sequence[str]:
        """No names: GitLab stops and deletes its own environments."""
        return ()
