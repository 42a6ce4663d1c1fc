"""`smoke --load` on the command line."""

from __future__ import annotations

import json

import pytest

from orchestrator.operations.health.load import Answers, LoadResult, LoadTest, PreparedLoad, Problem
from tests.orchestrator.cli.test_data import alpha as alpha  # a fixture
from tests.support.command_line import Here


def figures(failures: int) -> LoadResult:
    """The figures of a test with 200 requests."""
    answers = Answers(
        request="GET /", requests=200, failures=failures, per_second=20.0, p50_ms=12, p95_ms=40, p99_ms=95
    )
    problems = (Problem(request="GET /", reason="502 Server Error\nfor url: /", count=failures),) if failures else ()
    return LoadResult(
        url="https://alpha.example.com",
        seconds=10.0,
        users=5,
        together=Answers(**{**vars(answers), "request": "all"}),
        requests=(answers,),
        problems=problems,
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[LoadTest]:
    """Requests for load. Each gets the figures with as many failures as the test's parameter."""
    requests: list[LoadTest] = []

    def answer(self: PreparedLoad, _: object) -> LoadResult:
        requests.append(self.request)
        return figures(getattr(request, "param", 0))

    monkeypatch.setattr(PreparedLoad, "run", answer)
    return requests


def test_the_simulation_sends_nothing(alpha: Here) -> None:
    answer = alpha("smoke", "alpha", "--load", "60s")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "n/a   load            nothing runs in the simulation"
    document = json.loads(alpha("smoke", "alpha", "--load", "60s", "--json").out)
    assert (document["load"], document["checks"][-1]["name"], document["exit_code"]) == (None, "load", 0)


def test_the_options_describe_the_visitors(alpha: Here, sent: list[LoadTest]) -> None:
    words = ("--users", "5", "--rate", "20", "--path", "/", "--path", "/products/", "--most-failures", "0")
    assert alpha("smoke", "alpha", "--load", "1m", *words).code == 0
    (test,) = sent
    assert (test.duration.total_seconds(), test.users, test.rate, test.most_failures_percent) == (60, 5, 20, 0)
    assert list(test.paths) == ["/", "/products/"]


def test_the_figures_are_printed_below_the_checks(alpha: Here, sent: list[LoadTest]) -> None:
    lines = alpha("smoke", "alpha", "--load", "10s").out.splitlines()[14:]
    assert [line.split() for line in lines[:3]] == [
        ["REQUEST", "REQUESTS", "FAILED", "PER", "SECOND", "P50", "MS", "P95", "MS", "P99", "MS"],
        ["GET", "/", "200", "0", "20.0", "12", "40", "95"],
        ["all", "200", "0", "20.0", "12", "40", "95"],
    ]
    assert lines[-1] == "ok    load            0 of 200 requests failed (0.0 %), p50 12 ms, p95 40 ms, p99 95 ms"
    assert len(sent) == 1


@pytest.mark.parametrize("sent", [3], indirect=True)
def test_too_many_failures_exit_with_1_and_say_why(alpha: Here, sent: list[LoadTest]) -> None:
    answer = alpha("smoke", "alpha", "--load", "10s")
    assert answer.code == 1
    assert "fail  load            3 of 200 requests failed (1.5 %)" in answer.out
    assert "  3 x GET /: 502 Server Error" in answer.out
    document = json.loads(alpha("smoke", "alpha", "--load", "10s", "--json").out)
    assert (document["exit_code"], document["load"]["together"]["failures"]) == (1, 3)
    assert document["load"]["problems"][0]["count"] == 3
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--load", "many"), "'many' is not a duration"),
        (("--load", "0s"), "'0s' is not a duration"),
        (("--load", "10d"), "the load cannot last 10d"),
        (("--load", "1s", "--users", "x"), "invalid value for --users"),
        (("--users", "5"), "--users needs --load"),
        (("--path", "/"), "--path needs --load"),
        (("--load", "1s", "--rate", "5", "--locust-file", "orchestrator.toml"), "--rate does not go with"),
    ],
)
def test_wrong_options_end_before_the_checks(
    alpha: Here, sent: list[LoadTest], words: tuple[str, ...], message: str
) -> None:
    answer = alpha("smoke", "alpha", *words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert sent == []
