"""A Django management command that runs once, as a task of its own."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.task import ContainerSetup, TaskSize, logged_task


@dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """Container and size of a task."""

    container: ContainerSetup
    """Image, variables, rights and log of the container: the web service's."""

    size: TaskSize
    """Command, CPU and memory of the task."""


@dataclass(frozen=True, kw_only=True)
class ManagementCommandArgs(CommandSettings):
    environment: str
    """Name of the environment."""

    command_name: str
    """Name of the container, and last part of the family `{environment}-{command_name}`."""


class TaskComponent(pulumi.ComponentResource):
    """A task definition that is run, not kept running, and its log group."""

    task_definition_arn: pulumi.Output[str]
    """ARN of the task definition, with its revision."""

    task_family: str
    """Family of the task definition: `aws ecs run-task --task-definition <family>` takes the newest revision."""

    log_group_name: str
    """Name of its log group."""

    def _export(self, arn: pulumi.Output[str], family: str, log_group: str) -> dict[str, object]:
        """Set the three outputs, and return them for `register_outputs`."""
        self.task_definition_arn, self.task_family, self.log_group_name = arn, family, log_group
        return {"task_definition_arn": arn, "task_family": family, "log_group_name": log_group}


class ManagementCommand(TaskComponent):
    """A task definition and its log group."""

    def __init__(self, name: str, args: ManagementCommandArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:ManagementCommand", name, None, opts)
        definition, logs = logged_task(name, args.environment, args.command_name, args.container, args.size, self)
        self.register_outputs(self._export(definition.arn, definition.family, logs.group_name))
