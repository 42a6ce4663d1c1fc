"""A Django management command that runs by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.container import ContainerSetup, TaskSize
from pulumi_django.ecs.management_command import ManagementCommand, ManagementCommandArgs
from pulumi_django.ecs.roles import SCHEDULER, Statement, allow, role_arn
from pulumi_django.ecs.service import ServicePlacement
from pulumi_django.policies.trust import account_of
from pulumi_django.rules import naming
from pulumi_django.rules.partitions import of_region
from pulumi_django.rules.schedules import check_schedule, check_timezone


@dataclass(frozen=True, kw_only=True)
class ScheduledCommandArgs:
    command_name: str
    """Name of the schedule and the container, and last part of the family `{environment}-{command_name}`."""

    placement: ServicePlacement
    """Where it runs: the services' placement."""

    container: ContainerSetup
    """Image, environment, secrets, rights: the web service's."""

    size: TaskSize
    """Command, CPU, memory."""

    schedule: str
    """`cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`."""

    timezone: str = "UTC"
    """Time zone of the schedule, for example `Europe/Berlin`."""

    enabled: bool = True
    """Whether the clock counts; never while the environment sleeps."""

    retries: int = 0
    """Times that starting the task is tried again, 0 to 185; a command that fails is not run again."""

    after: Sequence[pulumi.Resource] = ()
    """What comes first, such as a service: its release has then prepared the database for this image."""

    def __post_init__(self) -> None:
        naming.check_service_name(self.command_name)
        check_schedule(self.schedule)
        check_timezone(self.timezone)
        if not self.size.command:
            raise ValueError(f"the scheduled command {self.command_name} has no command: give its words")
        # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
        if not 0 <= self.retries <= 185:
            raise ValueError(f"retries is {self.retries}: it is 0 to 185")


class ScheduledCommand(pulumi.ComponentResource):
    """A management command, and the schedule of EventBridge that starts it on demand capacity."""

    task_definition_arn: pulumi.Output[str]
    """ARN with the revision."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

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
        self.task_definition_arn, self.task_family = command.task_definition_arn, command.task_family
        self.log_group_name = command.log_group_name
        self._schedule(name, args, self._role(name, args))
        self.register_outputs(
            {
                "task_definition_arn": self.task_definition_arn,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
            }
        )

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
        """Running this task in this cluster, and handing it its two roles."""
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
            {**give, "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}},
        ]
