"""What DescribeServices says about a rollout: the verdict on the deployment that was asked for. Pure."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

# The circuit breaker fails a deployment after half as many failed tasks as are wanted, 3 to 200. It does not count
# tasks that ran for a moment and then exited, so a worker without health check may crash for ever unnoticed:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
BREAKER_MIN_FAILURES = 3
BREAKER_MAX_FAILURES = 200

CRASHES_AFTER_BREAKER = 2
"""Crashes beyond the breaker's threshold after which we judge ourselves; until then the word is ECS's."""


class Verdict(StrEnum):
    """Where a rollout stands."""

    WAITING = "waiting"
    STEADY = "steady"
    """All wanted tasks run on the task definition that was asked for."""

    FAILED = "failed"
    """ECS has given our deployment up and has not returned to another one (yet)."""

    ROLLED_BACK = "rolled back"
    SUPERSEDED = "superseded"
    """Somebody deployed another task definition meanwhile."""

    DELETED = "deleted"


def judge(service: ServiceTypeDef, wanted: str, *, previous: str | None = None, ours: str | None = None) -> Verdict:
    """The verdict on the deployment of task definition `wanted`.

    `previous` is the task definition before the update, `ours` the id of the deployment that was watched so far.
    """
    if service.get("status") != "ACTIVE":
        return Verdict.DELETED
    now = primary(service)
    if now is None:
        return Verdict.WAITING
    definition = now.get("taskDefinition", "")
    if not same_task_definition(definition, wanted) or (now.get("id") != ours and ours and _returns(now)):
        back = definition == previous or _returns(now) or failed(service, wanted)
        return Verdict.ROLLED_BACK if back else Verdict.SUPERSEDED
    if now.get("rolloutState") == "FAILED":
        return Verdict.FAILED
    desired = now.get("desiredCount", 0)
    if desired == 0:
        return Verdict.STEADY
    # A changed count alone starts no deployment: the state stays COMPLETED while tasks are still missing.
    complete = now.get("rolloutState", "COMPLETED") == "COMPLETED" and now.get("pendingCount", 0) == 0
    return Verdict.STEADY if complete and now.get("runningCount", 0) >= desired else Verdict.WAITING


def primary(service: ServiceTypeDef) -> DeploymentTypeDef | None:
    """The deployment that ECS works towards."""
    return next((d for d in service.get("deployments", []) if d.get("status") == "PRIMARY"), None)


def failed(service: ServiceTypeDef, wanted: str) -> bool:
    """Whether a deployment of this task definition is listed as failed."""
    return any(
        d.get("rolloutState") == "FAILED" and same_task_definition(d.get("taskDefinition", ""), wanted)
        for d in service.get("deployments", [])
    )


def serving(service: ServiceTypeDef, wanted: str) -> str | None:
    """The other task definition that tasks of this service still run on, or that it returns to; None when there is none."""
    others = [
        d for d in service.get("deployments", []) if not same_task_definition(d.get("taskDefinition", ""), wanted)
    ]
    alive = [d for d in others if d.get("status") == "PRIMARY"] + [d for d in others if d.get("runningCount", 0) > 0]
    return alive[0].get("taskDefinition") if alive else None


def crash_limit(desired: int) -> int:
    """Crashed tasks of one deployment after which it is given up although ECS has not."""
    breaker = min(BREAKER_MAX_FAILURES, max(BREAKER_MIN_FAILURES, math.ceil(desired / 2)))
    return breaker + CRASHES_AFTER_BREAKER


def same_task_definition(actual: str, wanted: str) -> bool:
    """Whether an ARN is the task definition meant by an ARN, `family:revision` or `family`."""
    if wanted.startswith("arn:"):
        return actual == wanted
    revision = short(actual)
    return revision == wanted or revision.rsplit(":", 1)[0] == wanted


def short(arn: str) -> str:
    """The end of an ARN: `family:revision` of a task definition, the name of a service or cluster."""
    return arn.rsplit("/", 1)[-1]


def _returns(deployment: DeploymentTypeDef) -> bool:
    reason = deployment.get("rolloutStateReason", "").lower()
    return "rolling back" in reason or "rollback" in reason
