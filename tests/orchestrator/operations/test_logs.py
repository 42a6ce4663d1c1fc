"""`logs` against moto: order, time, missing groups, long lines, lost connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from orchestrator.errors import EngineUnavailableError, OperationFailedError, UsageError
from orchestrator.operations import logs
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.events import LogLine, Note
from orchestrator.operations.logs import ReadLogs
from pulumi_django.deploying.polling import Cancelled
from tests.orchestrator.operations.conftest import Account
from tests.support.fake_ecs import FakeAws, arn, crashed
from tests.support.operations import Heard, ScriptedClients, target

ONE, TWO = f"{1:032x}", f"{2:032x}"


def read(account: Account, heard: Heard | None = None, **request: Any) -> list[str]:
    found = logs.lines(ReadLogs(**request), account.target, account.clients, heard or Heard())
    return [f"{line.service} {line.text}" for line in found]


def test_several_services_are_interleaved_by_time(account: Account) -> None:
    account.write("gunicorn", ONE, (50, "a"), (30, "c"), (10, "e"))
    account.write("default", TWO, (40, "b"), (20, "d"))
    assert read(account) == ["gunicorn a", "default b", "gunicorn c", "default d", "gunicorn e"]


def test_a_line_has_its_task_and_time(account: Account) -> None:
    account.write("gunicorn", ONE, (5, "hello"))
    (line,) = logs.lines(ReadLogs(), account.target, account.clients)
    assert (line.service, line.task, line.text) == ("gunicorn", ONE, "hello")
    assert line.at is not None
    assert line.at.utcoffset() == timedelta()


def test_only_the_services_that_were_asked_for_also_tasks_that_run_once(account: Account) -> None:
    account.write("gunicorn", ONE, (3, "web"))
    account.write("default", ONE, (2, "worker"))
    account.write("backend_update", ONE, (1, "migrated"))
    assert read(account, services=("web",)) == ["gunicorn web"]
    assert read(account, services=("alpha-default", "backend_update")) == ["default worker", "backend_update migrated"]
    assert read(account) == ["gunicorn web", "default worker"]
    with pytest.raises(UsageError, match="alpha has no service 'wrong'"):
        read(account, services=("wrong",))


def test_since_is_one_hour_by_default(account: Account) -> None:
    account.write("gunicorn", ONE, (4000, "old"), (3000, "within the hour"), (30, "now"))
    assert read(account) == ["gunicorn within the hour", "gunicorn now"]
    assert read(account, since=timedelta(minutes=5)) == ["gunicorn now"]
    assert read(account, since=timedelta(hours=2))[0] == "gunicorn old"


def test_grep_is_a_regular_expression(account: Account) -> None:
    account.write("gunicorn", ONE, (3, "GET /a 200"), (2, "GET /b 500"), (1, "POST /c 502"))
    assert read(account, grep=r" 5\d\d$") == ["gunicorn GET /b 500", "gunicorn POST /c 502"]
    with pytest.raises(UsageError) as caught:
        ReadLogs(grep="(")
    assert caught.value.message == (
        "--grep '(' is not a regular expression: missing ), unterminated subpattern at position 0"
    )


def test_a_line_of_256_kib_is_complete(account: Account) -> None:
    account.write("gunicorn", ONE, (1, "x" * 262_000 + "end"))
    (line,) = logs.lines(ReadLogs(), account.target, account.clients)
    assert (len(line.text), line.text[-4:]) == (262_003, "xend")


def test_control_characters_do_not_reach_a_terminal(account: Account) -> None:
    account.write("gunicorn", ONE, (1, "\x1b[31mred\x1b[0m\x07 evil\rgood\u202e\x9b2J"), (1, "two\nlines"))
    assert read(account) == [
        "gunicorn red\\u0007 evil\\u000dgood\\u202e\\u009b2J",
        "gunicorn two",
        "gunicorn lines",
    ]


def test_tens_of_thousands_of_lines_come_page_by_page_and_none_twice(account: Account) -> None:
    for first in range(0, 25_000, 5000):
        lines = [(100 - number / 1000, f"line {number}") for number in range(first, first + 5000)]
        account.write("gunicorn", ONE, *lines)
    assert read(account) == [f"gunicorn line {number}" for number in range(25_000)]


def test_a_missing_log_group_is_reported_and_the_others_are_read(account: Account) -> None:
    account.logs.delete_log_group(logGroupName="/ecs/alpha/beat")
    account.write("gunicorn", ONE, (1, "here"))
    heard = Heard()
    assert read(account, heard) == ["gunicorn here"]
    assert [note.text for note in heard.of(Note) if note.severity == "warning"] == [
        "the log group /ecs/alpha/beat of beat does not exist"
    ]


def test_without_any_log_group_it_fails_with_a_hint(account: Account) -> None:
    account.logs.delete_log_group(logGroupName="/ecs/alpha/beat")
    with pytest.raises(OperationFailedError) as caught:
        read(account, services=("beat",))
    assert caught.value.message == "alpha has no log: none of the log groups of beat exists"
    assert caught.value.hint == "run `orchestrator update-env alpha`, which creates them"


def test_without_running_tasks_a_note_precedes_earlier_lines(account: Account) -> None:
    account.write("gunicorn", ONE, (1, "before"))
    heard = Heard()
    found = logs.lines(ReadLogs(), target(asleep=True), account.clients, heard)
    assert [line.text for line in found] == ["before"]
    assert [note.text for note in heard.of(Note)] == [
        "no task of alpha runs: it is asleep; these are lines of earlier tasks"
    ]


def test_run_gives_the_lines_as_events_and_their_number(account: Account) -> None:
    account.write("default", ONE, (2, "a"), (1, "b"))
    heard = Heard()
    result = logs.run(ReadLogs(services=("default",)), account.target, account.clients, heard)
    assert (result.services, result.lines) == (("default",), 2)
    assert [line.text for line in heard.of(LogLine)] == ["a", "b"]


# AWS's clock counts


@dataclass
class _Http:
    status_code: int


class Skewed:
    """Clients of an AWS whose clock differs."""

    simulated = False
    calls: Sequence[ApiCall] = ()

    def __init__(self, account: Account, date: str) -> None:
        self._account, self.access, self.clock = account, account.clients.access, account.clock
        self._date = date

    def client(self, service: str) -> Any:
        client = self._account.clients.client(service)
        client.meta.events.register("after-call.*.DescribeServices", self._say)
        return client

    def _say(self, parsed: dict[str, Any], **_: Any) -> None:
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = self._date


def test_since_uses_the_clock_of_aws_and_a_wrong_local_clock_is_reported(account: Account) -> None:
    account.write("gunicorn", ONE, (1, "now, by the clock here"))
    heard = Heard()
    clients = Skewed(account, "Fri, 20 Nov 2099 09:00:00 GMT")
    assert [line.text for line in logs.lines(ReadLogs(), account.target, clients, heard)] == []
    (note,) = [note for note in heard.of(Note) if note.severity == "warning"]
    assert re.fullmatch(
        r"this machine's clock is wrong: \d\d:\d\d:\d\d instead of 09:00:00 UTC, the time of AWS", note.text
    )


# --follow


class Story:
    """A clock whose sleeps are the steps of a story; after the last one it is woken."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)
        self.slept: list[float] = []

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self._steps:
            raise Cancelled
        self._steps.pop(0)()


