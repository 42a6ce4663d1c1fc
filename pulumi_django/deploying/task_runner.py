"""Runs a Fargate task, follows its log and reports its end. No Pulumi here: hooks and the command line both use it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pulumi_django.deploying.polling import Clock, SystemClock, patiently, pauses
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.task_end import TaskEnd, task_end
from pulumi_django.deploying.task_log import QUIET_AFTER_FAILURE, QUIET_AFTER_SUCCESS, TaskLog, printable, stream_of
from pulumi_django.rules.sizing import check_fargate_size

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import (
        ContainerDefinitionOutputTypeDef,
        FailureTypeDef,
        RunTaskRequestTypeDef,
        TaskOverrideTypeDef,
        TaskTypeDef,
    )
    from mypy_boto3_logs import CloudWatchLogsClient

T = TypeVar("T")

# RunTask is eventually consistent with DescribeTasks:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
INVISIBLE_SECONDS = 60.0

# A role that was created seconds ago can be unusable still, and the name of a file system can be unknown for 90 s. Nothing has
# run then, so another attempt is safe.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
# https://docs.aws.amazon.com/efs/latest/ug/troubleshooting-efs-mounting.html#mount-fails-propegation
START_ATTEMPTS = 4
START_PAUSE_SECONDS = 10.0
_NOT_READY = re.compile(r"unable to assume (the )?role|failed to resolve \"?fs-[0-9a-f]+\.efs\.", re.IGNORECASE)

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
STOP_REASON_CHARACTERS = 255


class TaskError(Exception):
    """A task could not run to its end. The message gives the reason."""


class TaskTimeout(TaskError):
    """A task exceeded its time limit and was stopped."""


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """A task to run."""

    cluster: str
    """Name or ARN of the cluster."""

    task_definition: str
    """ARN, `family:revision`, or `family` for its latest revision."""

    subnet_ids: Sequence[str]
    """Subnets of the task."""

    security_group_ids: Sequence[str]
    """Security groups of the task."""

    command: Sequence[str] | None = None
    """Command in place of the container's own; None keeps the container's."""

    container: str | None = None
    """Container of the command, the exit code and the log; None is the first essential container."""

    started_by: str = "pulumi-django"
    """Mark by which `find` finds the task, at most 128 characters."""

    spot: bool = False
    """Whether to run on FARGATE_SPOT, where AWS can reclaim the capacity at any time."""

    assign_public_ip: bool = False
    """Whether the task gets a public address, which it needs in a public subnet to reach the registry."""

    cpu_units: int | None = None
    """CPU of the task in units of 1/1024 vCPU; None keeps the task definition's."""

    memory_mib: int | None = None
    """Memory of the task in MiB, a size that Fargate has for that CPU; None keeps the task definition's."""

    def __post_init__(self) -> None:
        if (self.cpu_units is None) != (self.memory_mib is None):
            raise ValueError("cpu_units and memory_mib go together: set both, or neither")
        if self.cpu_units is not None and self.memory_mib is not None:
            check_fargate_size(self.cpu_units, self.memory_mib)


@dataclass(frozen=True, kw_only=True)
class RunningTask:
    """A task that ECS has accepted."""

    cluster: str
    arn: str
    container: str
    log: TaskLog | None
    """None when the container does not log to CloudWatch."""

    @property
    def id(self) -> str:
        return task_id(self.arn)


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """A task that ran to its end."""

    task: RunningTask
    end: TaskEnd


class TaskObserver:
    """Receives the events of a task. Subclasses override the methods that they need."""

    def started(self, task: RunningTask) -> None:
        """ECS has accepted the task."""

    def status(self, status: str) -> None:
        """The task is in a new state: PROVISIONING, PENDING, RUNNING, ... STOPPED."""

    def line(self, line: str) -> None:
        """The container logged a line."""


