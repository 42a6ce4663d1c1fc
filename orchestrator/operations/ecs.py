"""Services as ECS shows them: what every operation asks of it. Errors become the user's in `aws_errors`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.errors import OperationFailedError
from orchestrator.operations.clients import Clients
from orchestrator.operations.target import Service, Target

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef, TaskTypeDef

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
SERVICES_PER_CALL = 10
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
TASKS_PER_CALL = 100


def describe(clients: Clients, target: Target, services: Sequence[Service]) -> dict[str, ServiceTypeDef]:
    """What ECS says of the services, by their names; without those that it does not know or has deleted."""
    ecs: ECSClient = clients.client("ecs")
    found: dict[str, ServiceTypeDef] = {}
    names = [service.name for service in services]
    try:
        for first in range(0, len(names), SERVICES_PER_CALL):
            chunk = names[first : first + SERVICES_PER_CALL]
            answer = ecs.describe_services(cluster=target.outputs.cluster_name, services=chunk)
            found |= {s.get("serviceName", ""): s for s in answer["services"] if s.get("status") == "ACTIVE"}
    except ecs.exceptions.ClusterNotFoundException as error:
        raise OperationFailedError(
            f"the cluster {target.outputs.cluster_name} of {target.environment} does not exist: it was deleted outside of Pulumi",
            f"run `orchestrator update-env {target.environment}`, or `pulumi up --refresh` in its project",
        ) from error
    return found


def the_service(clients: Clients, target: Target, service: Service) -> ServiceTypeDef:
    """What ECS says of one service. Raises OperationFailedError when it is not there."""
    found = describe(clients, target, [service]).get(service.name)
    if found is None:
        raise OperationFailedError(
            f"the service {service.name} does not exist in {target.outputs.cluster_name}: it was deleted outside of Pulumi",
            f"run `orchestrator update-env {target.environment}`, or `pulumi up --refresh` in its project",
        )
    return found


def tasks(clients: Clients, target: Target, service: Service | None, *, stopped: bool = False) -> list[TaskTypeDef]:
    """The running, or lately stopped, tasks of a service, or of the whole cluster; the newest first.

    ECS remembers a stopped task for about an hour.
    """
    ecs: ECSClient = clients.client("ecs")
    cluster, status = target.outputs.cluster_name, "STOPPED" if stopped else "RUNNING"
    listed = ecs.get_paginator("list_tasks")
    if service is None:
        pages = listed.paginate(cluster=cluster, desiredStatus=status)
    else:
        pages = listed.paginate(cluster=cluster, serviceName=service.name, desiredStatus=status)
    arns = [arn for page in pages for arn in page["taskArns"]]
    found: list[TaskTypeDef] = []
    for first in range(0, len(arns), TASKS_PER_CALL):
        found += ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + TASKS_PER_CALL])["tasks"]
    return sorted(found, key=_newest, reverse=True)


def _newest(task: TaskTypeDef) -> float:
    moment = task.get("stoppedAt") or task.get("startedAt") or task.get("createdAt")
    return moment.timestamp() if moment else 0.0