def follow(account: Account, *steps: Callable[[], object], heard: Heard | None = None) -> tuple[list[str], Story]:
    story = Story(*steps)
    account.clients.clock = story
    return read(account, heard, follow=True, since=timedelta(minutes=1)), story


def test_follow_continues_until_it_is_woken_and_shows_each_line_once(account: Account) -> None:
    account.write("gunicorn", ONE, (9, "first"))

    def more() -> None:
        account.write("gunicorn", ONE, (3, "second"))
        account.write("default", ONE, (4, "late, and of another service"))

    found, story = follow(account, more, lambda: None, lambda: account.write("gunicorn", TWO, (0, "third")))
    assert found == [
        "gunicorn first",
        "default late, and of another service",
        "gunicorn second",
        "gunicorn third",
    ]
    assert story.slept == [2.0] * 4  # five services, five calls: not more often than CloudWatch allows


def test_a_log_group_that_comes_later_is_followed_too(account: Account) -> None:
    account.logs.delete_log_group(logGroupName="/ecs/alpha/beat")

    def appears() -> None:
        account.logs.create_log_group(logGroupName="/ecs/alpha/beat")
        account.write("beat", ONE, (0, "tick"))

    assert follow(account, appears)[0] == ["beat tick"]


def test_a_lost_connection_is_restored_without_losing_lines(account: Account) -> None:
    down: list[str] = []

    def fail(**_: Any) -> None:
        if down:
            raise EndpointConnectionError(endpoint_url="https://logs.us-east-1.amazonaws.com/")

    # Only this service fails: what the others said before it in the same look must not be lost.
    account.logs.meta.events.register(
        "before-parameter-build.*.FilterLogEvents",
        lambda params, **_: fail() if params["logGroupName"].endswith("default") else None,
    )

    def lost() -> None:
        down.append("yes")
        account.write("gunicorn", ONE, (5, "while it was lost"))

    heard = Heard()
    found, story = follow(
        account,
        lost,
        lambda: account.write("default", ONE, (3, "also then")),
        lambda: account.write("gunicorn", ONE, (2, "and then")),
        down.clear,
        heard=heard,
    )
    assert found == ["gunicorn while it was lost", "gunicorn and then", "default also then"]
    assert story.slept == [2.0, 4.0, 8.0, 16.0, 2.0]
    assert [note.text for note in heard.of(Note)][1:] == [
        'AWS cannot be reached: Could not connect to the endpoint URL: "https://logs.us-east-1.amazonaws.com/": '
        "retrying",
        "AWS answers again",
    ]


