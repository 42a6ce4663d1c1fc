"""What the ECS services of an environment have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from pulumi_django import naming
from pulumi_django.ecs.task import TaskDefinition

Capacity = Literal["FARGATE", "FARGATE_SPOT"]

MAX_DESIRED_COUNT = 5000
"""Tasks per service: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""


@dataclass(frozen=True, kw_only=True)
class ServicePlacement:
    """Where the services of one environment run; the same for all of them."""

    environment: str
    """Name of the environment."""

    cluster_arn: pulumi.Input[str]
    """Cluster."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets."""

    security_group_ids: Sequence[pulumi.Input[str]]
    """The base's group for tasks and the environment's own."""

    exec_enabled: bool = True
    """Whether a shell can be opened in a running task."""

    hooks: pulumi.ResourceHookBinding | None = None
    """Release gate and rollout check (`ReleaseGate.binding`)."""

    confirm: Callable[[str, aws.ecs.Service], object] | None = None
    """Records which rollout was seen to its end (`ReleaseGate.confirm`)."""

    depends_on: Sequence[pulumi.Resource] = ()
    """What must be there before any service: the tasks of the release, the secrets' values."""


def check_desired_count(count: int) -> None:
    """ValueError when a service cannot have that many tasks."""
    if not 0 <= count <= MAX_DESIRED_COUNT:
        raise ValueError(f"desired_count is {count}: a service has 0 to {MAX_DESIRED_COUNT} tasks")


def ecs_service(
    name: str,
    service: str,
    placement: ServicePlacement,
    definition: TaskDefinition,
    *,
    desired_count: int,
    capacity: Capacity,
    parent: pulumi.Resource,
    minimum_healthy_percent: int = 100,
    maximum_percent: int = 200,
    depends_on: Sequence[pulumi.Resource] = (),
    **more: Any,
) -> aws.ecs.Service:
    """An ECS service that rolls back when its new tasks do not come up; `more` are further arguments of it.

    It does not wait for a steady state: the provider's wait ends well after a rollback too (pulumi-aws #4487), so the
    rollout hook watches instead.
    """
    made = aws.ecs.Service(
        name,
        name=naming.service_name(placement.environment, service),
        cluster=placement.cluster_arn,
        task_definition=definition.arn,
        desired_count=desired_count,
        capacity_provider_strategies=[
            aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=capacity, weight=100)
        ],
        deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
        deployment_minimum_healthy_percent=minimum_healthy_percent,
        deployment_maximum_percent=maximum_percent,
        enable_execute_command=placement.exec_enabled,
        network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
            subnets=placement.subnet_ids,
            security_groups=placement.security_group_ids,
            assign_public_ip=False,
        ),
        propagate_tags="SERVICE",
        wait_for_steady_state=False,
        opts=pulumi.ResourceOptions(
            parent=parent, hooks=placement.hooks, depends_on=[*placement.depends_on, *depends_on]
        ),
        **more,
    )
    if placement.confirm:
        placement.confirm(name, made)
    return made
