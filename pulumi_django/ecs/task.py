"""One Fargate task definition with its log group, and the setup that the containers of one image share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs import limits
from pulumi_django.ecs import volumes as task_volumes
from pulumi_django.ecs.read_only import PATH, read_only
from pulumi_django.ecs.sidecar import Sidecar, check_sidecars, sidecar_containers, start_conditions
from pulumi_django.ecs.volumes import EfsVolume, Mount, Ulimit
from pulumi_django.rules import naming
from pulumi_django.rules.aws_rules import check_image
from pulumi_django.rules.fields import passed
from pulumi_django.rules.sizing import check_ephemeral_storage, check_fargate_size, check_log_retention

Architecture = Literal["X86_64", "ARM64"]

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeout
MAX_STOP_TIMEOUT_SECONDS = 120

NOBODY = "65534:65534"
"""User and group without any rights, in every image of Alpine and Debian."""


@dataclass(frozen=True, kw_only=True)
class Sized:
    """CPU and memory of a task. Fargate offers certain pairs:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
    """

    cpu_units: int = 256
    """CPU of the task; 1024 units are one vCPU. Fargate offers 256, 512, 1024, 2048, 4096, 8192 and 16384."""

    memory_mib: int = 512
    """Memory of the task in MiB; Fargate offers a range for each CPU size, 512 to 2048 for 256 units."""


@dataclass(frozen=True, kw_only=True)
class StorageSized(Sized):
    """CPU, memory, storage and limits of a task."""

    ephemeral_storage_gib: int | None = None
    """Storage of the task in GiB, 21 to 200, deleted with the task. None is Fargate's own 20 GiB."""

    mounts: Mapping[str, Mount] = field(default_factory=dict[str, Mount])
    """Volume -> its place in the container. The files stay when tasks end, and all tasks have the same."""

    ulimits: Mapping[str, Ulimit] = field(default_factory=dict[str, Ulimit])
    """Name -> limit of the container's processes, such as `nofile`, their open files. Fargate's own `nofile` is 65535; the others
    are those of its operating system."""


@dataclass(frozen=True, kw_only=True)
class TaskSize(StorageSized):
    """Size of a task, and the command that runs in it."""

    command: Sequence[str] | None = None
    """Words of the command. None runs the image's own command."""

    entry_point: Sequence[str] | None = None
    """Words before the command. None keeps the image's own entrypoint."""

    port: int | None = None
    """TCP port on which the container listens, 1 to 65535. None listens on no port."""

    stop_timeout_seconds: int = 30
    """Time between SIGTERM and SIGKILL, 1 to 120 seconds."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Region and processor of a task."""

    region: str
    """AWS region of the task's log group."""

    architecture: Architecture = "X86_64"
    """Processor that the image was built for: `X86_64` or `ARM64`."""


@dataclass(frozen=True, kw_only=True)
class Container(Platform):
    """Image, variables and rights of a container."""

    image: pulumi.Input[str]
    """Image as `registry/repository:tag` or with a digest."""

    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Plain environment variables."""

    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]], repr=False)
    """Variables that ECS fills when the task starts: variable -> ARN of a secret or parameter, with a JSON key
    (`<ARN>:<key>::`) where the secret has several."""

    execution_role_arn: pulumi.Input[str]
    """Role with which ECS starts the task."""

    task_role_arn: pulumi.Input[str] | None = None
    """Role of the application. None gives the application no rights in AWS."""

    sidecars: Mapping[str, Sidecar] = field(default_factory=dict[str, Sidecar])
    """Container name -> one more container of each task."""

    user: str | None = None
    """User inside the container, such as `1000:1000`. None is the image's own user."""

    read_only_root: bool = False
    """Whether the container can write only below `writable_paths`."""

    volumes: Mapping[str, EfsVolume] = field(default_factory=dict[str, EfsVolume])
    """File systems that the container can mount, by name."""

    writable_paths: Sequence[str] = (PATH,)
    """Folders that a container with a read-only root can write to; for `/tmp` its image needs `chmod`. A shell (ECS Exec)
    needs the folders of its agent, `read_only.AGENT_PATHS`."""


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Retention and encryption of log lines in CloudWatch."""

    log_retention_days: int = 3
    """Days for which CloudWatch keeps log lines: 1, 3, 5, 7, 14, 30, ..."""

    log_kms_key_arn: pulumi.Input[str] | None = None
    """KMS key of the log lines. None uses CloudWatch's own encryption."""


