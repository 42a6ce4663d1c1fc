"""The ECS service of an environment: arguments and code that all kinds of services share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.autoscaling import Autoscaling, AutoscalingArgs
from pulumi_django.ecs.deployment import DeploymentOptions, service_settings
from pulumi_django.ecs.scaling import MAX_TASKS, FixedTasks, Scaling
from pulumi_django.ecs.task import ContainerSetup, LogGroup, TaskDefinition
from pulumi_django.rules import naming
from pulumi_django.rules.office_hours import OfficeHours

Capacity = Literal["FARGATE", "FARGATE_SPOT"]

# The old task stops before the new one starts.
_SINGLE = DeploymentOptions(minimum_healthy_percent=0, maximum_percent=100)


class Confirm(Protocol):
    """`ReleaseGate.confirm`."""

    def __call__(
        self, name: str, service: aws.ecs.Service, *, scaled_from: int | None, after: Sequence[pulumi.Resource]
    ) -> object: ...


@dataclass(frozen=True, kw_only=True)
class ServicePlacement:
    """Cluster, network and release of the services of one environment; all its services share it."""

    environment: str
    """Name of the environment."""

    cluster_arn: pulumi.Input[str]
    """ARN of the cluster."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets in which the tasks run."""

    security_group_ids: Sequence[pulumi.Input[str]]
    """Security groups of the tasks: the base's group and the environment's own."""

    exec_enabled: bool = True
    """Whether a shell (ECS Exec) can be opened in a running task."""

    hooks: pulumi.ResourceHookBinding | None = None
    """Release gate and rollout check (`ReleaseGate.binding`)."""

    bounds_hooks: pulumi.ResourceHookBinding | None = None
    """Hooks that run before a sleeping service may have tasks again (`ReleaseGate.bounds_binding`)."""

    confirm: Confirm | None = None
    """Records which rollout was seen to its end (`ReleaseGate.confirm`)."""

    cluster_name: str | None = None
    """Name of the cluster; services that are scaled need it."""

    asleep: bool = False
    """Whether every service has no task, and nothing may start one."""

    hours: OfficeHours | None = None
    """Times of the week outside which no service has a task. None: they always run."""

    depends_on: Sequence[pulumi.Input[pulumi.Resource]] = ()
    """Resources that exist before any service: the tasks of the release, the values of the secrets."""

    platform_role_arn: pulumi.Input[str] | None = None
    """Role with which EventBridge starts scheduled commands and ECS moves traffic. None creates one for each."""


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """Arguments of every service."""

    service: str
    """Name of the service and its container."""

    placement: ServicePlacement
    """Cluster, subnets and hooks of the service."""

    container: ContainerSetup
    """Image, variables, rights and log of the container."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The number of a service's tasks."""

    desired_count: int = 1
    """Number of tasks, 0 to 5000. Where the service is scaled, the number at first.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

    def __post_init__(self) -> None:
        if not 0 <= self.desired_count <= MAX_TASKS:
            raise ValueError(f"desired_count is {self.desired_count}: a service has 0 to {MAX_TASKS} tasks")


@dataclass(frozen=True, kw_only=True)
class Scaled(Counted):
    """The number of a service's tasks, and its scaling."""

    scaling: Scaling | None = None
    """Bounds and policies by which tasks are added and removed. None keeps the number."""


@dataclass(frozen=True, kw_only=True)
class ServiceScaling:
    """Scaling of one service, and the metrics that exist only for it."""

    scaling: Scaling | FixedTasks
    """Bounds and policies."""

    queue_name: pulumi.Input[str] | None = None
    """SQS queue of a worker."""

    request_label: pulumi.Input[str] | None = None
    """Load balancer and target group of a web service, as the metric `ALBRequestCountPerTarget` names them."""


