"""Services, tasks and their health in ECS. `errors.explained` translates the errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OperationFailedError
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Service, Target

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ListTasksResponseTypeDef, ServiceTypeDef, TaskTypeDef
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
SERVICES_PER_CALL = 10
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
TASKS_PER_CALL = 100


def describe(clients: Clients, target: Target, services: Sequence[Service]) -> dict[str, ServiceTypeDef]:
    """Return the services by name; without unknown and deleted ones."""
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
            f"the cluster {target.outputs.cluster_name} of {target.environment} does not exist: it was deleted outside Pulumi",
            f"run `orchestrator update-env {target.environment}`, or `pulumi up --refresh` in its project",
        ) from error
    return found


def the_service(clients: Clients, target: Target, service: Service) -> ServiceTypeDef:
    """Return one service. Raises OperationFailedError when it does not exist."""
    found = describe(clients, target, [service]).get(service.name)
    if found is None:
        raise OperationFailedError(
            f"the service {service.name} does not exist in {target.outputs.cluster_name}: it was deleted outside Pulumi",
            f"run `orchestrator update-env {target.environment}`, or `pulumi up --refresh` in its project",
        )
    return found


def tasks(
    clients: Clients,
    target: Target,
    service: Service | None,
    *,
    stopped: bool = False,
    deployment: str | None = None,
) -> list[TaskTypeDef]:
    """Return the running or stopped tasks of a service, a deployment or the cluster, the newest first.

    ECS remembers a stopped task for about an hour.
    """
    ecs: ECSClient = clients.client("ecs")
    cluster = target.outputs.cluster_name
    which: dict[str, str] = {"desiredStatus": "STOPPED" if stopped else "RUNNING"}
    if deployment is not None:
        which["startedBy"] = deployment
    elif service is not None:
        which["serviceName"] = service.name
    listed: Any = ecs.get_paginator("list_tasks")
    pages: Iterable[ListTasksResponseTypeDef] = listed.paginate(cluster=cluster, **which)
    arns = [arn for page in pages for arn in page["taskArns"]]
    found: list[TaskTypeDef] = []
    for first in range(0, len(arns), TASKS_PER_CALL):
        found += ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + TASKS_PER_CALL])["tasks"]
    return sorted(found, key=_newest, reverse=True)


def target_group(service: ServiceTypeDef) -> str | None:
    """Return the ARN of the service's target group; None without a load balancer."""
    return next((group for it in service.get("loadBalancers", []) if (group := it.get("targetGroupArn"))), None)


def healthy_targets(clients: Clients, group: str) -> set[str] | None:
    """Return the addresses of healthy targets; None when AWS does not allow the call."""
    from botocore.exceptions import ClientError

    balancer: ElasticLoadBalancingv2Client = clients.client("elbv2")
    try:
        answer = balancer.describe_target_health(TargetGroupArn=group)
    except ClientError:  # no permission, or the group is gone
        return None
    described = answer.get("TargetHealthDescriptions", [])
    healthy = [target for target in described if target.get("TargetHealth", {}).get("State") == "healthy"]
    return {target.get("Target", {"Id": ""})["Id"] for target in healthy}


def healthy_tasks(found: Sequence[TaskTypeDef]) -> int | None:
    """Return how many tasks are healthy by their containers' health checks; None without a health check."""
    checked = [task for task in found if task.get("healthStatus") in ("HEALTHY", "UNHEALTHY")]
    return sum(task.get("healthStatus") == "HEALTHY" for task in checked) if checked else None


def healthy_of(clients: Clients, target: Target, service: ServiceTypeDef, deployment: str) -> int | None:
    """Return how many tasks of a deployment are healthy; None without a health check."""
    own = tasks(clients, target, None, deployment=deployment)
    group = target_group(service)
    if group is None:
        return healthy_tasks(own)
    healthy = healthy_targets(clients, group)
    return None if healthy is None else sum(_address(task) in healthy for task in own)


def _address(task: TaskTypeDef) -> str | None:
    details = [detail for attachment in task.get("attachments", []) for detail in attachment.get("details", [])]
    return next((d.get("value") for d in details if d.get("name") == "privateIPv4Address"), None)


def _newest(task: TaskTypeDef) -> float:
    moment = task.get("stoppedAt") or task.get("startedAt") or task.get("createdAt")
    return moment.timestamp() if moment else 0.0
