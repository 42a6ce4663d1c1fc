"""`logs`: what the containers of an environment wrote, several services interleaved by time."""

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
"""From this difference on, that this machine's clock is wrong is worth a note."""


@dataclass(frozen=True, kw_only=True)
class ReadLogs:
    """Which lines."""

    services: tuple[str, ...] = ()
    """Services, or tasks that are run once (`backend_update`); none are all services."""

    since: timedelta | None = None
    """How far back, by AWS's clock; None is an hour, and with `previous` everything."""

    follow: bool = False
    """Go on with what is written from now on."""

    previous: bool = False
    """The last task of each service that has ended, instead of those that run."""

    grep: str | None = None
    """Only lines in which this regular expression is found."""

    def __post_init__(self) -> None:
        if self.follow and self.previous:
            raise UsageError("--follow and --previous contradict each other: what has ended writes nothing more")
        try:
            re.compile(self.grep or "")
        except re.error as error:
            raise UsageError(
                f"--grep {self.grep!r} is no regular expression: {error}",
                "put a backslash before . * + ? ( ) [ ] { } | ^ $",
            ) from None


@dataclass(frozen=True, kw_only=True)
class LogsResult:
    """What was read."""

    services: tuple[str, ...]
    lines: int


def run(request: ReadLogs, target: Target, clients: Clients, observer: Observer = ignore) -> LogsResult:
    """Read the lines; each is a `LogLine` event. With `follow` it ends when the clock is woken."""
    count = 0
    for line in lines(request, target, clients, observer):
        observer(line)
        count += 1
    return LogsResult(services=names(request, target), lines=count)


def names(request: ReadLogs, target: Target) -> tuple[str, ...]:
    """Short names of the services whose lines are wanted. Raises UsageError."""
    return tuple(service.short for service in _chosen(target, request.services))


def lines(request: ReadLogs, target: Target, clients: Clients, observer: Observer = ignore) -> Generator[LogLine]:
    """The lines in the order in which they were written, as far as AWS has them in order; whole, however long.

    The observer hears notes: a log group that is not there (yet), how a previous task ended, a lost connection.
    With `follow` it ends when the clock is woken (`WakefulClock.wake`); a lost connection is made again.
    Raises UsageError for a service that is not there, OperationFailedError when there is no log at all.
    """
    chosen = _chosen(target, request.services)
    wanted = re.compile(request.grep or "")
    with explained(target.aws):
        found = _previous if request.previous else _present
        for line in found(request, target, clients, observer, chosen):
            if wanted.search(line.text):
                yield line


def _chosen(target: Target, names: Iterable[str]) -> tuple[Service, ...]:
    """Services by name, and tasks that are run once, which have a log but are no services."""
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
            f"run `orchestrator update-env {target.environment}`, which makes them",
        )
    if request.follow:
        yield from Tail(sources, clients.clock, observer, target.aws).lines()


def _look_at_services(target: Target, clients: Clients, observer: Observer) -> datetime:
    """AWS's time; says when no task runs, or when this machine's clock is wrong."""
    ecs, names = clients.client("ecs"), [service.name for service in target.services][: services.SERVICES_PER_CALL]
    try:
        answer = ecs.describe_services(cluster=target.outputs.cluster_name, services=names)
    except ecs.exceptions.ClusterNotFoundException:
        answer = {}  # the log outlives the cluster
    if not any(service["runningCount"] for service in answer.get("services", [])):
        sleeps = ": it sleeps" if target.asleep else ""
        observer(Note(text=f"no task of {target.environment} runs{sleeps}; this is what earlier ones wrote"))
    here = datetime.now(UTC)
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    there = parsedate_to_datetime(told) if told else here
    if abs((here - there).total_seconds()) > SKEW_SECONDS:
        text = f"this machine's clock is off: here it is {here:%H:%M:%S}, at AWS {there:%H:%M:%S} UTC, which counts"
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
            observer(Note(text=f"{service.short}: no task that has ended is known"))
        else:
            found.append(source.of_task(task))
    if not found:
        raise OperationFailedError(
            f"no task of {', '.join(service.short for service in chosen)} that has ended left a log",
            "ECS forgets tasks after about an hour; look further back with --since",
        )
    yield from heapq.merge(*found, key=_written)


def _last_ended(
    target: Target, clients: Clients, observer: Observer, service: Service, source: LogSource
) -> str | None:
    """Id of the task of the service that ended last: ECS knows it for an hour, then only its log is left."""
    skipped: set[str] = set()
    if service in target.services:
        for task in services.tasks(clients, target, service, stopped=True)[:1]:
            observer(Note(text=f"{service.short}: task {task_id(task.get('taskArn', ''))} {task_end(task)}"))
            return task_id(task.get("taskArn", ""))
        # What still runs, and commands that were run like the service, which write into the same group.
        running = services.tasks(clients, target, None)
        ended = services.tasks(clients, target, None, stopped=True)
        skipped = {task_id(task.get("taskArn", "")) for task in (*running, *ended)}
    return next((task for task in source.tasks() if task not in skipped), None)


def _written(line: LogLine) -> datetime:
    return line.at or datetime.min.replace(tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
