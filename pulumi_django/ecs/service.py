"""What the ECS services of an environment have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.autoscaling import Autoscaling, AutoscalingArgs
from pulumi_django.ecs.deployment import DeploymentOptions, service_settings
from pulumi_django.ecs.scaling import MAX_TASKS, Scaling
from pulumi_django.ecs.task import TaskDefinition
from pulumi_django.rules import naming

Capacity = Literal["FARGATE", "FARGATE_SPOT"]


class Confirm(Protocol):
    """`ReleaseGate.confirm`."""

    def __call__(
        self, name: str, service: aws.ecs.Service, *, scaled_from: int | None, after: Sequence[pulumi.Resource]
    ) -> object: ...


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

    bounds_hooks: pulumi.ResourceHookBinding | None = None
    """What comes before a sleeping service may have tasks again (`ReleaseGate.bounds_binding`)."""

    confirm: Confirm | None = None
    """Records which rollout was seen to its end (`ReleaseGate.confirm`)."""

    cluster_name: str | None = None
    """Name of the cluster; services that are scaled need it."""

    asleep: bool = False
    """Whether no service has a task, and nothing may start one."""

    depends_on: Sequence[pulumi.Resource] = ()
    """What must be there before any service: the tasks of the release, the secrets' values."""

    platform_role_arn: pulumi.Input[str] | None = None
    """Role with which EventBridge starts scheduled commands and ECS moves traffic; None makes one for each."""


def check_desired_count(count: int) -> None:
    """ValueError when a service cannot have that many tasks."""
    if not 0 <= count <= MAX_TASKS:
        raise ValueError(f"desired_count is {count}: a service has 0 to {MAX_TASKS} tasks")


@dataclass(frozen=True, kw_only=True)
class ServiceScaling:
    """How one service is scaled, and what is measured for it."""

    scaling: Scaling
    """Bounds and policies."""

    queue_name: pulumi.Input[str] | None = None
    """SQS queue of a worker."""

    request_label: pulumi.Input[str] | None = None
    """Load balancer and target group of a web service, as `ALBRequestCountPerTarget` has them."""


def ecs_service(
    name: str,
    service: str,
    placement: ServicePlacement,
    definition: TaskDefinition,
    *,
    desired_count: int,
    capacity: Capacity,
    parent: pulumi.Resource,
    deployment: DeploymentOptions | None = None,
    alarm_names: Sequence[pulumi.Input[str]] = (),
    scaled: ServiceScaling | None = None,
    depends_on: Sequence[pulumi.Resource] = (),
    **more: Any,
) -> aws.ecs.Service:
    """An ECS service that goes back to its old tasks when its new ones do not come up; `more` are further arguments.

    It does not wait for a steady state: the provider's wait ends well after a rollback too (pulumi-aws #4487), so the
    rollout hook watches instead.
    """
    count = _count(desired_count, placement, scaled)
    made = aws.ecs.Service(
        name,
        name=naming.service_name(placement.environment, service),
        cluster=placement.cluster_arn,
        task_definition=definition.arn,
        desired_count=count,
        capacity_provider_strategies=[
            aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=capacity, weight=100)
        ],
        enable_execute_command=placement.exec_enabled,
        network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
            subnets=placement.subnet_ids,
            security_groups=placement.security_group_ids,
            assign_public_ip=False,
        ),
        propagate_tags="SERVICE",
        wait_for_steady_state=False,
        opts=pulumi.ResourceOptions(
            parent=parent,
            hooks=placement.hooks,
            depends_on=[*placement.depends_on, *depends_on],
            # The count is Application Auto Scaling's, save while there is to be none.
            ignore_changes=["desiredCount"] if scaled and not placement.asleep else None,
        ),
        **service_settings(deployment or DeploymentOptions(), alarm_names),
        **more,
    )
    scaling = [_autoscaling(name, service, placement, scaled, made, parent)] if scaled else []
    if placement.confirm:
        placement.confirm(name, made, scaled_from=count if scaled else None, after=scaling)
    return made


def _count(desired_count: int, placement: ServicePlacement, scaled: ServiceScaling | None) -> int:
    if placement.asleep:
        return 0
    if scaled is None:
        return desired_count
    return min(max(desired_count, scaled.scaling.min_tasks), scaled.scaling.max_tasks)


def _autoscaling(
    name: str,
    service: str,
    placement: ServicePlacement,
    scaled: ServiceScaling,
    made: aws.ecs.Service,
    parent: pulumi.Resource,
) -> Autoscaling:
    if placement.cluster_name is None:
        raise ValueError(f"cluster_name is missing in the placement of {service}, which is to be scaled: give it")
    return Autoscaling(
        f"{name}-scaling",
        AutoscalingArgs(
            cluster_name=placement.cluster_name,
            service=service,
            service_name=made.name,
            scaling=scaled.scaling,
            asleep=placement.asleep,
            hooks=placement.bounds_hooks,
            queue_name=scaled.queue_name,
            request_label=scaled.request_label,
        ),
        pulumi.ResourceOptions(parent=parent),
    )
