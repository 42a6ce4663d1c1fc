"""A forge on loopback that records calls and answers like GitHub: pages, 404, 409, 422, rate limits, failures.

The same pull requests and comments are there as merge requests and notes of GitLab.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/shop"
PROJECT = 12
"""Id of the project on GitLab."""

TOKEN = "ghs_token-of-the-job"
SHA = "0123456789abcdef0123456789abcdef01234567"


def sha(number: int) -> str:
    """A commit."""
    return f"{number:040x}"


@dataclass
class Answering:
    """An answer that replaces the next one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    match: str = ""
    """Part of `METHOD path` of the calls that get it."""

    content: bytes | None = None
    """The body; None is a JSON document with a message."""


@dataclass
class FakeForge:
    """The repository `acme/shop`."""

    url: str = ""
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    files: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    comments: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    calls: list[str] = field(default_factory=list[str])
    tokens: set[str] = field(default_factory=set[str])
    answers: list[Answering] = field(default_factory=list[Answering])
    _ids: int = 100

    def pull(self, number: int, **changes: Any) -> dict[str, Any]:
        """Open a pull request, or change one."""
        known = self.pulls.setdefault(
            number,
            {
                "number": number,
                "state": "open",
                "draft": False,
                "user": {"login": "ada"},
                "labels": [],
                "head": {"ref": f"feature/{number}", "sha": sha(number), "repo": {"full_name": REPOSITORY}},
                "base": {"ref": "main", "repo": {"full_name": REPOSITORY}},
            },
        )
        commit, branch, repository = (changes.pop(key, None) for key in ("commit", "branch", "repository"))
        known["head"] |= {k: v for k, v in (("sha", commit), ("ref", branch)) if v}
        if repository is not None:
            known["head"]["repo"] = {"full_name": repository}
        known.update(changes)
        return known

    def says(self, number: int) -> list[str]:
        """The comments of a pull request."""
        return [comment["body"] for comment in self.comments.values() if comment["number"] == number]

    def environment(self) -> dict[str, str]:
        """The variables of a job on GitHub Actions."""
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": TOKEN}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        """The status and the body of an answer."""
        if path.startswith(f"/projects/{PROJECT}/"):
            return self._gitlab(method, path.removeprefix(f"/projects/{PROJECT}"), query, body)
        at = path.removeprefix(f"/repos/{REPOSITORY}")
        if path == at:
            return 404, {"message": "Not Found"}
        if at == "/pulls":
            wanted = query.get("state", ["open"])[0]
            return 200, self._page([it for it in self.pulls.values() if it["state"] == wanted], query)
        if found := re.fullmatch(r"/pulls/(\d+)", at):
            pull = self.pulls.get(int(found[1]))
            return (200, pull) if pull else (404, {"message": "Not Found"})
        if found := re.fullmatch(r"/pulls/(\d+)/files", at):
            return 200, self._page([{"filename": name} for name in self.files.get(int(found[1]), [])], query)
        if "comments" in at:
            return self._comments(method, at, query, body)
        return self._deployments(method, at, query, body)

    def _gitlab(self, method: str, at: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        if at == "/merge_requests":
            return 200, self._page(
                [it for it in map(merge_request, self.pulls.values()) if it["state"] == "opened"], query
            )
        found = re.fullmatch(r"/merge_requests/(\d+)(/diffs|/notes(?:/(\d+))?)?", at)
        pull = self.pulls.get(int(found[1])) if found else None
        if found is None or pull is None:
            return 404, {"message": "404 Not found"}
        if found[2] is None:
            return 200, merge_request(pull)
        if found[2] == "/diffs":
            return 200, self._page([{"new_path": name} for name in self.files.get(pull["number"], [])], query)
        if found[3] is None:
            return self._comments(method, f"/issues/{found[1]}/comments", query, body)
        return self._comments(method, f"/issues/comments/{found[3]}", query, body)

    def _comments(self, method: str, at: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        if found := re.fullmatch(r"/issues/(\d+)/comments", at):
            number = int(found[1])
            if method == "GET":
                return 200, self._page([it for it in self.comments.values() if it["number"] == number], query)
            return 201, self._kept(self.comments, {"number": number, "body": body["body"], "html_url": "https://c/1"})
        found = re.fullmatch(r"/issues/comments/(\d+)", at)
        comment = self.comments.get(int(found[1])) if found else None
        if comment is None:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            del self.comments[comment["id"]]
            return 204, None
        comment["body"] = body["body"]
        return 200, comment

    def _deployments(self, method: str, at: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        if at == "/deployments":
            if method == "GET":
                wanted = {key: query[key][0] for key in ("task", "environment") if key in query}
                kept = [
                    it for it in self.deployments.values() if all(it[key] == value for key, value in wanted.items())
                ]
                return 200, self._page(kept, query)
            if body.get("required_contexts") != []:
                return 409, {"message": "Conflict: Commit status checks failed"}
            return 201, self._kept(self.deployments, {**body, "sha": body["ref"], "states": []})
        found = re.fullmatch(r"/deployments/(\d+)(/statuses)?", at)
        entry = self.deployments.get(int(found[1])) if found else None
        if found is None or entry is None:
            return 404, {"message": "Not Found"}
        if found[2]:
            entry["states"].append((body["state"], body.get("environment_url")))
            return 201, {}
        if method == "DELETE" and (not entry["states"] or entry["states"][-1][0] != "inactive"):
            return 422, {"message": "We cannot delete an active deployment unless it is the only deployment"}
        del self.deployments[entry["id"]]
        return 204, None

    def _kept(self, kept: dict[int, dict[str, Any]], entry: dict[str, Any]) -> dict[str, Any]:
        self._ids += 1
        kept[self._ids] = {"id": self._ids, **entry}
        return kept[self._ids]

    @staticmethod
    def _page(entries: list[Any], query: dict[str, list[str]]) -> list[Any]:
        size, page = (int(query.get(key, [default])[0]) for key, default in (("per_page", "30"), ("page", "1")))
        return entries[(page - 1) * size : page * size]


def merge_request(pull: dict[str, Any]) -> dict[str, Any]:
    """A pull request as GitLab describes it."""
    head = pull["head"]
    return {
        "iid": pull["number"],
        "state": {"open": "opened"}.get(pull["state"], pull["state"]),
        "draft": pull["draft"],
        "author": {"username": pull["user"]["login"]},
        "labels": [label["name"] for label in pull["labels"]],
        "source_branch": head["ref"],
        "sha": head["sha"],
        "source_project_id": PROJECT if head["repo"]["full_name"] == REPOSITORY else PROJECT + 1,
        "target_project_id": PROJECT,
    }


@contextmanager
def running() -> Generator[FakeForge]:
    """A forge that listens on loopback."""
    forge = FakeForge()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            call = f"{self.command} {parts.path.removeprefix(f'/repos/{REPOSITORY}')}"
            forge.calls.append(call)
            forge.tokens.add(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN", ""))
            given = next((it for it in forge.answers if it.match in call), None)
            headers: dict[str, str] = {}
            if given is not None:
                forge.answers.remove(given)
                status, found, headers = given.status, {"message": "scripted"}, given.headers
            else:
                status, found = forge.answer(self.command, parts.path, parse_qs(parts.query), body)
            content = b"" if found is None else json.dumps(found).encode()
            if given is not None and given.content is not None:
                content = given.content
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
