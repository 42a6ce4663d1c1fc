"""The tasks of a release: one ensures the environment's database, one runs the release command. No Pulumi here."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_django.deploying.polling import Clock, SystemClock
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.task_log import log_lines
from pulumi_django.deploying.task_runner import (
    RunningTask,
    TaskError,
    TaskObserver,
    TaskRequest,
    TaskRunner,
    TaskTimeout,
    task_id,
)

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

STARTED_BY = "pulumi-django/release"
"""Mark of release tasks. A later update finds a task that outlived its update by this mark."""

DATABASE_TIMEOUT_SECONDS = 600
"""Time limit of the database task: a short psql script, the pull of its image, and a server that can be starting
still."""


class ReleaseError(Exception):
    """A release failed. The message gives the reason and the next step."""


@dataclass(frozen=True, kw_only=True)
class ReleaseRequest:
    """The tasks of one release."""

    cluster: str
    """Name or ARN of the cluster."""

    subnet_ids: Sequence[str]
    """Subnets of the tasks."""

    security_group_ids: Sequence[str]
    """Security groups of the tasks."""

    database_task_definition: str | None
    """Task definition whose own command ensures role and database; None skips that task."""

    release_task_definition: str | None
    """Task definition that runs the release command; None skips the command."""

    command: Sequence[str] | None
    """The release command; None skips it."""

    timeout_seconds: float
    """Time limit of the release command."""

    advice: str = "correct the cause and update again"
    """Next step for the user, at the end of the error."""


class Release:
    """Runs the tasks of one release in order and stops at the first that fails."""

    def __init__(
        self,
        ecs: ECSClient,
        logs: CloudWatchLogsClient,
        request: ReleaseRequest,
        *,
        info: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._ecs, self._logs, self._request, self._info = ecs, logs, request, info
        self._clock = clock or SystemClock()
        self._consequence = "no service was changed"

    def run(self) -> None:
        """Run the release and return when every task has succeeded. Raises `ReleaseError`."""
        request = self._request
        release = request.release_task_definition if request.command else None
        for definition in (request.database_task_definition, release):
            if definition:
                self._wait_for_earlier(definition)
        if request.database_task_definition:
            self._step(
                "database", "the database task", request.database_task_definition, None, DATABASE_TIMEOUT_SECONDS
            )
        if release:
            self._step("release", "the release command", release, request.command, request.timeout_seconds)

    def run_afterwards(self, role: str, what: str) -> None:
        """Run the command when every service runs the new version, such as the second phase of migrations.

        `role` is the prefix of its log lines, `what` names it in errors. Raises `ReleaseError`.
        """
        request = self._request
        if not request.release_task_definition or not request.command:
            return
        self._consequence = "the services keep running the new version"
        self._wait_for_earlier(request.release_task_definition)
        self._step(role, what, request.release_task_definition, request.command, request.timeout_seconds)

    def _wait_for_earlier(self, definition: str) -> None:
        """Wait for the task that an interrupted update left running, because two migrations at once conflict."""
        cluster, family = self._request.cluster, short(definition).rsplit(":", 1)[0]
        runner = TaskRunner(self._ecs, self._logs, clock=self._clock)
        try:
            for arn in runner.find(cluster, family, STARTED_BY):
                self._info(f"release: waiting for task {task_id(arn)} of an earlier update")
                self._wait(runner, arn)
        except TaskError as error:
            raise self._failure("the release could not start", str(error), [], None) from error

    def _wait(self, runner: TaskRunner, arn: str) -> None:
        cluster = self._request.cluster
        try:
            runner.wait(cluster, arn, timeout_seconds=self._request.timeout_seconds)
        except TaskTimeout as error:
            stop = f"aws ecs stop-task --cluster {short(cluster)} --task {task_id(arn)}"
            raise ReleaseError(
                f"an earlier release is still running: {error}\n  next: wait, or stop it with `{stop}`; then update again"
            ) from error

    def _step(
        self, role: str, what: str, definition: str, command: Sequence[str] | None, timeout_seconds: float
    ) -> None:
        reporter = _TaskLines(self._info, role, shlex.join(command or []))
        runner = TaskRunner(self._ecs, self._logs, observer=reporter, clock=self._clock)
        details = [f"  command: {shlex.join(command)}"] if command else []
        details.append(f"  task definition: {short(definition)}")
        request = TaskRequest(
            cluster=self._request.cluster,
            task_definition=definition,
            subnet_ids=self._request.subnet_ids,
            security_group_ids=self._request.security_group_ids,
            command=command,
            started_by=STARTED_BY,
        )
        try:
            end = runner.run(request, timeout_seconds=timeout_seconds).end
        except TaskTimeout as error:
            raise self._failure(f"{what} did not end in time", str(error), details, reporter.task) from error
        except TaskError as error:
            raise self._failure(f"{what} could not run", str(error), details, reporter.task) from error
        if not end.succeeded:
            raise self._failure(f"{what} failed", f"the task {end}", details, reporter.task if end.started else None)
        self._info(f"{role}: succeeded")

    def _failure(self, what: str, why: str, details: list[str], task: RunningTask | None) -> ReleaseError:
        log = log_lines(task.log) if task and task.log else []
        lines = [f"{what}; {self._consequence}", f"  why: {why}", *details, *log, f"  next: {self._request.advice}"]
        return ReleaseError("\n".join(lines))


class _TaskLines(TaskObserver):
    """Reports the start and the log lines of a task."""

    def __init__(self, info: Callable[[str], None], role: str, command: str) -> None:
        self._info, self._role = info, role
        self._runs = f" runs `{command}`" if command else " starts"
        self.task: RunningTask | None = None

    def started(self, task: RunningTask) -> None:
        self.task = task
        self._info(f"{self._role}: task {task.id}{self._runs}")

    def line(self, line: str) -> None:
        self._info(f"{self._role} | {line}")
