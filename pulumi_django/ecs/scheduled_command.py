"""A Django management command that runs on a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.management_command import (
    CommandSettings,
    ManagementCommand,
    ManagementCommandArgs,
    TaskComponent,
)
from pulumi_django.ecs.roles import ECS_TASKS, SCHEDULER, Statement, allow, role_arn
from pulumi_django.ecs.service import ServicePlacement
from pulumi_django.policies.trust import account_of
from pulumi_django.rules import naming
from pulumi_django.rules.partitions import of_region
from pulumi_django.rules.schedules import check_schedule, check_timezone


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """Schedule and start of a task."""

    schedule: str
    """`cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`."""

    timezone: str = "UTC"
    """Time zone of the schedule, for example `Europe/Berlin`."""

    enabled: bool = True
    """Whether the schedule starts tasks; it starts none while the environment sleeps."""

    retries: int = 0
    """Number of times that starting the task is tried again, 0 to 185. A command that fails is not run again.
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""

    def __post_init__(self) -> None:
        check_schedule(self.schedule)
        check_timezone(self.timezone)
        if not 0 <= self.retries <= 185:
            raise ValueError(f"retries is {self.retries}: it must be 0 to 185")


@dataclass(frozen=True, kw_only=True)
class ScheduledCommandArgs(ScheduleSettings, CommandSettings):
    command_name: str
    """Name of the schedule and the container, and last part of the family `{environment}-{command_name}`."""

    placement: ServicePlacement
    """Cluster, subnets and hooks of the environment's services."""

    after: Sequence[pulumi.Resource] = ()
    """Resources that exist before the schedule, such as the web service: its release prepares the database for this image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        naming.check_service_name(self.command_name)
        if not self.size.command:
            raise ValueError(f"the scheduled command {self.command_name} has no command: give its words")


class ScheduledCommand(TaskComponent):
    """A management command, and the schedule of EventBridge that starts it on demand capacity."""

    def __init__(self, name: str, args: ScheduledCommandArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:ScheduledCommand", name, None, opts)
        environment = args.placement.environment
        command = ManagementCommand(
            name,
            ManagementCommandArgs(
                environment=environment, command_name=args.command_name, container=args.container, size=args.size
            ),
            pulumi.ResourceOptions(parent=self),
        )
        outputs = self._export(command.task_definition_arn, command.task_family, command.log_group_name)
        self._schedule(name, args, self._role(name, args))
        self.register_outputs(outputs)

    def _role(self, name: str, args: ScheduledCommandArgs) -> pulumi.Input[str]:
        if args.placement.platform_role_arn is not None:
            return args.placement.platform_role_arn
        account = account_of(args.placement.cluster_arn)
        return role_arn(self, f"{name}-clock", self._statements(args), SCHEDULER, account)

    def _schedule(self, name: str, args: ScheduledCommandArgs, role: pulumi.Input[str]) -> None:
        placement = args.placement
        aws.scheduler.Schedule(
            f"{name}-schedule",
            name=naming.service_name(placement.environment, args.command_name),
            schedule_expression=args.schedule,
            schedule_expression_timezone=args.timezone,
            state="ENABLED" if args.enabled and not placement.asleep else "DISABLED",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=placement.cluster_arn,
                role_arn=role,
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(maximum_retry_attempts=args.retries),
                ecs_parameters=aws.scheduler.ScheduleTargetEcsParametersArgs(
                    task_definition_arn=self.task_definition_arn,
                    task_count=1,
                    launch_type="FARGATE",
                    enable_execute_command=placement.exec_enabled,
                    propagate_tags="TASK_DEFINITION",
                    network_configuration=aws.scheduler.ScheduleTargetEcsParametersNetworkConfigurationArgs(
                        subnets=placement.subnet_ids,
                        security_groups=list(placement.security_group_ids),
                        assign_public_ip=False,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*placement.depends_on, *args.after]),
        )

    def _statements(self, args: ScheduledCommandArgs) -> list[Statement]:
        """Return the rights to run this task in this cluster, and to pass its two roles."""
        placement, container = args.placement, args.container
        roles = [role for role in (container.execution_role_arn, container.task_role_arn) if role is not None]
        run = allow("Run", ["ecs:RunTask"], [self.task_definition_arn])
        tag = allow(
            "Tag",
            ["ecs:TagResource"],
            [f"arn:{of_region(container.region)}:ecs:{container.region}:*:task/{placement.cluster_name or '*'}/*"],
        )
        give = allow("Roles", ["iam:PassRole"], roles)
        return [
            {**run, "Condition": {"ArnEquals": {"ecs:cluster": placement.cluster_arn}}},
            {**tag, "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}}},
            {**give, "Condition": {"StringEquals": {"iam:PassedToService": ECS_TASKS}}},
        ]
