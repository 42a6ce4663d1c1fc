"""Which environments nobody used: what the load balancer counted in front of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.config.assignments import Assignment
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.lifecycle import UpdateEnv
from orchestrator.model import Kind, StackStatus
from orchestrator.operations import application
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws import target as targets
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.target import Target

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Deployment

# CloudWatch keeps points of five minutes for 63 days.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
PERIOD_SECONDS = 300
LONGEST = timedelta(days=63)
SHORTEST = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Idle:
    """An environment without any request."""

    name: str
    quiet_for: timedelta
    """How long it was looked at: that long at least nobody came."""


@dataclass(frozen=True, kw_only=True)
class Busy:
    """An environment that stays awake."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Idleness:
    """Who may sleep, and who may not and why."""

    idle: tuple[Idle, ...]
    busy: tuple[Busy, ...]
    update: UpdateEnv | None
    """Puts the idle ones to sleep; None when there are none."""


def find(
    context: Context,
    after: timedelta,
    now: datetime,
    clients_for: Callable[[Target], Clients] = for_target,
) -> Idleness:
    """Look at every environment that is awake: idle is who had no request for `after`. Nothing is touched.

    Production, pinned ones and those that were deployed within that time stay awake, and so does one that AWS cannot tell
    about. Health checks are no requests. Raises UsageError for a time that CloudWatch cannot tell.
    """
    if not SHORTEST <= after <= LONGEST:
        raise UsageError(
            f"nobody can be found idle after {after}: it is {SHORTEST.seconds // 60} minutes to {LONGEST.days} days"
        )
    idle: list[Idle] = []
    busy: list[Busy] = []
    assignments: dict[str, Assignment] = {}
    for environment in context.registry().environments.values():
        try:
            app = application.of(context, environment)
            if app.asleep:
                continue
            why = _stays(environment, after, now) or _used(context, environment, after, now, clients_for)
        except OrchestratorError as error:
            why = error.message
        else:
            if why is None:
                idle.append(Idle(name=environment.name, quiet_for=after))
                assignments[app.config.project.name] = app.assignment("asleep", True)
        if why is not None:
            busy.append(Busy(name=environment.name, why=why))
    update = (
        UpdateEnv(names=tuple(item.name for item in idle), assignments=tuple(assignments.values())) if idle else None
    )
    return Idleness(idle=tuple(idle), busy=tuple(busy), update=update)


def _stays(environment: Deployment, after: timedelta, now: datetime) -> str | None:
    if environment.record.kind is Kind.PROD:
        return "it is production"
    if environment.record.pinned:
        return "it is pinned"
    if environment.status is not StackStatus.READY:
        return f"it is {environment.status.value}"
    if environment.last_update is None or now - environment.last_update < after:
        return "it was deployed since"
    return None


def _used(
    context: Context,
    environment: Deployment,
    after: timedelta,
    now: datetime,
    clients_for: Callable[[Target], Clients],
) -> str | None:
    """Why it is not idle, as far as AWS tells."""
    target = targets.find(context, environment.name)
    if target.notice is not None:
        return "in the simulation nobody sends requests"
    count = requests(target, clients_for(target), now - after, now)
    if count is None:
        return "the load balancer does not count for it"
    return f"{count} requests" if count else None


def requests(target: Target, clients: Clients, since: datetime, until: datetime) -> int | None:
    """How many requests the load balancer passed to an environment; None when it stands behind none."""
    balancer = target.base_outputs.get("alb_arn_suffix")
    with explained(target.aws):
        described = services.describe(clients, target, target.services)
        arns = {
            item["targetGroupArn"]
            for service in described.values()
            for item in service.get("loadBalancers", [])
            if "targetGroupArn" in item
        }
        if not arns or not balancer:
            return None
        queries = [
            {
                "Id": f"requests{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/ApplicationELB",
                        "MetricName": "RequestCount",
                        "Dimensions": [
                            {"Name": "LoadBalancer", "Value": str(balancer)},
                            {"Name": "TargetGroup", "Value": arn.rsplit(":", 1)[-1]},
                        ],
                    },
                    "Period": PERIOD_SECONDS,
                    "Stat": "Sum",
                },
            }
            for number, arn in enumerate(sorted(arns))
        ]
        pages = (
            clients.client("cloudwatch")
            .get_paginator("get_metric_data")
            .paginate(MetricDataQueries=queries, StartTime=since, EndTime=until)
        )
        return round(sum(value for page in pages for result in page["MetricDataResults"] for value in result["Values"]))
