"""Deployments of services that are under way in ECS, and ECS's own rollback of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.operations.aws import ecs
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Note, Observer
from pulumi_django.deploying.rollout_state import primary

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef

UNDER_WAY = "IN_PROGRESS"


def roll_back(target: Target, clients: Clients, observer: Observer) -> tuple[str, ...]:
    """Ask ECS to roll back every deployment that is under way; return the short names of those services.

    A service whose deployment cannot be stopped is reported: the update that follows replaces its deployment.
    """
    if clients.simulated:
        return ()
    from botocore.exceptions import ClientError

    client: ECSClient = clients.client("ecs")
    found = ecs.describe(clients, target, target.services)
    stopped: list[str] = []
    for service in target.services:
        if not _moves(found.get(service.name)):
            continue
        try:
            arns = _deployments(client, target.outputs.cluster_name, service.name)
            for arn in arns:
                client.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
        except ClientError as error:
            reason = error.response.get("Error", {}).get("Message", str(error))
            text = f"the deployment of {service.short} was not stopped, the update replaces it: {reason}"
            observer(Note(text=text, severity="warning"))
            continue
        if arns:
            observer(Note(text=f"the running deployment of {service.short} is rolled back by ECS"))
            stopped.append(service.short)
    return tuple(stopped)


def _moves(service: ServiceTypeDef | None) -> bool:
    newest = primary(service) if service else None
    return newest is not None and newest.get("rolloutState") == UNDER_WAY


def _deployments(client: ECSClient, cluster: str, service: str) -> list[str]:
    listed = client.list_service_deployments(cluster=cluster, service=service, status=["PENDING", "IN_PROGRESS"])
    return [arn for item in listed["serviceDeployments"] if (arn := item.get("serviceDeploymentArn"))]
