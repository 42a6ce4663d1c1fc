"""The state of a rollout, from the deployments that ECS reports for a service."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from pulumi_django.deploying.polling import Clock, patiently

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceDeploymentTypeDef, ServiceTypeDef

# The circuit breaker fails a deployment when half the desired number of tasks failed, at least 3 and at most 200. It does
# not count tasks that ran for a moment and then exited, so a worker without a health check can crash for ever:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
BREAKER_MIN_FAILURES = 3
BREAKER_MAX_FAILURES = 200

CRASHES_AFTER_BREAKER = 2
"""Crashes above the breaker's threshold after which the rollout fails without a decision of ECS."""


class Verdict(StrEnum):
    """The state of a rollout."""

    WAITING = "waiting"
    STEADY = "steady"
    """All desired tasks run on the requested task definition."""

    FAILED = "failed"
    """ECS has given up the deployment and has not returned to another one."""

    ROLLED_BACK = "rolled back"
    SUPERSEDED = "superseded"
    """Another deployment with another task definition started meanwhile."""

    DELETED = "deleted"


def judge(service: ServiceTypeDef, wanted: str, *, previous: str | None = None, ours: str | None = None) -> Verdict:
    """Return the verdict on the deployment of task definition `wanted`.

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
    """Return the deployment that ECS runs or starts."""
    return next((d for d in service.get("deployments", []) if d.get("status") == "PRIMARY"), None)


def failed(service: ServiceTypeDef, wanted: str) -> bool:
    """Return whether a deployment of this task definition is listed as failed."""
    return any(
        d.get("rolloutState") == "FAILED" and same_task_definition(d.get("taskDefinition", ""), wanted)
        for d in service.get("deployments", [])
    )


def serving(service: ServiceTypeDef, wanted: str) -> str | None:
    """Return the other task definition that tasks of this service still run, or that it returns to; None without
    one."""
    others = [
        d for d in service.get("deployments", []) if not same_task_definition(d.get("taskDefinition", ""), wanted)
    ]
    alive = [d for d in others if d.get("status") == "PRIMARY"] + [d for d in others if d.get("runningCount", 0) > 0]
    return alive[0].get("taskDefinition") if alive else None


def before_update(service: ServiceTypeDef) -> str | None:
    """Return the task definition to which a service returns when its next update fails: that of its finished deployment, or
    the one that a deployment on its way replaces. None without either."""
    now = primary(service)
    if now is None:
        return None
    if now.get("rolloutState", "COMPLETED") == "COMPLETED":
        return now.get("taskDefinition")
    return serving(service, now.get("taskDefinition", ""))


def crash_limit(desired: int) -> int:
    """Return the number of crashed tasks after which a deployment counts as failed although ECS continues."""
    breaker = min(BREAKER_MAX_FAILURES, max(BREAKER_MIN_FAILURES, math.ceil(desired / 2)))
    return breaker + CRASHES_AFTER_BREAKER


def same_task_definition(actual: str, wanted: str) -> bool:
    """Return whether the ARN `actual` is the task definition `wanted`: an ARN, `family:revision` or `family`."""
    if wanted.startswith("arn:"):
        return actual == wanted
    revision = short(actual)
    return revision == wanted or revision.rsplit(":", 1)[0] == wanted


def short(arn: str) -> str:
    """Return the end of an ARN: `family:revision` of a task definition, the name of a service or cluster, the id of a
    task."""
    return arn.rsplit("/", 1)[-1]


def _returns(deployment: DeploymentTypeDef) -> bool:
    reason = deployment.get("rolloutStateReason", "").lower()
    return "rolling back" in reason or "rollback" in reason


T = TypeVar("T")

_RUNNING = ("PENDING", "IN_PROGRESS")


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A point at which a deployment waits for an approval."""

    hook_id: str
    expires: datetime | None
    """Time at which ECS decides."""

    then: str
    """Decision of ECS at that time: `rollback` or `continue`."""

    @property
    def text(self) -> str:
        """The clause for users."""
        until = f" until {self.expires:%Y-%m-%d %H:%M %Z}".rstrip() if self.expires else ""
        after = "rolls back" if self.then == "rollback" else "goes on"
        return f"waits for approval{until}, then ECS {after}"


