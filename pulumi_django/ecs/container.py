"""What the containers of one image share, and the task that each service or command makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from pulumi_django.ecs.read_only import PATH
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import Architecture, LogGroup, LogGroupArgs, TaskDefinition, TaskDefinitionArgs

NOBODY = "65534:65534"
"""User and group without any rights, in every image of Alpine and Debian."""


@dataclass(frozen=True, kw_only=True)
class ContainerSetup:
    """Image, surroundings and rights of a container."""

    image: pulumi.Input[str]
    """Image as `registry/repository:tag` or with a digest."""

    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Plain environment variables."""

    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]], repr=False)
    """Variable -> ARN of the secret, with a JSON key where it has several."""

    execution_role_arn: pulumi.Input[str]
    """Role with which ECS starts tasks."""

    task_role_arn: pulumi.Input[str] | None = None
    """Role of the application."""

    region: str
    """Region of the logs."""

    architecture: Architecture = "X86_64"
    """Processor that the image was built for."""

    log_retention_days: int = 3
    """Days for which log lines are kept."""

    log_kms_key_arn: pulumi.Input[str] | None = None
    """Key of the log lines; None leaves them to AWS's own."""

    sidecars: Mapping[str, Sidecar] = field(default_factory=dict[str, Sidecar])
    """Container name -> one more container of each task."""

    user: str | None = None
    """User inside the container, such as `1000:1000`; None is the image's own."""

    read_only_root: bool = False
    """Whether the container can write only below `writable_paths`."""

    writable_paths: Sequence[str] = (PATH,)
    """Folders that a container with a read-only root can write to. A shell needs those of its agent."""


@dataclass(frozen=True, kw_only=True)
class TaskSize:
    """CPU and memory of a task, as Fargate offers them, and what runs in it."""

    command: Sequence[str] | None = None
    """Words of the command; None runs the image's own."""

    entry_point: Sequence[str] | None = None
    """Words before the command; None keeps the image's own entrypoint."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory."""

    port: int | None = None
    """TCP port on which the container listens."""

    stop_timeout_seconds: int = 30
    """Time between SIGTERM and SIGKILL, up to 120."""

    ephemeral_storage_gib: int | None = None
    """Storage that goes with the task, 21 to 200; None is Fargate's 20."""


def logged_task(
    name: str, environment: str, service: str, setup: ContainerSetup, size: TaskSize, parent: pulumi.Resource
) -> tuple[TaskDefinition, LogGroup]:
    """The task definition `{environment}-{service}` and its log group, as children of `parent`."""
    child = pulumi.ResourceOptions(parent=parent)
    logs = LogGroup(
        f"{name}-logs",
        LogGroupArgs(
            environment=environment,
            service=service,
            retention_days=setup.log_retention_days,
            kms_key_arn=setup.log_kms_key_arn,
        ),
        child,
    )
    definition = TaskDefinition(
        f"{name}-task",
        TaskDefinitionArgs(
            environment=environment,
            service=service,
            image=setup.image,
            command=size.command,
            entry_point=size.entry_point,
            cpu_units=size.cpu_units,
            memory_mib=size.memory_mib,
            port=size.port,
            env=setup.env,
            secrets=setup.secrets,
            execution_role_arn=setup.execution_role_arn,
            task_role_arn=setup.task_role_arn,
            log_group_name=logs.group_name,
            region=setup.region,
            architecture=setup.architecture,
            stop_timeout_seconds=size.stop_timeout_seconds,
            ephemeral_storage_gib=size.ephemeral_storage_gib,
            sidecars=setup.sidecars,
            user=setup.user,
            read_only_root=setup.read_only_root,
            writable_paths=setup.writable_paths,
        ),
        pulumi.ResourceOptions(parent=parent, depends_on=[logs]),
    )
    return definition, logs
