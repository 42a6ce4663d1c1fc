"""Reads a log group of CloudWatch page by page, and follows several log groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explain
from orchestrator.operations.events import LogLine, Note, Observer
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import Cancelled, Clock, is_transient
from pulumi_django.deploying.task_log import whole

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import (
        FilteredLogEventTypeDef,
        FilterLogEventsRequestTypeDef,
        GetLogEventsRequestTypeDef,
    )

OVERLAP_MS = 10_000
"""Lines of other tasks arrive late: each look begins this long before the newest line and skips known lines."""

PAGES_PER_LOOK = 10
"""Pages (up to 1 MB each) of a service in one look, before the other services."""

# FilterLogEvents may be called 5 times a second in an account and region:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
SECONDS_PER_SOURCE = 0.4
SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

STREAMS_LOOKED_AT = 50


class LogSource:
    """The log group of a service."""

    def __init__(self, clients: Clients, service: str, group: str, *, since_ms: int | None) -> None:
        self._logs: CloudWatchLogsClient = clients.client("logs")
        self.service, self.group = service, group
        self.missing = False
        """Whether the group was absent at the last look."""

        self._since_ms = since_ms
        self._begins_ms = self._newest_ms = since_ms or 0
        self._seen: dict[str, int] = {}
        self._token: str | None = None

    def until_now(self) -> Iterator[LogLine]:
        """Return the lines from `since` to now, in order of time."""
        more = True
        while more:
            page, more = self.page()
            yield from page

    def look(self, into: list[LogLine]) -> bool:
        """Add new lines; return whether there are more, because a look reads a limited number of pages."""
        more = True
        for _ in range(PAGES_PER_LOOK):
            page, more = self.page()
            into += page
            if not more:
                break
        return more

    def page(self) -> tuple[list[LogLine], bool]:
        """Return the new lines of the next page, and whether another page follows."""
        request: FilterLogEventsRequestTypeDef = {"logGroupName": self.group, "startTime": self._start_ms()}
        if self._token:
            request["nextToken"] = self._token
        try:
            answer = self._logs.filter_log_events(**request)
        except self._logs.exceptions.ResourceNotFoundException:
            self.missing = True
            return [], False
        except self._logs.exceptions.InvalidParameterException:
            if self._token is None:
                raise
            self._token = None  # too old: known lines are skipped
            return [], True
        self.missing = False
        self._token = answer.get("nextToken") or None
        found = [line for event in answer["events"] for line in self._fresh(event)]
        self._forget()
        return found, self._token is not None

    def of_task(self, task: str) -> Iterator[LogLine]:
        """Return all lines of a task."""
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": self.group,
            "logStreamName": self._stream(task),
            "startFromHead": True,
            "startTime": self._since_ms or 0,
        }
        while True:
            try:
                answer = self._logs.get_log_events(**request)
            except self._logs.exceptions.ResourceNotFoundException:
                return
            for event in answer["events"]:
                yield from self._lines(event.get("message", ""), event.get("timestamp", 0), task)
            # At the end of a stream the answer repeats the token of the request.
            if answer["nextForwardToken"] == request.get("nextToken"):
                return
            request["nextToken"] = answer["nextForwardToken"]

    def last_of_task(self, task: str, count: int) -> list[LogLine]:
        """Return the last lines of a task."""
        try:
            answer = self._logs.get_log_events(
                logGroupName=self.group, logStreamName=self._stream(task), limit=count, startFromHead=False
            )
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        found = [
            line
            for event in answer["events"]
            for line in self._lines(event.get("message", ""), event.get("timestamp", 0), task)
        ]
        return found[-count:]

    def tasks(self) -> list[str]:
        """Return the ids of tasks with log lines, the latest first."""
        try:
            answer = self._logs.describe_log_streams(
                logGroupName=self.group, orderBy="LastEventTime", descending=True, limit=STREAMS_LOOKED_AT
            )
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        return [stream.get("logStreamName", "").rsplit("/", 1)[-1] for stream in answer["logStreams"]]

    def _stream(self, task: str) -> str:
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html: prefix/container/task."""
        return f"{self.service}/{self.service}/{task}"

    def _start_ms(self) -> int:
        """Return the start of the current look, a little before the newest line; all its pages share it."""
        if self._token is None:
            self._begins_ms = max(self._since_ms or 0, self._newest_ms - OVERLAP_MS)
        return self._begins_ms

    def _fresh(self, event: FilteredLogEventTypeDef) -> Iterator[LogLine]:
        at, known = event.get("timestamp", 0), event.get("eventId", "")
        if known in self._seen:
            return
        self._seen[known] = at
        self._newest_ms = max(self._newest_ms, at)
        yield from self._lines(event.get("message", ""), at, event.get("logStreamName", "").rsplit("/", 1)[-1])

    def _forget(self) -> None:
        oldest = self._newest_ms - OVERLAP_MS
        self._seen = {known: at for known, at in self._seen.items() if at >= oldest}

    def _lines(self, message: str, at: int, task: str) -> Iterator[LogLine]:
        moment = datetime.fromtimestamp(at / 1000, UTC)
        for text in message.rstrip("\n").split("\n"):
            yield LogLine(service=self.service, task=task, text=whole(text), at=moment)


class Tail:
    """Follows several log groups until the clock is woken. It reconnects without losing lines."""

    def __init__(self, sources: Sequence[LogSource], clock: Clock, observer: Observer, access: AwsAccess) -> None:
        self._sources, self._clock, self._observer, self._access = sources, clock, observer, access
        self._failures = 0

    def lines(self) -> Iterator[LogLine]:
        """Return the lines from now on."""
        busy = False
        while True:
            try:
                self._clock.sleep(0 if busy else self._pause())
            except Cancelled:
                return
            found, busy = self._look()
            yield from sorted(found, key=lambda line: line.at or datetime.min.replace(tzinfo=UTC))

    def _look(self) -> tuple[list[LogLine], bool]:
        found: list[LogLine] = []
        busy = False
        try:
            for source in self._sources:
                busy = source.look(found) or busy
        except Exception as error:  # what is not transient is raised again
            if not is_transient(error):
                raise
            self._lost(error)
            return found, False
        if self._failures:
            self._failures = 0
            self._observer(Note(text="AWS answers again"))
        return found, busy

    def _lost(self, error: Exception) -> None:
        if not self._failures:
            text = f"{explain(error, self._access).message}: retrying"
            self._observer(Note(text=text, severity="warning"))
        self._failures += 1

    def _pause(self) -> float:
        usual = max(SHORTEST_PAUSE_SECONDS, SECONDS_PER_SOURCE * len(self._sources))
        return min(LONGEST_PAUSE_SECONDS, usual * 2**self._failures)
