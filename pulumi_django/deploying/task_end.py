"""Ends of ECS tasks, and crashes of a service. No Pulumi here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pulumi_django.deploying.polling import Clock, patiently
from pulumi_django.deploying.rollout_state import same_task_definition, short
from pulumi_django.deploying.task_log import QUIET_AFTER_FAILURE, TaskLog, printable, stream_of

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
SPOT_INTERRUPTION = "SpotInterruption"
CRASH_STOP_CODES = frozenset({"EssentialContainerExited", "TaskFailedToStart"})
SCHEDULER_STOP_CODE = "ServiceSchedulerInitiated"


@dataclass(frozen=True, kw_only=True)
class TaskEnd:
    """The end of a task. Its text is one clause, for example `ended with exit code 137 (OutOfMemoryError: ...)`."""

    container: str
    """The requested container, or else the container that ended the task."""

    exit_code: int | None
    """Exit code of that container; None when it never ran, or was killed without one."""

    started: bool
    """Whether any container ran."""

    stop_code: str | None
    """ECS's code, for example `EssentialContainerExited`, `TaskFailedToStart`, `SpotInterruption`."""

    reason: str
    """ECS's message: the reason of the container, then of the task."""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0

    @property
    def interrupted(self) -> bool:
        """Whether AWS reclaimed the Fargate Spot capacity."""
        return self.stop_code == SPOT_INTERRUPTION

    @property
    def crashed(self) -> bool:
        """Whether a service's task ended because of itself: it exited, never started, or failed its health checks.

        Scaling in, a newer deployment, a stop by a user and a Spot interruption do not count as crashes.
        """
        if self.stop_code == SCHEDULER_STOP_CODE:
            return "health check" in self.reason
        return self.stop_code in CRASH_STOP_CODES

    def __str__(self) -> str:
        if self.interrupted:
            return f"was interrupted: AWS took the Fargate Spot capacity back ({self.reason})"
        if not self.started:
            return f"never started: {self.reason}"
        if self.exit_code is None:
            return f"ended without an exit code: {self.reason}"
        return f"ended with exit code {self.exit_code} ({self.reason})"


def task_end(task: TaskTypeDef, container: str | None = None) -> TaskEnd:
    """Return the end of a stopped task. `container` is the container that counts; None takes the one that failed."""
    containers = task.get("containers", [])
    meant = _named(containers, container) if container else _culprit(containers)
    reasons = [meant.get("reason", ""), task.get("stoppedReason", "")]
    return TaskEnd(
        container=meant.get("name", ""),
        exit_code=meant.get("exitCode"),
        started=bool(task.get("startedAt")) or any("exitCode" in c for c in containers),
        stop_code=task.get("stopCode"),
        reason="; ".join(dict.fromkeys(printable(r) for r in reasons if r)) or "ECS reports no reason",
    )


def _named(containers: list[ContainerTypeDef], name: str) -> ContainerTypeDef:
    return next((c for c in containers if c.get("name") == name), {"name": name})


def _culprit(containers: list[ContainerTypeDef]) -> ContainerTypeDef:
    failed = [c for c in containers if c.get("exitCode")] or [c for c in containers if c.get("reason")]
    return next(iter(failed or containers), {"name": ""})


T = TypeVar("T")

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
TASKS_PER_CALL = 100


@dataclass(frozen=True, kw_only=True)
class Crash:
    """One crashed task."""

    arn: str
    end: TaskEnd
    deployment: str | None
    """Id of the deployment that started the task:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (`startedBy`)."""

    old: bool
    """Whether it ended before the first request, so perhaps in an earlier rollout of the same task definition."""


class Crashes:
    """Finds the crashed tasks of one service on one task definition, each once."""

    def __init__(
        self,
        ecs: ECSClient,
        logs: CloudWatchLogsClient,
        clock: Clock,
        *,
        cluster: str,
        service: str,
        task_definition: str,
        made_now: bool = False,
    ) -> None:
        self._ecs, self._logs, self._clock = ecs, logs, clock
        self._cluster, self._service, self._task_definition = cluster, service, task_definition
        self._looked_at: set[str] = set()
        # A task definition that this update created has no tasks of an earlier update. ECS can have started, failed and
        # rolled back all of them before the first request.
        self._first_look = not made_now
        self.found: list[Crash] = []
        """Crashes in the order of discovery."""

    def look(self) -> None:
        """Collect the tasks that have ended since the last call."""
        arns = [arn for arn in self._stopped() if arn not in self._looked_at]
        self._looked_at.update(arns)
        for first in range(0, len(arns), TASKS_PER_CALL):
            chunk = arns[first : first + TASKS_PER_CALL]
            answer = self._ask(lambda chunk=chunk: self._ecs.describe_tasks(cluster=self._cluster, tasks=chunk))
            self.found += [crash for task in answer["tasks"] if (crash := self._crash(task))]
        self._first_look = False

    def count(self, deployment: str | None) -> int:
        """Return the number of tasks of this deployment that crashed since the first call of `look`."""
        return len([crash for crash in self.found if crash.deployment == deployment and not crash.old])

    def count_all(self) -> int:
        """Return the number of crashed tasks of all deployments. Tasks do not name a deployment that moves traffic."""
        return len([crash for crash in self.found if not crash.old])

    def latest(self, deployment: str | None) -> Crash | None:
        """Return the last crash of this deployment, or else the last crash of all; None without one."""
        newest_first = self.found[::-1]
        own = [crash for crash in newest_first if crash.deployment == deployment]
        return next(iter(own + [crash for crash in newest_first if not crash.old]), None)

    def log_of(self, crash: Crash) -> TaskLog | None:
        """Return the log of a crashed task, read to its end; None without a log."""
        if not crash.end.started:
            return None
        described = self._ask(lambda: self._ecs.describe_task_definition(taskDefinition=self._task_definition))
        containers = described["taskDefinition"].get("containerDefinitions", [])
        container = next((c for c in containers if c.get("name") == crash.end.container), None)
        stream = stream_of(container, short(crash.arn)) if container else None
        if stream is None:
            return None
        log = TaskLog(self._logs, stream, self._clock)
        log.drain(quiet_looks=QUIET_AFTER_FAILURE)
        return log

    def _stopped(self) -> list[str]:
        # ECS lists stopped tasks for about an hour.
        pages = self._ecs.get_paginator("list_tasks").paginate(
            cluster=self._cluster, serviceName=self._service, desiredStatus="STOPPED"
        )
        return self._ask(lambda: [arn for page in pages for arn in page["taskArns"]])

    def _crash(self, task: TaskTypeDef) -> Crash | None:
        if task.get("lastStatus") != "STOPPED":
            self._looked_at.discard(task.get("taskArn", ""))
            return None
        end = task_end(task)
        if not end.crashed or not same_task_definition(task.get("taskDefinitionArn", ""), self._task_definition):
            return None
        return Crash(arn=task.get("taskArn", ""), end=end, deployment=task.get("startedBy"), old=self._first_look)

    def _ask(self, call: Callable[[], T]) -> T:
        return patiently(call, self._clock)