class TaskRunner:
    """Runs Fargate tasks one after another. Calls the observer in the thread that runs the task.

    Calls are repeated after throttling and lost connections. A refusal by ECS (no capacity, no permission, unknown cluster)
    becomes a `TaskError`. Errors of botocore pass through when AWS cannot be reached or there are no credentials.
    """

    def __init__(
        self,
        ecs: ECSClient,
        logs: CloudWatchLogsClient,
        *,
        observer: TaskObserver | None = None,
        clock: Clock | None = None,
        shown: Callable[[str], str] = printable,
    ) -> None:
        self._ecs, self._logs, self._shown = ecs, logs, shown
        self._observer = observer or TaskObserver()
        self._clock = clock or SystemClock()

    def run(self, request: TaskRequest, *, timeout_seconds: float) -> TaskResult:
        """Start the task, follow it to its end and return the result. Raises `TaskError`, and `TaskTimeout` after it
        stopped the task."""
        for _ in range(START_ATTEMPTS - 1):
            try:
                result = self.follow(self.start(request), timeout_seconds=timeout_seconds)
            except TaskError as error:
                if not _NOT_READY.search(str(error)):
                    raise
            else:
                if result.end.started or not _NOT_READY.search(result.end.reason):
                    return result
            self._clock.sleep(START_PAUSE_SECONDS)
        return self.follow(self.start(request), timeout_seconds=timeout_seconds)

    def start(self, request: TaskRequest) -> RunningTask:
        """Start the task and return at once. Raises `TaskError` when ECS refuses it."""
        described = self._ask(lambda: self._ecs.describe_task_definition(taskDefinition=request.task_definition))
        containers = described["taskDefinition"].get("containerDefinitions", [])
        container = _container(containers, request)
        call = _run_task_call(request, container.get("name", ""))
        answer = self._ask(lambda: self._ecs.run_task(**call))
        if not answer["tasks"]:
            raise TaskError(f"ECS did not start the task: {_failures(answer['failures'])}")
        arn = answer["tasks"][0].get("taskArn", "")
        stream = stream_of(container, task_id(arn))
        task = RunningTask(
            cluster=request.cluster,
            arn=arn,
            container=container.get("name", ""),
            log=stream and TaskLog(self._logs, stream, self._clock, self._shown),
        )
        self._observer.started(task)
        return task

    def follow(self, task: RunningTask, *, timeout_seconds: float) -> TaskResult:
        """Pass states and log lines to the observer until the task has ended. Raises `TaskError`, `TaskTimeout`."""
        deadline = self._clock.now() + timeout_seconds
        status = None
        pause = pauses()
        while True:
            found = self._look(task.cluster, task.arn)
            if found.get("lastStatus", "") != status:
                status = found.get("lastStatus", "")
                self._observer.status(status)
            if status == "STOPPED":
                return self._ended(task, found)
            self._tell(task.log.read() if task.log and found.get("startedAt") else [])
            if self._clock.now() >= deadline:
                self.stop(task.cluster, task.arn, f"ran longer than {timeout_seconds:g} s")
                self._tell(task.log.drain(quiet_looks=QUIET_AFTER_FAILURE) if task.log else [])
                raise TaskTimeout(f"task {task.id} was still {status} after {timeout_seconds:g} s and was stopped")
            self._clock.sleep(next(pause))

    def stop(self, cluster: str, arn: str, reason: str) -> None:
        """Ask ECS to stop a task. Its containers get SIGTERM and, after their stop timeout, SIGKILL."""
        self._ask(lambda: self._ecs.stop_task(cluster=cluster, task=arn, reason=reason[:STOP_REASON_CHARACTERS]))

    def find(self, cluster: str, family: str, started_by: str) -> list[str]:
        """Return the ARNs of the tasks of a family that have the mark `started_by` and have not ended."""
        listed = self._ask(lambda: self._ecs.list_tasks(cluster=cluster, family=family, desiredStatus="RUNNING"))
        if not listed["taskArns"]:
            return []
        tasks = self._ask(lambda: self._ecs.describe_tasks(cluster=cluster, tasks=listed["taskArns"]))["tasks"]
        alive = [t for t in tasks if t.get("lastStatus") != "STOPPED"]
        return [t.get("taskArn", "") for t in alive if t.get("startedBy") == started_by]

    def wait(self, cluster: str, arn: str, *, timeout_seconds: float) -> None:
        """Wait for the end of a task that another process started. Raises `TaskTimeout` and lets the task continue."""
        deadline = self._clock.now() + timeout_seconds
        pause = pauses()
        while True:
            if self._look(cluster, arn).get("lastStatus") == "STOPPED":
                return
            if self._clock.now() >= deadline:
                raise TaskTimeout(f"task {task_id(arn)} is still running after {timeout_seconds:g} s")
            self._clock.sleep(next(pause))

    def _look(self, cluster: str, arn: str) -> TaskTypeDef:
        deadline = self._clock.now() + INVISIBLE_SECONDS
        pause = pauses()
        while True:
            answer = self._ask(lambda: self._ecs.describe_tasks(cluster=cluster, tasks=[arn]))
            if answer["tasks"]:
                return answer["tasks"][0]
            if self._clock.now() >= deadline:
                raise TaskError(f"ECS reports no task {task_id(arn)}: {_failures(answer['failures'])}")
            self._clock.sleep(next(pause))

    def _ended(self, task: RunningTask, found: TaskTypeDef) -> TaskResult:
        end = task_end(found, task.container)
        # The last lines arrive late. A task that never started has no log.
        if end.started and task.log:
            quiet = QUIET_AFTER_SUCCESS if end.succeeded else QUIET_AFTER_FAILURE
            self._tell(task.log.drain(quiet_looks=quiet))
        return TaskResult(task=task, end=end)

    def _tell(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._observer.line(line)

    def _ask(self, call: Callable[[], T]) -> T:
        from botocore.exceptions import ClientError

        try:
            return patiently(call, self._clock)
        except ClientError as error:
            raise TaskError(aws_message(error)) from error


def task_id(arn: str) -> str:
    """Return the id at the end of a task's ARN."""
    return short(arn)


def aws_message(error: ClientError) -> str:
    """Return AWS's message without botocore's preamble: `No basic auth credentials (ClientException from RunTask)`."""
    detail = error.response.get("Error", {})
    return f"{detail.get('Message', 'no message')} ({detail.get('Code', 'unknown')} from {error.operation_name})"


def _container(
    containers: Sequence[ContainerDefinitionOutputTypeDef], request: TaskRequest
) -> ContainerDefinitionOutputTypeDef:
    for container in containers:
        if request.container is None and container.get("essential", True):
            return container
        if request.container is not None and container.get("name") == request.container:
            return container
    names = ", ".join(c.get("name", "") for c in containers)
    raise TaskError(
        f"task definition {request.task_definition} has no container {request.container}: its containers are {names}"
    )


def _run_task_call(request: TaskRequest, container: str) -> RunTaskRequestTypeDef:
    call: RunTaskRequestTypeDef = {
        "cluster": request.cluster,
        "taskDefinition": request.task_definition,
        "count": 1,
        "startedBy": request.started_by,
        "propagateTags": "TASK_DEFINITION",
        # All attempts of one start share a token, so a lost response does not start a second task.
        "clientToken": uuid.uuid4().hex,
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": list(request.subnet_ids),
                "securityGroups": list(request.security_group_ids),
                "assignPublicIp": "ENABLED" if request.assign_public_ip else "DISABLED",
            }
        },
    }
    if request.spot:
        call["capacityProviderStrategy"] = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    else:
        call["launchType"] = "FARGATE"
    overrides: TaskOverrideTypeDef = {}
    if request.command is not None:
        overrides["containerOverrides"] = [{"name": container, "command": list(request.command)}]
    if request.cpu_units is not None and request.memory_mib is not None:
        overrides |= {"cpu": str(request.cpu_units), "memory": str(request.memory_mib)}
    if overrides:
        call["overrides"] = overrides
    return call


def _failures(failures: Sequence[FailureTypeDef]) -> str:
    return "; ".join(f.get("detail") or f.get("reason") or "unknown" for f in failures) or "ECS reports no reason"
