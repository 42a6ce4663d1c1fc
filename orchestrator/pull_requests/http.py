"""JSON over HTTPS to a forge: retries, rate limits and pages. Tokens travel in headers and appear in no message."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import urllib3

from orchestrator.config import documents
from orchestrator.errors import OrchestratorError

T = TypeVar("T")

ATTEMPTS = 4
TIMEOUT_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 60.0
"""Longest wait for a rate limit. A forge that asks for more is an error."""

MOST_PAGES = 50
PAGE_SIZE = 100
_AGAIN = (429, 500, 502, 503, 504)


class ForgeError(OrchestratorError):
    """The forge's API cannot be used, or refuses a call."""

    def __init__(self, message: str, hint: str | None = None, *, status: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of the API."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(kw_only=True)
class Api:
    """The API of a forge.

    `headers` hold the token. `sleep` and `now` are replaced in tests.
    """

    forge: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False), repr=False)

    def get(self, kind: type[T], path: str) -> T:
        """The body of a GET, as an instance of `kind`. Raises ForgeError, also for an answer of another form."""
        return self._typed(kind, path, self.call("GET", path).body)

    def send(self, kind: type[T], method: str, path: str, body: Mapping[str, Any]) -> T:
        """The body of the answer to a request, as `get`."""
        return self._typed(kind, path, self.call(method, path, body).body)

    def pages(self, kind: type[T], path: str) -> Iterator[T]:
        """The entries of a list, page by page, each as an instance of `kind`."""
        joint = "&" if "?" in path else "?"
        for page in range(1, MOST_PAGES + 1):
            entries = self.get(list[Any], f"{path}{joint}per_page={PAGE_SIZE}&page={page}")
            for entry in entries:
                yield self._typed(kind, path, entry)
            if len(entries) < PAGE_SIZE:
                return

    def _typed(self, kind: type[T], path: str, body: Any) -> T:
        try:
            return documents.converted(kind, body)
        except documents.DamagedError as error:
            # A proxy, or a server with another API.
            raise ForgeError(
                f"{self.forge} answered {_plain(path)} with another document than its API does: {error}",
                f"check that {self.url} is the address of its API",
            ) from None

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send a request, again after failures of the network and of the server. Raises ForgeError."""
        problem = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._once(method, path, body)
            except urllib3.exceptions.HTTPError as error:
                problem, pause = type(error).__name__, 2.0**attempt
            else:
                if answer.status < 400:
                    return answer
                limited = self._limit(answer)
                if answer.status not in _AGAIN and limited is None:
                    raise self._refused(method, path, answer)
                problem, pause = f"status {answer.status}", 2.0**attempt if limited is None else limited
            if pause > LONGEST_WAIT_SECONDS:
                raise ForgeError(
                    f"{self.forge} limits the rate of calls: it accepts the next one in {pause / 60:.0f} minutes",
                    "run the command again then",
                )
            if attempt < ATTEMPTS:
                self.sleep(pause)
        raise ForgeError(
            f"{self.forge} did not answer {method} {_plain(path)}: {problem} in {ATTEMPTS} attempts",
            "run the command again later",
        )

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        answer = self._pool.request(
            method,
            f"{self.url.rstrip('/')}{path}",
            body=None if body is None else json.dumps(body).encode(),
            headers={**self.headers, "Content-Type": "application/json", "User-Agent": "pulumi-django"},
            timeout=TIMEOUT_SECONDS,
            redirect=False,
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        try:
            decoded = documents.json_value(answer.data) if answer.data else None
        except ValueError:
            decoded = None
        return Answer(status=answer.status, body=decoded, headers=headers)

    def _limit(self, answer: Answer) -> float | None:
        """The seconds until a rate limit ends; None when no limit is the reason.

        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
        """
        if answer.status not in (403, 429):
            return None
        after, reset = answer.headers.get("retry-after", ""), answer.headers.get("x-ratelimit-reset", "")
        if after.isdigit():
            return float(after)
        if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return max(1.0, int(reset) - self.now())
        return None

    def _refused(self, method: str, path: str, answer: Answer) -> ForgeError:
        body = cast(Mapping[str, Any], answer.body) if isinstance(answer.body, dict) else {}
        said = str(body.get("message") or body.get("error") or "")[:200]
        hint = None
        if answer.status in (401, 403):
            hint = "check the token and its permissions: contents, pull requests and deployments"
        reason = f"status {answer.status}{f', {said}' if said else ''}"
        return ForgeError(f"{self.forge} refused {method} {_plain(path)}: {reason}", hint, status=answer.status)


def _plain(path: str) -> str:
    """The path without its query."""
    return path.partition("?")[0]
