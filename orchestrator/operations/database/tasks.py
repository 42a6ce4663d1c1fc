"""One task of a family, from its start to its end, for operations on databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import OperationFailedError
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.target import Target
from orchestrator.operations.observer import LogLine, Observer, TaskMoved
from orchestrator.operations.reasons import hint_of, hint_of_words
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

STARTED_BY = "orchestrator/db"
TIMEOUT_SECONDS = 4 * 3600.0
"""Copies of large databases take hours."""


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """A task that did its work."""

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

    `command` None is the container's own. `definition` is a certain task definition instead of the family's latest;
    `container` the one whose log is followed, and `others` the definitions of those that must succeed too. Raises
    OperationFailedError when the task does not succeed.
    """
    short = family.removeprefix(f"{target.environment}-")
    result = _followed(
        TaskRequest(
            cluster=target.outputs.cluster_name,
            task_definition=definition or family,
            subnet_ids=target.outputs.task_subnet_ids,
            security_group_ids=target.outputs.task_security_group_ids,
            command=command,
            container=container,
            started_by=STARTED_BY,
        ),
        clients,
        _Reporter(observer, short),
        short,
        timeout_seconds,
    )
    end = result.end
    if others:
        end = _whole_end(result, clients, observer, others)
    if not end.succeeded:
        raise OperationFailedError(f"the task {family} {end}", hint_of(end))
    return TaskRun(family=family, task=result.task.id)


def _whole_end(
    result: TaskResult, clients: Clients, observer: Observer, others: Sequence[ContainerDefinitionOutputTypeDef]
) -> TaskEnd:
    """How a task of several containers ended: as the one that failed; its log is passed on too when it is another one."""
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


def _followed(
    request: TaskRequest, clients: Clients, reporter: TaskObserver, short: str, timeout_seconds: float
) -> TaskResult:
    runner = TaskRunner(
        clients.client("ecs"), clients.client("logs"), observer=reporter, clock=clients.clock, shown=whole
    )
    try:
        return runner.run(request, timeout_seconds=timeout_seconds)
    except TaskTimeout as error:
        raise OperationFailedError(f"the task {short} did not end in time: {error}") from error
    except TaskError as error:
        if error.__cause__ is not None:
            raise
        raise OperationFailedError(f"the task {short} was not run: {error}", hint_of_words(str(error))) from error


class _Reporter(TaskObserver):
    """Passes what happens to a task on as events."""

    def __init__(self, observer: Observer, short: str) -> None:
        self._observer, self._short, self._task = observer, short, ""

    def started(self, task: RunningTask) -> None:
        self._task = task.id
        self._observer(TaskMoved(service=self._short, task=task.id, status="PROVISIONING"))

    def status(self, status: str) -> None:
        if status != "PROVISIONING":
            self._observer(TaskMoved(service=self._short, task=self._task, status=status))

    def line(self, line: str) -> None:
        self._observer(LogLine(service=self._short, task=self._task, text=line))
