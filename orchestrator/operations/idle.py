"""Idle environments: those without a request at the load balancer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.config.assignments import Assignment
from orchestrator.config.durations import format_duration
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.lifecycle import UpdateEnv
from orchestrator.model import Kind, StackStatus
from orchestrator.operations import app_stack
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws import targets
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.targets import Target

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
    """An environment without a request."""

    name: str
    quiet_for: timedelta
    """The observed time; there was no request in it."""


@dataclass(frozen=True, kw_only=True)
class Busy:
    """An environment that stays awake."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Idleness:
    """Idle and busy environments."""

    idle: tuple[Idle, ...]
    busy: tuple[Busy, ...]
    update: UpdateEnv | None
    """The update that puts the idle environments to sleep; None when there are none."""


def find(
    context: Context,
    after: timedelta,
    now: datetime,
    clients_for: Callable[[Target], Clients] = for_target,
) -> Idleness:
    """Find the environments that are awake and had no request for `after`. Nothing is changed.

    Production, pinned environments, environments that were deployed within that time, and environments without a metric
    count as busy. Health checks are not requests. Raises UsageError for a time outside CloudWatch's range.
    """
    if not SHORTEST <= after <= LONGEST:
        raise UsageError(
            f"idle environments cannot be found for {format_duration(after)}: CloudWatch counts requests for "
            f"{format_duration(SHORTEST)} to {format_duration(LONGEST)}",
            "use a time in that range, for example 3d",
        )
    idle: list[Idle] = []
    busy: list[Busy] = []
    assignments: dict[str, Assignment] = {}
    for environment in context.registry().environments.values():
        try:
            app = app_stack.of(context, environment)
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
        return "it was deployed within this time"
    return None


def _used(
    context: Context,
    environment: Deployment,
    after: timedelta,
    now: datetime,
    clients_for: Callable[[Target], Clients],
) -> str | None:
    """Return why it is not idle, by its requests; None when it is idle."""
    target = targets.find(context, environment.name)
    clients = clients_for(target)
    if clients.simulated:
        return "the simulation has no requests"
    count = requests(target, clients, now - after, now)
    if count is None:
        return "the load balancer has no count of its requests"
    return f"{count} requests" if count else None


def requests(target: Target, clients: Clients, since: datetime, until: datetime) -> int | None:
    """Return the number of requests that the load balancer passed to an environment; None without a load balancer."""
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
