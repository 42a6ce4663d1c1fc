"""The arguments of the release gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from pulumi_django.deploying.aws_access import AwsAccess

DEFAULT_RELEASE_COMMAND = ("python", "manage.py", "migrate", "--no-input")

MIN_TIMEOUT_SECONDS = 60
"""The pull of an image and the start of a Fargate task alone take this time."""

MAX_TIMEOUT_SECONDS = 86400
"""A day, longer than the credentials of an update are valid."""


@dataclass(frozen=True, kw_only=True)
class ReleaseGateArgs:
    cluster: pulumi.Input[str]
    """ARN or name of the cluster that runs the tasks."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets of the tasks: those of the services."""

    security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Security groups of the tasks: those of the services."""

    database_task_definition_arn: pulumi.Input[str] | None = None
    """Task definition whose own command ensures the environment's database role and database; None skips that task."""

    release_task_definition_arn: pulumi.Input[str] | None = None
    """Task definition with the new image and the role, environment and secrets of the services. Its first essential container
    runs the release command. None skips the release command."""

    release_command: Sequence[str] | None = DEFAULT_RELEASE_COMMAND
    """Command that must succeed before any service runs new code; None skips it and still ensures the database."""

    release_timeout_seconds: int = 1800
    """Time limit of the release command in seconds, 60 to 86400. After it the task is stopped and the update fails."""

    watch_rollouts: bool = True
    """Whether an update waits until every changed service is steady on its requested task definition."""

    rollout_timeout_seconds: int = 1200
    """Time limit of each service's rollout in seconds, 60 to 86400. After it the update fails, and ECS continues."""

    waiting_seconds: int = 0
    """Time in seconds that a deployment strategy waits on purpose. It is added to the limit of each rollout."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """Access of the hooks to AWS, the same as that of the stack's AWS provider."""

    def __post_init__(self) -> None:
        for name in ("release_timeout_seconds", "rollout_timeout_seconds"):
            seconds: int = getattr(self, name)
            if not MIN_TIMEOUT_SECONDS <= seconds <= MAX_TIMEOUT_SECONDS:
                limits = f"from {MIN_TIMEOUT_SECONDS} to {MAX_TIMEOUT_SECONDS} (a day)"
                raise ValueError(f"{name} is {seconds}: it must be a number of seconds {limits}")
        if self.release_command is not None and not self.release_command:
            raise ValueError("release_command is empty: set the words of a command, or None for no release command")
