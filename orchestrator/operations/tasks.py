"""One-off tasks: their run, their events, and hints about how they ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import OperationFailedError
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import LogLine, Note, Observer, TaskMoved
from pulumi_django.deploying.task_end import TaskEnd, task_end
from pulumi_django.deploying.task_log import QUIET_AFTER_FAILURE, TaskLog, stream_of, whole
from pulumi_django.deploying.task_runner import (
    RunningTask,
    TaskError,
    TaskObserver,
    TaskRequest,
    TaskResult,
    TaskRunner,
    TaskTimeout,
)

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef

KILLED = 137
"""Exit code of a process that got SIGKILL: https://tldp.org/LDP/abs/html/exitcodes.html."""

_TOO_SMALL = "give it a larger size (--size CPU/MEMORY for `run`, memory_mib in the configuration for services)"

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
_HINTS: Sequence[tuple[str, str]] = (
    (
        r"exec format error|image.*(platform|architecture)|manifest does not contain descriptor matching platform",
        "the image is built for another processor: build it for the one in `architecture`",
    ),
    (
        r"CannotPull|pull image|failed to resolve ref|no basic auth|manifest unknown|repository does not exist",
        "check that the image's reference is right, that it is pushed, and that tasks can reach its registry",
    ),
    (
        r"ResourceInitializationError.*(secret|ssm|parameter)|secretsmanager|unable to (pull|retrieve) secrets",
        "a secret of the task is missing, or its role may not read it: see `orchestrator secrets list`",
    ),
    (
        r"EFS utils|fs-[0-9a-f]+\.efs\.",
        "its volume cannot be mounted: the name of a new file system can be unknown for 90 s, otherwise `orchestrator drift` shows "
        "what is missing",
    ),
    (
        r"ResourceInitializationError.*log|CreateLogStream|log (group|stream)",
        "its log group is missing, or its role may not write to it: `orchestrator update-env` repairs both",
    ),
    (
        r"[Cc]apacity is unavailable|capacity.*not available|RESOURCE:|insufficient capacity",
        "Fargate has no capacity at the moment: try again in a few minutes, or without Spot",
    ),
    (
        r"executable file not found|no such file or directory|CannotStartContainer",
        "the image has no such program: the command is searched on the PATH inside the image",
    ),
    (r"OutOfMemory", f"its memory was used up: {_TOO_SMALL}"),
    (r"health check", "its health check fails: check its log, and the path and port of the health check"),
)

STARTED_BY = "orchestrator/db"
TIMEOUT_SECONDS = 4 * 3600.0
"""Copies of large databases take hours."""


def hint_of(end: TaskEnd, *, command: bool = False) -> str | None:
    """Return what to do about a task's end; None without a suggestion. `command`: the task ran a user's command."""
    if end.interrupted:
        return "run it again; AWS does not interrupt it without Spot" if command else "ECS starts another one"
    hint = hint_of_words(end.reason)
    if hint is None and end.exit_code == KILLED:
        return f"it was killed, most often because its memory was used up: {_TOO_SMALL}"
    return hint


def hint_of_words(reason: str) -> str | None:
    """Return the hint for a reason in ECS's words; None without a suggestion."""
    return next((hint for pattern, hint in _HINTS if re.search(pattern, reason, re.DOTALL)), None)


def runner(clients: Clients, observer: Observer, service: str) -> TaskRunner:
    """Return a runner that reports its task to the observer under the short name `service`."""
    return TaskRunner(
        clients.client("ecs"),
        clients.client("logs"),
        observer=_TaskEvents(observer, service),
        clock=clients.clock,
        shown=whole,
    )


class _TaskEvents(TaskObserver):
    """Reports a task's progress as events of the operation."""

    def __init__(self, observer: Observer, service: str) -> None:
        self._observer, self._service, self._task = observer, service, ""

    def started(self, task: RunningTask) -> None:
        self._task = task.id
        self._observer(TaskMoved(service=self._service, task=task.id, status="PROVISIONING"))
        if task.log is None:
            text = "its container does not log to CloudWatch: its log is not shown"
            self._observer(Note(text=text, severity="warning"))

    def status(self, status: str) -> None:
        if status != "PROVISIONING":
            self._observer(TaskMoved(service=self._service, task=self._task, status=status))

    def line(self, line: str) -> None:
        self._observer(LogLine(service=self._service, task=self._task, text=line))


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """A task that succeeded."""

    family: str
    task: str
    """Short id."""


def run_family(
    target: Target,
    clients: Clients,
    observer: Observer,
    family: str,
    command: Sequence[str] | None,
    *,
    definition: str | None = None,
    container: str | None = None,
    others: Sequence[ContainerDefinitionOutputTypeDef] = (),
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> TaskRun:
    """Run a task of the environment and follow it to its end; its log lines are `LogLine` events.

    `command` None is the container's own. `definition` is a task definition instead of the family's latest. `container`
    is the one whose log is followed; `others` are the definitions of containers that must succeed too. Raises
    OperationFailedError when the task does not succeed.
    """
    short = family.removeprefix(f"{target.environment}-")
    request = TaskRequest(
        cluster=target.outputs.cluster_name,
        task_definition=definition or family,
        subnet_ids=target.outputs.task_subnet_ids,
        security_group_ids=target.outputs.task_security_group_ids,
        command=command,
        container=container,
        started_by=STARTED_BY,
    )
    try:
        result = runner(clients, observer, short).run(request, timeout_seconds=timeout_seconds)
    except TaskTimeout as error:
        raise OperationFailedError(f"the task {short} did not end in time: {error}") from error
    except TaskError as error:
        if error.__cause__ is not None:
            raise
        raise OperationFailedError(f"the task {short} was not run: {error}", hint_of_words(str(error))) from error
    end = _whole_end(result, clients, observer, others) if others else result.end
    if not end.succeeded:
        raise OperationFailedError(f"the task {family} {end}", hint_of(end))
    return TaskRun(family=family, task=result.task.id)


def _whole_end(
    result: TaskResult, clients: Clients, observer: Observer, others: Sequence[ContainerDefinitionOutputTypeDef]
) -> TaskEnd:
    """Return the end of a task of several containers: that of the one that failed. Its log is reported too."""
    ecs: ECSClient = clients.client("ecs")
    task = ecs.describe_tasks(cluster=result.task.cluster, tasks=[result.task.arn])["tasks"][0]
    end = task_end(task)
    silent = [c.get("name", "") for c in task.get("containers", []) if c.get("exitCode") is None]
    if end.succeeded and silent:
        end = task_end(task, silent[0])
    failed = next((c for c in others if c.get("name") == end.container), None)
    stream = None if failed is None else stream_of(failed, result.task.id)
    if end.succeeded or not end.started or stream is None:
        return end
    log = TaskLog(clients.client("logs"), stream, clients.clock, whole)
    for line in log.drain(quiet_looks=QUIET_AFTER_FAILURE):
        observer(LogLine(service=end.container, task=result.task.id, text=line))
    return end
