"""How an ECS task ended, from what DescribeTasks says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_django.deploying.task_log import printable

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
SPOT_INTERRUPTION = "SpotInterruption"
CRASH_STOP_CODES = frozenset({"EssentialContainerExited", "TaskFailedToStart"})
SCHEDULER_STOP_CODE = "ServiceSchedulerInitiated"


@dataclass(frozen=True, kw_only=True)
class TaskEnd:
    """How a task ended. As text one clause, for example `ended with exit code 137 (OutOfMemoryError: ...)`."""

    container: str
    """The container that was asked for, else the one that brought the task down."""

    exit_code: int | None
    """Of that container; None when it never ran or was killed before it could tell."""

    started: bool
    """Whether a container ran at all."""

    stop_code: str | None
    """ECS's code, for example `EssentialContainerExited`, `TaskFailedToStart`, `SpotInterruption`."""

    reason: str
    """ECS's words: the container's own reason, then the task's."""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0

    @property
    def interrupted(self) -> bool:
        """Whether AWS took the Fargate Spot capacity back."""
        return self.stop_code == SPOT_INTERRUPTION

    @property
    def crashed(self) -> bool:
        """Whether a service's task ended by its own fault: it exited, never started, or failed its health checks.

        Scaling in, a newer deployment, a user's stop and a Spot interruption are no crashes.
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
    """How a stopped task ended. `container` is the one that counts; None looks for the one that failed."""
    containers = task.get("containers", [])
    meant = _named(containers, container) if container else _culprit(containers)
    reasons = [meant.get("reason", ""), task.get("stoppedReason", "")]
    return TaskEnd(
        container=meant.get("name", ""),
        exit_code=meant.get("exitCode"),
        started=bool(task.get("startedAt")) or any("exitCode" in c for c in containers),
        stop_code=task.get("stopCode"),
        reason="; ".join(dict.fromkeys(printable(r) for r in reasons if r)) or "ECS gives no reason",
    )


def _named(containers: list[ContainerTypeDef], name: str) -> ContainerTypeDef:
    return next((c for c in containers if c.get("name") == name), {"name": name})


def _culprit(containers: list[ContainerTypeDef]) -> ContainerTypeDef:
    failed = [c for c in containers if c.get("exitCode")] or [c for c in containers if c.get("reason")]
    return next(iter(failed or containers), {"name": ""})
