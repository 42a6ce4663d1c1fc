"""Merge requests on GitLab, through its REST API. https://docs.gitlab.com/api/merge_requests/"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import quote

from orchestrator.pull_requests.change import Change, DeploymentState
from orchestrator.pull_requests.http import Api, ForgeError


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
        found = cast(dict[str, Any], self._api.get(f"{self._at}/merge_requests/{number}"))
        return Change(
            number=number,
            branch=str(found["source_branch"]),
            commit=str(found["sha"] or ""),
            is_open=found["state"] == "opened",
            draft=bool(found.get("draft")),
            fork=found["source_project_id"] != found["target_project_id"],
            labels=frozenset(str(label) for label in found.get("labels", ())),
            author=str((found.get("author") or {}).get("username") or "unknown"),
        )

    def open_numbers(self) -> frozenset[int]:
        """The numbers of all open merge requests."""
        return frozenset(int(found["iid"]) for found in self._api.pages(f"{self._at}/merge_requests?state=opened"))

    def files(self, number: int) -> Sequence[str]:
        """The paths of the changed files, with the former path of a renamed one."""
        found = self._api.pages(f"{self._at}/merge_requests/{number}/diffs")
        return [str(file[key]) for file in found for key in ("new_path", "old_path") if key in file]

    def comment(self, number: int, marker: str, text: str, *, create: bool = True) -> str | None:
        """Write the note that contains `marker`."""
        at = f"{self._at}/merge_requests/{number}/notes"
        for found in self._api.pages(at):
            if marker in str(found.get("body") or ""):
                try:
                    self._api.call("PUT", f"{at}/{found['id']}", {"body": text})
                except ForgeError as error:
                    if error.status == 404:  # deleted since
                        break
                    raise
                return f"#note_{found['id']}"
        if not create:
            return None
        return f"#note_{self._api.call('POST', at, {'body': text}).body['id']}"

    def deployment(self, change: Change, environment: str, state: DeploymentState, url: str | None) -> None:
        """Do nothing: GitLab keeps deployments by itself, from `environment:` of the job."""
