"""Deployments that move traffic (blue-green, linear, canary): where they stand, which DescribeServices does not tell.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pulumi_django.deploying.polling import Clock, patiently
from pulumi_django.deploying.rollout_state import Verdict, same_task_definition

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef

T = TypeVar("T")

_RUNNING = ("PENDING", "IN_PROGRESS")


@dataclass(frozen=True, kw_only=True)
class ServiceDeployment:
    """One deployment of a service."""

    arn: str
    task_definition: str
    status: str
    stage: str = ""
    """Where it stands in its life: `SCALE_UP`, `PRODUCTION_TRAFFIC_SHIFT`, `BAKE_TIME`, ..."""

    reason: str = ""
    """Why it ended as it did, in ECS's words."""


class ServiceDeployments:
    """The deployments of one service."""

    def __init__(self, ecs: ECSClient, clock: Clock, *, cluster: str, service: str) -> None:
        self._ecs, self._clock = ecs, clock
        self._cluster, self._service = cluster, service
        self._task_definitions: dict[str, str] = {}

    def newest(self) -> ServiceDeployment | None:
        """The one that began last; None before there is any."""
        listed = self._ask(
            lambda: self._ecs.list_service_deployments(cluster=self._cluster, service=self._service)
        ).get("serviceDeployments", [])
        if not listed:
            return None
        arn = max(listed, key=lambda brief: str(brief.get("createdAt", ""))).get("serviceDeploymentArn", "")
        described = self._ask(lambda: self._ecs.describe_service_deployments(serviceDeploymentArns=[arn]))
        deployment = next(iter(described.get("serviceDeployments", [])), {})
        return ServiceDeployment(
            arn=arn,
            task_definition=self._task_definition(deployment.get("targetServiceRevision", {}).get("arn", "")),
            status=deployment.get("status", ""),
            stage=deployment.get("lifecycleStage", ""),
            reason=deployment.get("statusReason", ""),
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
    """Whether the service's deployments move traffic."""
    return service.get("deploymentConfiguration", {}).get("strategy", "ROLLING") != "ROLLING"


def judge_shift(service: ServiceTypeDef, newest: ServiceDeployment | None, wanted: str) -> Verdict:
    """The verdict on the deployment of task definition `wanted`, by the service's newest one."""
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