class ServiceComponent(pulumi.ComponentResource):
    """An ECS service with its task definition and its log group."""

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Name of its log group."""

    def _export(self, service: aws.ecs.Service, definition: TaskDefinition, logs: LogGroup) -> dict[str, object]:
        """Set the three outputs, and return them for `register_outputs`."""
        self.service_name, self.task_family = service.name, definition.family
        self.log_group_name = logs.group_name
        return {
            "service_name": self.service_name,
            "task_family": self.task_family,
            "log_group_name": self.log_group_name,
        }


def ecs_service(
    name: str,
    args: ServiceArgs,
    definition: TaskDefinition,
    *,
    desired_count: int,
    capacity: Capacity,
    parent: pulumi.Resource,
    single: bool = False,
    deployment: DeploymentOptions | None = None,
    alarm_names: Sequence[pulumi.Input[str]] = (),
    scaled: ServiceScaling | None = None,
    depends_on: Sequence[pulumi.Resource] = (),
    load_balancers: Sequence[aws.ecs.ServiceLoadBalancerArgs] | None = None,
    health_check_grace_period_seconds: int | None = None,
    service_registries: aws.ecs.ServiceServiceRegistriesArgs | None = None,
) -> aws.ecs.Service:
    """Create an ECS service that returns to its old tasks when its new ones do not start.

    With `single` the service has one task at most, also while it is updated.
    It does not wait for a steady state: the provider's wait succeeds after a rollback too (pulumi-aws #4487), so the
    rollout hook watches instead.
    """
    placement, scaled = args.placement, _bounds(desired_count, args.placement, scaled)
    count = _count(desired_count, placement, scaled)
    made = aws.ecs.Service(
        name,
        name=naming.service_name(placement.environment, args.service),
        cluster=placement.cluster_arn,
        task_definition=definition.arn,
        desired_count=count,
        capacity_provider_strategies=[
            aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=capacity, weight=100)
        ],
        enable_execute_command=placement.exec_enabled,
        network_configuration=_network(placement),
        propagate_tags="SERVICE",
        wait_for_steady_state=False,
        health_check_grace_period_seconds=health_check_grace_period_seconds,
        load_balancers=load_balancers,
        service_registries=service_registries,
        # Zone rebalancing would need a second task for a moment, and ECS refuses it at a maximum of 100 %.
        availability_zone_rebalancing="DISABLED" if single else None,
        opts=_options(parent, placement, depends_on, scaled),
        **service_settings(_SINGLE if single else deployment or DeploymentOptions(), alarm_names),
    )
    scaling = [_autoscaling(name, args, scaled, made, parent)] if scaled else []
    if placement.confirm:
        placement.confirm(name, made, scaled_from=count if scaled else None, after=scaling)
    return made


def _network(placement: ServicePlacement) -> aws.ecs.ServiceNetworkConfigurationArgs:
    return aws.ecs.ServiceNetworkConfigurationArgs(
        subnets=placement.subnet_ids, security_groups=placement.security_group_ids, assign_public_ip=False
    )


def _options(
    parent: pulumi.Resource,
    placement: ServicePlacement,
    depends_on: Sequence[pulumi.Resource],
    scaled: ServiceScaling | None,
) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(
        parent=parent,
        hooks=placement.hooks,
        depends_on=[*placement.depends_on, *depends_on],
        # Application Auto Scaling sets the count, except while there are no tasks.
        ignore_changes=["desiredCount"] if scaled and not placement.asleep else None,
    )


def _bounds(desired_count: int, placement: ServicePlacement, scaled: ServiceScaling | None) -> ServiceScaling | None:
    """Return the scaling of a service. Office hours bring one without any to zero and back."""
    if scaled is None and placement.hours is not None and desired_count:
        return ServiceScaling(scaling=FixedTasks(tasks=desired_count))
    return scaled


def _count(desired_count: int, placement: ServicePlacement, scaled: ServiceScaling | None) -> int:
    if placement.asleep:
        return 0
    if scaled is None:
        return desired_count
    return min(max(desired_count, scaled.scaling.min_tasks), scaled.scaling.max_tasks)


def _autoscaling(
    name: str, args: ServiceArgs, scaled: ServiceScaling, made: aws.ecs.Service, parent: pulumi.Resource
) -> Autoscaling:
    placement = args.placement
    if placement.cluster_name is None:
        raise ValueError(
            f"cluster_name is missing in the placement of {args.service}: a service that is scaled needs it"
        )
    return Autoscaling(
        f"{name}-scaling",
        AutoscalingArgs(
            cluster_name=placement.cluster_name,
            service=args.service,
            service_name=made.name,
            scaling=scaled.scaling,
            hours=placement.hours,
            asleep=placement.asleep,
            hooks=placement.bounds_hooks,
            queue_name=scaled.queue_name,
            request_label=scaled.request_label,
        ),
        pulumi.ResourceOptions(parent=parent),
    )
