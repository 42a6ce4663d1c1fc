"""Pull requests on GitHub, through its REST API. https://docs.github.com/rest"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from orchestrator.pull_requests.change import Change, DeploymentState
from orchestrator.pull_requests.http import Api, ForgeError

API_VERSION = "2022-11-28"
DEPLOYMENT_ENVIRONMENT = "pull requests"
"""One environment of GitHub for all pull requests: environments of GitHub are never removed by themselves."""


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
        found = cast(dict[str, Any], self._api.get(f"{self._at}/pulls/{number}"))
        head: dict[str, Any] = found["head"]
        source, target = head.get("repo"), found["base"]["repo"]
        return Change(
            number=number,
            branch=str(head["ref"]),
            commit=str(head["sha"]),
            is_open=found["state"] == "open",
            draft=bool(found.get("draft")),
            # The repository of a fork that was deleted is null.
            fork=source is None or source["full_name"] != target["full_name"],
            labels=frozenset(str(label["name"]) for label in found.get("labels", ())),
            author=str((found.get("user") or {}).get("login") or "unknown"),
        )

    def open_numbers(self) -> frozenset[int]:
        """The numbers of all open pull requests."""
        return frozenset(int(found["number"]) for found in self._api.pages(f"{self._at}/pulls?state=open"))

    def files(self, number: int) -> Sequence[str]:
        """The paths of the changed files, with the former path of a renamed one."""
        found = self._api.pages(f"{self._at}/pulls/{number}/files")
        return [str(file[key]) for file in found for key in ("filename", "previous_filename") if key in file]

    def comment(self, number: int, marker: str, text: str, *, create: bool = True) -> str | None:
        """Write the comment that contains `marker`."""
        at = f"{self._at}/issues/{number}/comments"
        for found in self._api.pages(at):
            if marker in str(found.get("body") or ""):
                try:
                    answer = self._api.call("PATCH", f"{self._at}/issues/comments/{found['id']}", {"body": text})
                except ForgeError as error:
                    if error.status == 404:  # deleted since
                        break
                    raise
                return str(answer.body["html_url"])
        if not create:
            return None
        return str(self._api.call("POST", at, {"body": text}).body["html_url"])

    def deployment(self, change: Change, environment: str, state: DeploymentState, url: str | None) -> None:
        """Set the state of the deployment entry, and create the entry for a new commit.

        https://docs.github.com/rest/deployments/deployments
        """
        entries = list(self._api.pages(f"{self._at}/deployments?task=preview:{environment}"))
        if state == "inactive":
            for entry in entries:
                self._remove(entry)
            return
        entry = next((found for found in entries if found.get("sha") == change.commit), None) or self._entry(
            change, environment
        )
        body: dict[str, Any] = {"state": state, "auto_inactive": False}
        if url:
            body["environment_url"] = url
        if self._log_url:
            body["log_url"] = self._log_url
        self._api.call("POST", f"{self._at}/deployments/{entry['id']}/statuses", body)
        for older in entries:
            if older["id"] != entry["id"] and state == "success":
                self._remove(older)

    def _entry(self, change: Change, environment: str) -> Mapping[str, Any]:
        body = {
            "ref": change.commit,
            "environment": DEPLOYMENT_ENVIRONMENT,
            "task": f"preview:{environment}",
            "description": f"environment {environment}",
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": True,
        }
        return cast(Mapping[str, Any], self._api.call("POST", f"{self._at}/deployments", body).body)

    def _remove(self, entry: Mapping[str, Any]) -> None:
        """Deactivate an entry, then delete it: GitHub deletes no active one."""
        at = f"{self._at}/deployments/{entry['id']}"
        try:
            self._api.call("POST", f"{at}/statuses", {"state": "inactive"})
            self._api.call("DELETE", at)
        except ForgeError as error:
            if error.status != 404:
                raise