def test_credentials_that_expire_while_following_end_it_with_one_sentence() -> None:
    aws = FakeAws(frames=[(0, None)], errors={"FilterLogEvents": [("ExpiredTokenException", "expired")]})
    with pytest.raises(EngineUnavailableError, match=r"^AWS does not accept the credentials: they have expired$"):
        list(logs.lines(ReadLogs(follow=True), target(), ScriptedClients(aws)))


def test_an_expired_page_token_is_dropped_and_no_line_is_repeated(account: Account) -> None:
    lines = [(100 - number / 1000, f"line {number}") for number in range(12_000)]
    for first in range(0, 12_000, 6000):
        account.write("gunicorn", ONE, *lines[first : first + 6000])

    def refuse(params: dict[str, Any], **_: Any) -> Any:
        if b"nextToken" in params["body"]:
            account.logs.meta.events.unregister("before-call.*.FilterLogEvents", refuse)
            error = {"Code": "InvalidParameterException", "Message": "The specified nextToken is invalid."}
            return _Http(400), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return None

    account.logs.meta.events.register_first("before-call.*.FilterLogEvents", refuse)
    assert read(account) == [f"gunicorn line {number}" for number in range(12_000)]


# --previous


def test_previous_is_the_last_task_that_ended_with_how_it_ended() -> None:
    ended = crashed(1, "5", taskArn=arn("task", f"alpha-cluster/{ONE}"), stoppedAt=datetime(2026, 11, 20, 9, 1))
    earlier = crashed(2, "5", taskArn=arn("task", f"alpha-cluster/{TWO}"), stoppedAt=datetime(2026, 11, 20, 9, 0))
    stream = f"gunicorn/gunicorn/{ONE}"
    aws = FakeAws(stopped=[(0, earlier), (0, ended)], streams={stream: [(0, "ImportError: no module shop")]})
    heard = Heard()
    found = logs.lines(ReadLogs(services=("web",), previous=True), target(), ScriptedClients(aws), heard)
    assert [(line.task, line.text) for line in found] == [(ONE, "ImportError: no module shop")]
    assert [note.text for note in heard.of(Note)] == [
        f"gunicorn: task {ONE} ended with exit code 1 (Essential container in task exited)"
    ]


def test_when_ecs_has_forgotten_the_task_its_log_is_found_by_its_age(account: Account) -> None:
    account.write("gunicorn", ONE, (9000, "long ago"))
    account.write("gunicorn", TWO, (8600, "not so long ago"), (7400, "its end"))
    account.write("default", ONE, (5000, "a worker's"))
    account.create_services()
    assert read(account, services=("web", "default"), previous=True) == [
        "gunicorn not so long ago",
        "gunicorn its end",
        "default a worker's",
    ]
    assert read(account, services=("backend_update", "web"), previous=True, since=timedelta(seconds=8000)) == [
        "gunicorn its end"
    ]


def test_without_an_ended_task_it_is_reported(account: Account) -> None:
    heard = Heard()
    account.create_services()
    with pytest.raises(OperationFailedError) as caught:
        read(account, heard, services=("beat",), previous=True)
    assert caught.value.message == "no task of beat that ended left a log"
    assert [note.text for note in heard.of(Note)] == ["beat: no stopped task is known"]


def test_previous_and_follow_cannot_be_combined() -> None:
    with pytest.raises(UsageError, match="--follow and --previous cannot be combined"):
        ReadLogs(follow=True, previous=True)


def test_the_simulation_shows_plausible_lines_of_each_log_group() -> None:
    simulated = target(notice="simulation: nothing is created in AWS")
    clients = for_target(simulated)
    assert clients.simulated
    lines = list(logs.lines(ReadLogs(services=("web", "beat")), simulated, clients))
    assert {line.service for line in lines} == {"gunicorn", "beat"}
    assert [call.operation for call in clients.calls] == ["DescribeServices", "FilterLogEvents", "FilterLogEvents"]
    assert [call.parameters["logGroupName"] for call in clients.calls[1:]] == ["/ecs/alpha/gunicorn", "/ecs/alpha/beat"]
