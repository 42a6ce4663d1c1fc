"""Office hours of a database server: EventBridge Scheduler stops and starts it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.roles import SCHEDULER, Statement, allow, role_arn
from pulumi_django.rules.office_hours import Moment, OfficeHours
from pulumi_django.rules.partitions import of_region

START_EARLIER_MINUTES = 20
"""The server starts this long before the services: RDS needs a few minutes, rarely more than ten."""

STOP_LATER_MINUTES = 10
"""The server stops this long after the services: a worker may finish its tasks."""


@dataclass(frozen=True, kw_only=True)
class DatabaseHoursArgs:
    base: str
    """Name of the base, with which the names of the schedules begin."""

    region: str
    """AWS region of the server."""

    account_id: pulumi.Input[str]
    """AWS account of the server."""

    hours: OfficeHours
    """Times of the week in which environments need the server."""

    instance_id: pulumi.Input[str] | None = None
    """Id of the RDS instance; None for Aurora."""

    cluster_id: pulumi.Input[str] | None = None
    """Id of the Aurora cluster; None for RDS."""

    def __post_init__(self) -> None:
        if (self.instance_id is None) == (self.cluster_id is None):
            raise ValueError("instance_id and cluster_id: a server is one of the two")


class DatabaseHours(pulumi.ComponentResource):
    """Schedules that start the server before the office opens and stop it after it has closed. AWS refuses the call for a
    server that is in that state already, so it stays as it is."""

    def __init__(self, name: str, args: DatabaseHoursArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:base:DatabaseHours", name, None, opts)
        self._name, self._args = name, args
        self._role = role_arn(self, name, [self._statement()], SCHEDULER, args.account_id)
        for moment in args.hours.opens(START_EARLIER_MINUTES):
            self._schedule("start", moment)
        for moment in args.hours.closes(STOP_LATER_MINUTES):
            self._schedule("stop", moment)
        self.register_outputs({})

    @property
    def _what(self) -> str:
        return "Instance" if self._args.instance_id is not None else "Cluster"

    @property
    def _server(self) -> pulumi.Input[str]:
        server = self._args.instance_id if self._args.instance_id is not None else self._args.cluster_id
        assert server is not None  # the arguments check that one of the two is given
        return server

    def _statement(self) -> Statement:
        args = self._args
        kind = "db" if args.instance_id is not None else "cluster"
        prefix = f"arn:{of_region(args.region)}:rds:{args.region}:"
        server = pulumi.Output.concat(prefix, args.account_id, f":{kind}:", self._server)
        return allow("Server", [f"rds:{verb}DB{self._what}" for verb in ("Start", "Stop")], [server])

    def _schedule(self, verb: str, moment: Moment) -> None:
        args, action = self._args, f"{verb}DB{self._what}"
        aws.scheduler.Schedule(
            f"{self._name}-{verb}-{moment.clock}",
            name=f"{args.base}-database-{verb}-{moment.clock}",
            schedule_expression=moment.cron,
            schedule_expression_timezone=args.hours.timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
                arn=f"arn:{of_region(args.region)}:scheduler:::aws-sdk:rds:{action}",
                role_arn=self._role,
                input=pulumi.Output.from_input(self._server).apply(
                    lambda server: json.dumps({f"Db{self._what}Identifier": server})
                ),
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_retry_attempts=3, maximum_event_age_in_seconds=900
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
