"""A Django management command that is run as a task of its own, never kept running."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.container import ContainerSetup, TaskSize, logged_task


@dataclass(frozen=True, kw_only=True)
class ManagementCommandArgs:
    environment: str
    """Name of the environment."""

    command_name: str
    """Name of the container, and last part of the family `{environment}-{command_name}`."""

    container: ContainerSetup
    """Image, environment, rights: the web service's."""

    size: TaskSize
    """Command, CPU, memory."""


class ManagementCommand(pulumi.ComponentResource):
    """A task definition and its log group."""

    task_definition_arn: pulumi.Output[str]
    """ARN with the revision."""

    task_family: str
    """Family to run: `aws ecs run-task --task-definition <family>` takes the newest revision."""

    log_group_name: str
    """Its log group."""

    def __init__(self, name: str, args: ManagementCommandArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:ManagementCommand", name, None, opts)
        definition, logs = logged_task(name, args.environment, args.command_name, args.container, args.size, self)
        self.task_definition_arn, self.task_family = definition.arn, definition.family
        self.log_group_name = logs.group_name
        self.register_outputs(
            {
                "task_definition_arn": self.task_definition_arn,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
            }
        )
