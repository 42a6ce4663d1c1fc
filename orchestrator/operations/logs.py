"""`logs`: log lines of an environment's containers, several services interleaved by time."""

from __future__ import annotations

import heapq
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from orchestrator.errors import OperationFailedError, UsageError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import LogLine, Note, Observer, ignore
from orchestrator.operations.log_source import LogSource, Tail
from pulumi_django.deploying.task_end import task_end
from pulumi_django.deploying.task_runner import task_id

DEFAULT_SINCE = timedelta(hours=1)

SKEW_SECONDS = 60
"""Difference of this machine's clock that is reported."""


@dataclass(frozen=True, kw_only=True)
class ReadLogs:
    """The selection of lines."""

    services: tuple[str, ...] = ()
    """Services, or one-off tasks (`backend_update`); empty for all services."""

    since: timedelta | None = None
    """The age of the oldest lines, by AWS's clock; None is one hour, and with `previous` everything."""

    follow: bool = False
    """Continue with new lines."""

    previous: bool = False
    """Read the last ended task of each service instead of the running ones."""

    grep: str | None = None
    """Only lines that match this regular expression."""

    def __post_init__(self) -> None:
        if self.follow and self.previous:
            raise UsageError("--follow and --previous cannot be combined: an ended task writes no more lines")
        try:
            re.compile(self.grep or "")
        except re.error as error:
            raise UsageError(
                f"--grep {self.grep!r} is not a regular expression: {error}",
                "put a backslash before . * + ? ( ) [ ] { } | ^ $",
            ) from None


@dataclass(frozen=True, kw_only=True)
class LogsResult:
    """The lines that were read."""

    services: tuple[str, ...]
    lines: int


def run(request: ReadLogs, target: Target, clients: Clients, observer: Observer = ignore) -> LogsResult:
    """Read the lines as `LogLine` events. With `follow` it ends when the clock is woken."""
    count = 0
    for line in lines(request, target, clients, observer):
        observer(line)
        count += 1
    return LogsResult(services=names(request, target), lines=count)


class LogLines(Iterator[LogLine]):
    """The lines of a log, read while they are iterated."""

    def __init__(self, request: ReadLogs, target: Target, clients: Clients, observer: Observer = ignore) -> None:
        self.services: tuple[str, ...] = names(request, target)
        """Short names of the selected services."""

        self._lines = lines(request, target, clients, observer)

    def __next__(self) -> LogLine:
        return next(self._lines)

    def close(self) -> None:
        """End the reading."""
        self._lines.close()


def names(request: ReadLogs, target: Target) -> tuple[str, ...]:
    """Return the short names of the selected services. Raises UsageError."""
    return tuple(service.short for service in _chosen(target, request.services))


def lines(request: ReadLogs, target: Target, clients: Clients, observer: Observer = ignore) -> Generator[LogLine]:
    """Return the complete lines in the order of AWS.

    The observer gets notes: an absent log group, the end of a previous task, a lost connection. With `follow` it ends
    when the clock is woken (`WakefulClock.wake`); it reconnects after a lost connection. Raises UsageError for an unknown
    service, OperationFailedError when there is no log at all.
    """
    chosen = _chosen(target, request.services)
    wanted = re.compile(request.grep or "")
    with explained(target.aws):
        found = _previous if request.previous else _present
        for line in found(request, target, clients, observer, chosen):
            if wanted.search(line.text):
                yield line


def _chosen(target: Target, names: Iterable[str]) -> tuple[Service, ...]:
    """Return services by name, and one-off tasks, which have a log but are not services."""
    once = {
        short: Service(name=f"{target.environment}-{short}", short=short, log_group=group)
        for short, group in target.outputs.log_groups.items()
    }
    given = [once.get(name.removeprefix(f"{target.environment}-")) or target.service(name) for name in names]
    return tuple(dict.fromkeys(given)) or target.services


