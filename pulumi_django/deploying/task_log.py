"""The log of one container of a task, read from CloudWatch Logs while the container writes it. No Pulumi here."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_django.deploying.polling import Clock, patiently
from pulumi_django.rules.text import visible

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsResponseTypeDef

LAST_LINES = 15
"""Number of a task's last log lines that an error shows."""

MAX_LINE_CHARACTERS = 1000
"""Longer lines are cut, so that a dumped document does not hide the error."""

# The awslogs driver sends its buffer after the container has ended, so the last lines arrive late.
DRAIN_LOOKS = 6
DRAIN_PAUSE_SECONDS = 1.0

QUIET_AFTER_SUCCESS = 1
QUIET_AFTER_FAILURE = 3
"""Requests without new lines after which a log counts as complete. After a failure the last line matters most."""

# One page has up to 1 MB or 10000 events. The limit ends one read of a task that logs without end.
PAGES_PER_LOOK = 20

# Colors are removed. `visible` spells out every other control character.
_COLOR = re.compile(r"\x1b\[[0-9;:]*m")


@dataclass(frozen=True)
class LogStream:
    """The log stream of a container in CloudWatch Logs."""

    group: str
    name: str


def stream_of(container: ContainerDefinitionOutputTypeDef, task_id: str) -> LogStream | None:
    """Return the stream of a container's task, or None when it does not log to CloudWatch or has no stream prefix.

    The name is prefix/container/task:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    configuration = container.get("logConfiguration")
    if configuration is None or configuration["logDriver"] != "awslogs":
        return None
    options = configuration.get("options", {})
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    if not group or not prefix:
        return None
    return LogStream(group, f"{prefix}/{container.get('name', '')}/{task_id}")


def whole(line: str) -> str:
    """Return a log line, of any length, without characters that disturb a terminal or hide a part of the line."""
    return visible(_COLOR.sub("", line.rstrip()))


def printable(line: str) -> str:
    """Return a log line as `whole` does, cut to `MAX_LINE_CHARACTERS`."""
    text = whole(line)
    if len(text) <= MAX_LINE_CHARACTERS:
        return text
    return f"{text[:MAX_LINE_CHARACTERS]} ... ({len(text) - MAX_LINE_CHARACTERS} more characters)"


def log_lines(log: TaskLog) -> list[str]:
    """Return the last lines of a log as indented lines of an error."""
    where = f"its log ({log.stream.group})"
    if log.problem:
        return [f"  {where} cannot be read: {log.problem}"]
    if not log.last:
        return [f"  {where} is empty"]
    return [f"  last lines of {where}:", *(f"    {line}" for line in log.last)]


class TaskLog:
    """Reads a stream from its beginning, each line once, and keeps the last lines.

    A log that cannot be read (no permission, no log group) is not an error, because the result of the task counts.
    """

    last: deque[str]
    """The last lines read so far, at most `LAST_LINES`."""

    problem: str | None = None
    """Reason why the log cannot be read."""

    def __init__(
        self,
        logs: CloudWatchLogsClient,
        stream: LogStream,
        clock: Clock,
        shown: Callable[[str], str] = printable,
    ) -> None:
        self._logs, self._clock, self._shown = logs, clock, shown
        self.stream = stream
        self._token: str | None = None
        self.last = deque(maxlen=LAST_LINES)

    def read(self) -> list[str]:
        """Return the lines since the last read; none while the stream does not exist."""
        lines: list[str] = []
        for _ in range(PAGES_PER_LOOK):
            page = self._page()
            if page is None:
                break
            messages, token = page
            lines += [self._shown(line) for message in messages for line in message.rstrip("\n").split("\n")]
            # At the end of a stream the response repeats the token of the request.
            if token == self._token:
                break
            self._token = token
        self.last.extend(printable(line) for line in lines[-LAST_LINES:])
        return lines

    def drain(self, *, quiet_looks: int) -> list[str]:
        """Return the rest of the log of a task that has ended.

        Reads once a second until `quiet_looks` reads in a row bring no new line. An empty log gets a few seconds more.
        """
        lines = self.read()
        quiet = 0
        for _ in range(DRAIN_LOOKS - 1):
            if self.problem or (self.last and quiet == quiet_looks):
                break
            self._clock.sleep(DRAIN_PAUSE_SECONDS)
            late = self.read()
            quiet = 0 if late else quiet + 1
            lines += late
        return lines

    def _page(self) -> tuple[list[str], str] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        if self.problem:
            return None
        try:
            page = patiently(self._get_events, self._clock)
        except self._logs.exceptions.ResourceNotFoundException:
            return None
        except (ClientError, BotoCoreError) as error:
            self.problem = str(error)
            return None
        return [event.get("message", "") for event in page["events"]], page["nextForwardToken"]

    def _get_events(self) -> GetLogEventsResponseTypeDef:
        group, stream = self.stream.group, self.stream.name
        if self._token is None:
            return self._logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        return self._logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, nextToken=self._token
        )
