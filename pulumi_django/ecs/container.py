"""The setup that the containers of one image share, and the task that a service or command makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.task import Container, LogGroup, LogGroupArgs, TaskDefinition, TaskDefinitionArgs, TaskSize
from pulumi_django.rules.fields import passed

NOBODY = "65534:65534"
"""User and group without any rights, in every image of Alpine and Debian."""


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How CloudWatch keeps log lines."""

    log_retention_days: int = 3
    """Days for which CloudWatch keeps log lines: 1, 3, 5, 7, 14, 30, ..."""

    log_kms_key_arn: pulumi.Input[str] | None = None
    """KMS key of the log lines. None uses CloudWatch's own encryption."""


@dataclass(frozen=True, kw_only=True)
class ContainerSetup(Container, LogSettings):
    """Image, variables, rights and log of a container."""


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