def pause_of(deployment: ServiceDeploymentTypeDef) -> Pause | None:
    """Return the point at which a described deployment waits now; None when it does not."""
    for hook in deployment.get("lifecycleHookDetails", []):
        if hook.get("targetType") == "PAUSE" and hook.get("status") == "AWAITING_ACTION":
            action = hook.get("timeoutAction", "ROLLBACK").lower()
            return Pause(hook_id=hook.get("hookId", ""), expires=hook.get("expiresAt"), then=action)
    return None


@dataclass(frozen=True, kw_only=True)
class ServiceDeployment:
    """One deployment of a service."""

    arn: str
    task_definition: str
    status: str
    stage: str = ""
    """Lifecycle stage: `SCALE_UP`, `PRODUCTION_TRAFFIC_SHIFT`, `BAKE_TIME`, ..."""

    reason: str = ""
    """ECS's reason for the end."""

    pause: Pause | None = None
    """The approval for which it waits."""


class ServiceDeployments:
    """The deployments of one service, for strategies that move traffic: blue-green, linear, canary.

    DescribeServices does not report their progress.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
    """

    def __init__(self, ecs: ECSClient, clock: Clock, *, cluster: str, service: str) -> None:
        self._ecs, self._clock = ecs, clock
        self._cluster, self._service = cluster, service
        self._task_definitions: dict[str, str] = {}

    def described(self) -> ServiceDeploymentTypeDef | None:
        """Return the deployment that started last, as ECS describes it; None without one."""
        listed = self._ask(
            lambda: self._ecs.list_service_deployments(cluster=self._cluster, service=self._service)
        ).get("serviceDeployments", [])
        if not listed:
            return None
        arn = max(listed, key=lambda brief: str(brief.get("createdAt", ""))).get("serviceDeploymentArn", "")
        found = self._ask(lambda: self._ecs.describe_service_deployments(serviceDeploymentArns=[arn]))
        return next(iter(found.get("serviceDeployments", [])), {"serviceDeploymentArn": arn})

    def newest(self) -> ServiceDeployment | None:
        """Return the deployment that started last; None without one."""
        deployment = self.described()
        if deployment is None:
            return None
        return ServiceDeployment(
            arn=deployment.get("serviceDeploymentArn", ""),
            task_definition=self._task_definition(deployment.get("targetServiceRevision", {}).get("arn", "")),
            status=deployment.get("status", ""),
            stage=deployment.get("lifecycleStage", ""),
            reason=deployment.get("statusReason", ""),
            pause=pause_of(deployment),
        )

    def _task_definition(self, revision: str) -> str:
        if revision not in self._task_definitions:
            answer = self._ask(lambda: self._ecs.describe_service_revisions(serviceRevisionArns=[revision]))
            found = next(iter(answer.get("serviceRevisions", [])), {})
            self._task_definitions[revision] = found.get("taskDefinition", "")
        return self._task_definitions[revision]

    def _ask(self, call: Callable[[], T]) -> T:
        return patiently(call, self._clock)


def shifts_traffic(service: ServiceTypeDef) -> bool:
    """Return whether the service's deployments move traffic."""
    return service.get("deploymentConfiguration", {}).get("strategy", "ROLLING") != "ROLLING"


def judge_shift(service: ServiceTypeDef, newest: ServiceDeployment | None, wanted: str) -> Verdict:
    """Return the verdict on the deployment of task definition `wanted`, from the service's newest deployment."""
    if service.get("status") != "ACTIVE":
        return Verdict.DELETED
    if newest is None:
        return Verdict.WAITING
    if not same_task_definition(newest.task_definition, wanted):
        return Verdict.SUPERSEDED
    if newest.status in _RUNNING:
        return Verdict.WAITING
    if newest.status.startswith("ROLLBACK") and newest.status != "ROLLBACK_FAILED":
        return Verdict.ROLLED_BACK
    if newest.status != "SUCCESSFUL":
        return Verdict.FAILED
    # A changed count alone starts no deployment.
    there = service.get("runningCount", 0) >= service.get("desiredCount", 0) and service.get("pendingCount", 0) == 0
    return Verdict.STEADY if there else Verdict.WAITING