def _present(
    request: ReadLogs, target: Target, clients: Clients, observer: Observer, chosen: tuple[Service, ...]
) -> Iterator[LogLine]:
    now = _look_at_services(target, clients, observer)
    since = _milliseconds(now - (request.since or DEFAULT_SINCE))
    sources = [
        LogSource(clients, service.short, service.log_group, since_ms=since)
        for service in chosen
        if service.log_group is not None
    ]
    yield from heapq.merge(*(source.until_now() for source in sources), key=_written)
    missing = [source for source in sources if source.missing]
    for source in missing:
        observer(Note(text=f"the log group {source.group} of {source.service} does not exist", severity="warning"))
    if len(missing) == len(sources) and not request.follow:
        raise OperationFailedError(
            f"{target.environment} has no log: none of the log groups of {', '.join(s.short for s in chosen)} exists",
            f"run `orchestrator update-env {target.environment}`, which creates them",
        )
    if request.follow:
        yield from Tail(sources, clients.clock, observer, target.aws).lines()


def _look_at_services(target: Target, clients: Clients, observer: Observer) -> datetime:
    """Return AWS's time; report when no task runs, or when this machine's clock is wrong."""
    ecs, names = clients.client("ecs"), [service.name for service in target.services][: services.SERVICES_PER_CALL]
    try:
        answer = ecs.describe_services(cluster=target.outputs.cluster_name, services=names)
    except ecs.exceptions.ClusterNotFoundException:
        answer = {}  # the log outlives the cluster
    if not any(service["runningCount"] for service in answer.get("services", [])):
        why = f": it is {target.rest}" if target.rest else ""
        observer(Note(text=f"no task of {target.environment} runs{why}; these are lines of earlier tasks"))
    here = datetime.now(UTC)
    sent = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    there = parsedate_to_datetime(sent) if sent else here
    if abs((here - there).total_seconds()) > SKEW_SECONDS:
        text = f"this machine's clock is wrong: {here:%H:%M:%S} instead of {there:%H:%M:%S} UTC, the time of AWS"
        observer(Note(text=text, severity="warning"))
    return there


# --previous


def _previous(
    request: ReadLogs, target: Target, clients: Clients, observer: Observer, chosen: tuple[Service, ...]
) -> Iterator[LogLine]:
    since = None if request.since is None else _milliseconds(datetime.now(UTC) - request.since)
    found: list[Iterator[LogLine]] = []
    for service in chosen:
        if service.log_group is None:
            continue
        source = LogSource(clients, service.short, service.log_group, since_ms=since)
        task = _last_ended(target, clients, observer, service, source)
        if task is None:
            observer(Note(text=f"{service.short}: no stopped task is known"))
        else:
            found.append(source.of_task(task))
    if not found:
        raise OperationFailedError(
            f"no task of {', '.join(service.short for service in chosen)} that ended left a log",
            "ECS forgets tasks after about an hour; read further back with --since",
        )
    yield from heapq.merge(*found, key=_written)


def _last_ended(
    target: Target, clients: Clients, observer: Observer, service: Service, source: LogSource
) -> str | None:
    """Return the id of the service's last ended task: from ECS for an hour, later only from its log."""
    skipped: set[str] = set()
    if service in target.services:
        for task in services.tasks(clients, target, service, stopped=True)[:1]:
            observer(Note(text=f"{service.short}: task {task_id(task.get('taskArn', ''))} {task_end(task)}"))
            return task_id(task.get("taskArn", ""))
        # Running tasks, and one-off commands with the service's definition, write into the same group.
        running = services.tasks(clients, target, None)
        ended = services.tasks(clients, target, None, stopped=True)
        skipped = {task_id(task.get("taskArn", "")) for task in (*running, *ended)}
    return next((task for task in source.tasks() if task not in skipped), None)


def _written(line: LogLine) -> datetime:
    return line.at or datetime.min.replace(tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
