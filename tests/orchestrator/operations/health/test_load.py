"""`smoke --load`: Locust sends requests to a server on this machine, and the figures come back."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.operations.health import load
from orchestrator.operations.health.load import LoadTest
from orchestrator.operations.health.verdicts import Verdict
from tests.support.operations import OUTPUTS, target

needs_locust = pytest.mark.skipif(find_spec("locust") is None, reason="Locust is not installed")
SHORT = LoadTest(duration=timedelta(seconds=2), users=2, rate=20)


@contextmanager
def server(statuses: dict[str, int]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers each path with its status, and the requests that it got."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers['User-Agent']}")
            self.send_response(statuses.get(self.path, 404))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing."""

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{found.server_address[1]}", seen
    finally:
        found.shutdown()
        found.server_close()


def ignore(line: str) -> None:
    """Show nothing."""


def sent(request: LoadTest, url: str, seen: list[str], *names: str) -> load.LoadResult:
    """The result of a load that is long enough for each of these requests on a machine as busy as this one."""
    while True:
        seen.clear()
        found = load.run(request, url, ignore)
        if {*names} <= {each.request for each in found.requests} or request.duration > timedelta(minutes=1):
            return found
        request = replace(request, duration=4 * request.duration)


@needs_locust
def test_every_request_is_counted_once_and_the_rate_is_a_limit() -> None:
    with server({"/": 200, "/products/": 200}) as (url, seen):
        request = replace(SHORT, paths=("/", "/products/"))
        found = sent(request, f"{url}/", seen, "GET /", "GET /products/")
    assert found.together.requests == len(seen) == sum(each.requests for each in found.requests)
    assert 2 <= len(seen) <= 20 * found.seconds + request.users
    assert [each.request for each in found.requests] == ["GET /", "GET /products/"]
    assert {line.split()[1] for line in seen} == {"orchestrator-smoke"}
    assert (found.together.failures, found.problems) == (0, ())
    assert 0 <= found.together.p50_ms <= found.together.p95_ms <= found.together.p99_ms
    assert load.verdict(request, found).verdict is Verdict.OK


@needs_locust
def test_failures_above_the_limit_fail_with_their_number_and_the_most_frequent_reason() -> None:
    with server({"/": 200, "/broken/": 500}) as (url, seen):
        request = replace(SHORT, paths=("/", "/broken/"))
        found = sent(request, url, seen, "GET /", "GET /broken/")
    check = load.verdict(request, found)
    assert check.verdict is Verdict.FAIL
    assert check.evidence.startswith(f"{found.together.failures} of {found.together.requests} requests failed (")
    assert "most often GET /broken/: 500 Server Error" in check.evidence
    assert check.hint == "at most 1 % may fail: --most-failures"
    assert load.verdict(replace(request, most_failures_percent=60), found).verdict is Verdict.OK


@needs_locust
def test_a_server_that_is_gone_fails_every_request() -> None:
    with server({}) as (url, _):
        pass
    found = load.run(SHORT, url, ignore)
    assert found.together.failures == found.together.requests > 0
    assert "refused" in load.verdict(SHORT, found).evidence.lower()


@needs_locust
def test_visitors_of_your_own_come_from_a_locust_file(tmp_path: Path) -> None:
    file = tmp_path / "locustfile.py"
    file.write_text(
        "from locust import HttpUser, constant, task\n\n"
        "class Buyer(HttpUser):\n    wait_time = constant(0.2)\n\n"
        "    @task\n    def buy(self):\n        self.client.get('/buy/', name='buy')\n"
    )
    with server({"/buy/": 200}) as (url, seen):
        found = sent(replace(SHORT, rate=None, locust_file=file), url, seen, "GET buy")
    assert {line.split()[0] for line in seen} == {"/buy/"}
    assert [(each.request, each.requests) for each in found.requests] == [("GET buy", len(seen))]


@needs_locust
def test_a_locust_file_that_does_not_load_is_reported_with_locusts_own_words(tmp_path: Path) -> None:
    file = tmp_path / "locustfile.py"
    file.write_text("import no_such_module\n")
    lines: list[str] = []
    with pytest.raises(OperationFailedError) as raised:
        load.run(replace(SHORT, rate=None, locust_file=file), "http://127.0.0.1:9", lines.append)
    assert raised.value.message.startswith("Locust ended with exit code 1: ")
    assert any("no_such_module" in line for line in lines)


def test_a_test_without_an_answer_fails() -> None:
    none = load.Answers(request="all", requests=0, failures=0, per_second=0, p50_ms=0, p95_ms=0, p99_ms=0)
    found = load.LoadResult(url="", seconds=2, users=1, together=none, requests=(), problems=())
    assert load.verdict(SHORT, found).evidence == "no request was answered within 20 s"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"duration": timedelta()}, "the load cannot last 0s: it lasts 1s to 1h"),
        ({"duration": timedelta(days=10)}, "the load cannot last 10d: it lasts 1s to 1h"),
        ({"users": 0}, "the number of users is 0: it must be from 1 to 1000"),
        ({"users": 1001}, "the number of users is 1001: it must be from 1 to 1000"),
        ({"rate": 0.0}, "the rate is 0 requests per second: it must be above 0 and at most 10000"),
        ({"rate": float("nan")}, "the rate is nan requests per second: it must be above 0 and at most 10000"),
        ({"most_failures_percent": 101.0}, "the largest part of failures is 101 %: it must be from 0 to 100 %"),
        ({"paths": ("products/",)}, "'products/' is not a path: a path begins with /"),
        ({"paths": ()}, "'' is not a path: a path begins with /"),
        ({"locust_file": Path("/no/such.py")}, "the Locust file /no/such.py does not exist"),
    ],
)
def test_a_load_that_is_not_possible_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        LoadTest(**{"duration": timedelta(seconds=1), **wrong})
    assert raised.value.message == message


def test_production_gets_load_only_when_it_is_allowed() -> None:
    live = target(outputs=replace(OUTPUTS, kind="prod"))
    with pytest.raises(RefusedError, match="is production"):
        load.prepare(SHORT, live, allow_prod=False, simulated=True)
    assert load.prepare(SHORT, live, allow_prod=True, simulated=True).url is None


def test_an_environment_that_sleeps_gets_no_load() -> None:
    with pytest.raises(RefusedError, match="cannot be checked: it is asleep"):
        load.prepare(SHORT, target(asleep=True), allow_prod=False, simulated=True)


def test_without_locust_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "find_spec", lambda _: None)
    with pytest.raises(RefusedError) as raised:
        load.prepare(SHORT, target(), allow_prod=False, simulated=False)
    assert raised.value.hint == "pip install 'pulumi-django[load]'"
