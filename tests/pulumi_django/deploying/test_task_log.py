"""Reads of a growing log stream in moto's CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pulumi_django.deploying.task_log import LAST_LINES, LogStream, TaskLog, log_lines, stream_of
from tests.support.fake_ecs import FakeAws, FakeClock, container

STREAM = LogStream("/ecs/alpha/gunicorn", "gunicorn/gunicorn/0123")


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client: Any = boto3.client("logs", region_name="us-east-1")
        client.create_log_group(logGroupName=STREAM.group)
        yield client


def write(logs: Any, *messages: str) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=STREAM.group, logStreamName=STREAM.name, logEvents=events)


def test_each_line_is_read_once_from_the_beginning(logs: Any) -> None:
    log = TaskLog(logs, STREAM, FakeClock())

    assert log.read() == []
    logs.create_log_stream(logGroupName=STREAM.group, logStreamName=STREAM.name)
    assert log.read() == []
    write(logs, "first", "second")
    assert log.read() == ["first", "second"]
    assert log.read() == []
    write(logs, "third")
    assert log.read() == ["third"]
    assert list(log.last) == ["first", "second", "third"]
    assert log.problem is None


def test_a_log_of_many_pages_is_read_in_one_look(logs: Any) -> None:
    logs.create_log_stream(logGroupName=STREAM.group, logStreamName=STREAM.name)
    lines = [f"line {number}" for number in range(25_000)]
    for first in range(0, len(lines), 5000):
        write(logs, *lines[first : first + 5000])
    log = TaskLog(logs, STREAM, FakeClock())

    assert log.read() == lines
    assert list(log.last) == lines[-LAST_LINES:]


def test_a_missing_log_group_is_a_log_without_lines(logs: Any) -> None:
    log = TaskLog(logs, LogStream("/ecs/alpha/nowhere", "a/b/c"), FakeClock())

    assert log.drain(quiet_looks=1) == []
    assert log_lines(log) == ["  its log (/ecs/alpha/nowhere) is empty"]


def test_a_log_that_does_not_exist_is_asked_for_once_a_look() -> None:
    fake = FakeAws()
    assert TaskLog(fake.client("logs"), LogStream("/ecs/alpha", "none"), fake.clock).read() == []
    assert len(fake.called("GetLogEvents")) == 1


def test_the_last_lines_stand_indented_below_the_name_of_the_group(logs: Any) -> None:
    logs.create_log_stream(logGroupName=STREAM.group, logStreamName=STREAM.name)
    write(logs, "Traceback (most recent call last):", "KeyError: 'S3_BUCKET_NAME'")
    log = TaskLog(logs, STREAM, FakeClock())
    log.drain(quiet_looks=1)

    assert log_lines(log) == [
        "  last lines of its log (/ecs/alpha/gunicorn):",
        "    Traceback (most recent call last):",
        "    KeyError: 'S3_BUCKET_NAME'",
    ]


def test_the_stream_of_a_container_is_prefix_container_task() -> None:
    assert stream_of(container("gunicorn"), "0123") == STREAM  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "configuration",
    [
        None,
        {"logDriver": "awsfirelens", "options": {}},
        {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/alpha/gunicorn"}},
    ],
)
def test_a_container_that_logs_elsewhere_or_without_a_prefix_has_no_stream(configuration: Any) -> None:
    definition: Any = {"name": "gunicorn"} | ({"logConfiguration": configuration} if configuration else {})

    assert stream_of(definition, "0123") is None