@dataclass(frozen=True, kw_only=True)
class ContainerSetup(Container, LogSettings):
    """Image, variables, rights and log of a container."""


@dataclass(frozen=True, kw_only=True)
class LogGroupArgs:
    environment: str
    """Name of the environment."""

    service: str
    """Name of the service; the group is called `/ecs/{environment}/{service}`."""

    retention_days: int = 3
    """Days for which CloudWatch keeps log lines: 1, 3, 5, 7, 14, 30, ...
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

    kms_key_arn: pulumi.Input[str] | None = None
    """KMS key of the log lines, which must admit CloudWatch Logs (`EncryptionKey`). None uses CloudWatch's own encryption."""

    def __post_init__(self) -> None:
        check_log_retention("retention_days", self.retention_days)


class LogGroup(pulumi.ComponentResource):
    """The log of one service."""

    group_name: str
    """Name of the group."""

    group_arn: pulumi.Output[str]
    """ARN of the group."""

    def __init__(self, name: str, args: LogGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:LogGroup", name, None, opts)
        self.group_name = naming.log_group_name(args.environment, args.service)
        group = aws.cloudwatch.LogGroup(
            name,
            name=self.group_name,
            retention_in_days=args.retention_days,
            kms_key_id=args.kms_key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.group_arn = group.arn
        self.register_outputs({"group_name": self.group_name, "group_arn": self.group_arn})


@dataclass(frozen=True, kw_only=True)
class TaskDefinitionArgs(Container, TaskSize):
    environment: str
    """Name of the environment."""

    service: str
    """Name of the container, and last part of the family `{environment}-{service}`."""

    log_group_name: pulumi.Input[str]
    """CloudWatch log group; its streams begin with the name of the container."""

    def __post_init__(self) -> None:
        naming.check_service_name(self.service)
        check_image("image", self.image)
        check_fargate_size(self.cpu_units, self.memory_mib)
        if not 0 < self.stop_timeout_seconds <= MAX_STOP_TIMEOUT_SECONDS:
            raise ValueError(
                f"stop_timeout_seconds is {self.stop_timeout_seconds}: Fargate waits 1 to {MAX_STOP_TIMEOUT_SECONDS} seconds"
            )
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError(f"port is {self.port}: a TCP port is 1 to 65535")
        check_ephemeral_storage(self.ephemeral_storage_gib)
        task_volumes.check(self.service, self.mounts, self.ulimits, self.volumes)
        check_sidecars(self.service, self.port, self.memory_mib, self.sidecars)
        for name, sidecar in self.sidecars.items():
            task_volumes.check(f"{self.service}.sidecars.{name}", sidecar.mounts, {}, self.volumes)
        family, containers = naming.service_name(self.environment, self.service), _containers(self)
        limits.check_container_count(family, len(containers))
        limits.check_task_definition(family, limits.at_least(containers))

    @property
    def mounted(self) -> set[str]:
        """The volumes that containers of the task mount."""
        return {*self.mounts, *(name for sidecar in self.sidecars.values() for name in sidecar.mounts)}


class TaskDefinition(pulumi.ComponentResource):
    """A task of one container and its sidecars. A service keeps such a task running; a command runs one once."""

    arn: pulumi.Output[str]
    """ARN with the revision."""

    family: str
    """Family of the revisions."""

    container_name: str
    """Name of the container."""

    def __init__(self, name: str, args: TaskDefinitionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:TaskDefinition", name, None, opts)
        self.family = naming.service_name(args.environment, args.service)
        self.container_name = args.service
        definition = aws.ecs.TaskDefinition(
            name,
            family=self.family,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args.cpu_units),
            memory=str(args.memory_mib),
            execution_role_arn=args.execution_role_arn,
            task_role_arn=args.task_role_arn,
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture=args.architecture, operating_system_family="LINUX"
            ),
            ephemeral_storage=_ephemeral_storage(args.ephemeral_storage_gib),
            container_definitions=pulumi.Output.json_dumps(_containers(args)).apply(
                lambda text: limits.check_task_definition(self.family, text)
            ),
            volumes=task_volumes.definitions(
                args.mounted, args.volumes, args.writable_paths if args.read_only_root else ()
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = definition.arn
        self.register_outputs({"arn": self.arn, "family": self.family, "container_name": self.container_name})


def logged_task(
    name: str, environment: str, service: str, setup: ContainerSetup, size: TaskSize, parent: pulumi.Resource
) -> tuple[TaskDefinition, LogGroup]:
    """Create the task definition `{environment}-{service}` and its log group, as children of `parent`."""
    logs = LogGroup(
        f"{name}-logs",
        LogGroupArgs(
            environment=environment,
            service=service,
            retention_days=setup.log_retention_days,
            kms_key_arn=setup.log_kms_key_arn,
        ),
        pulumi.ResourceOptions(parent=parent),
    )
    definition = TaskDefinition(
        f"{name}-task",
        TaskDefinitionArgs(
            environment=environment,
            service=service,
            log_group_name=logs.group_name,
            **passed(Container, setup),
            **passed(TaskSize, size),
        ),
        pulumi.ResourceOptions(parent=parent, depends_on=[logs]),
    )
    return definition, logs


def _ephemeral_storage(gib: int | None) -> aws.ecs.TaskDefinitionEphemeralStorageArgs | None:
    return None if gib is None else aws.ecs.TaskDefinitionEphemeralStorageArgs(size_in_gib=gib)


def _containers(args: TaskDefinitionArgs) -> list[dict[str, Any]]:
    """Return the containers in the form of ECS's API, the task's own container first."""
    own = _container(args)
    conditions = start_conditions(args.sidecars)
    if conditions:
        own["dependsOn"] = conditions
    containers = [own, *sidecar_containers(args.sidecars, own["logConfiguration"], args.stop_timeout_seconds)]
    return read_only(own, containers, args.writable_paths) if args.read_only_root else containers


def _container(args: TaskDefinitionArgs) -> dict[str, Any]:
    """Return the task's own container. Variables are in name order: another order would be another revision."""
    container: dict[str, Any] = {
        "name": args.service,
        "image": args.image,
        "essential": True,
        "environment": [{"name": key, "value": value} for key, value in sorted(args.env.items())],
        "secrets": [{"name": key, "valueFrom": value} for key, value in sorted(args.secrets.items())],
        # An init process reaps the children of ECS Exec's agent.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
        "linuxParameters": {"initProcessEnabled": True},
        "stopTimeout": args.stop_timeout_seconds,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": args.log_group_name,
                "awslogs-region": args.region,
                "awslogs-stream-prefix": args.service,
            },
        },
    }
    if args.entry_point is not None:
        container["entryPoint"] = list(args.entry_point)
    if args.command is not None:
        container["command"] = list(args.command)
    if args.port is not None:
        container["portMappings"] = [{"containerPort": args.port, "hostPort": args.port, "protocol": "tcp"}]
    if args.user is not None:
        container["user"] = args.user
    if args.mounts:
        container["mountPoints"] = task_volumes.mount_points(args.mounts)
    if args.ulimits:
        container["ulimits"] = task_volumes.ulimits(args.ulimits)
    return container
