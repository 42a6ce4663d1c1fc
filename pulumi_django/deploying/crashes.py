"""The tasks of one ECS service that crashed while it is rolled out. No Pulumi here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pulumi_django.deploying.polling import Clock, patiently
from pulumi_django.deploying.rollout_state import same_task_definition
from pulumi_django.deploying.task_end import TaskEnd, task_end
from pulumi_django.deploying.task_log import QUIET_AFTER_FAILURE, TaskLog, stream_of
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

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
    """Ended before the first look, so perhaps in an earlier rollout of the same task definition."""


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
        # No task of a task definition that was made in this update can be of an earlier one. ECS may have started, failed
        # and rolled back all of them before the first look.
        self._first_look = not made_now
        self.found: list[Crash] = []
        """In the order in which they were found."""

    def look(self) -> None:
        """Take note of tasks that have ended since the last look."""
        arns = [arn for arn in self._stopped() if arn not in self._looked_at]
        self._looked_at.update(arns)
        for first in range(0, len(arns), TASKS_PER_CALL):
            chunk = arns[first : first + TASKS_PER_CALL]
            answer = self._ask(lambda chunk=chunk: self._ecs.describe_tasks(cluster=self._cluster, tasks=chunk))
            self.found += [crash for task in answer["tasks"] if (crash := self._crash(task))]
        self._first_look = False

    def count(self, deployment: str | None) -> int:
        """How many tasks of this deployment have crashed since the first look."""
        return len([crash for crash in self.found if crash.deployment == deployment and not crash.old])

    def count_all(self) -> int:
        """How many tasks of any deployment have; for those that move traffic, which are not told apart by task."""
        return len([crash for crash in self.found if not crash.old])

    def latest(self, deployment: str | None) -> Crash | None:
        """The crash that tells most about this deployment: its own last one, else the last one of all, if any."""
        newest_first = self.found[::-1]
        own = [crash for crash in newest_first if crash.deployment == deployment]
        return next(iter(own + [crash for crash in newest_first if not crash.old]), None)

    def log_of(self, crash: Crash) -> TaskLog | None:
        """The log of a crashed task, read to its end; None when it has none."""
        if not crash.end.started:
            return None
        described = self._ask(lambda: self._ecs.describe_task_definition(taskDefinition=self._task_definition))
        containers = described["taskDefinition"].get("containerDefinitions", [])
        container = next((c for c in containers if c.get("name") == crash.end.container), None)
        stream = stream_of(container, task_id(crash.arn)) if container else None
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
