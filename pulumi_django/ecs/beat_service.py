"""Celery beat: the clock of periodic tasks, of which there is never more than one."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.container import ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.deployment import DeploymentOptions
from pulumi_django.ecs.service import ServicePlacement, ecs_service


@dataclass(frozen=True, kw_only=True)
class BeatServiceArgs:
    service: str
    """Name of the service."""

    placement: ServicePlacement
    """Where it runs."""

    container: ContainerSetup
    """Image, environment, rights: Django's."""

    size: TaskSize
    """Command, CPU, memory."""

    running: bool = True
    """Whether it runs."""


class BeatService(pulumi.ComponentResource):
    """An ECS service with one task at the most, also while it is updated.

    It runs on demand: a spot task that is taken away would skip beats.
    """

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

    def __init__(self, name: str, args: BeatServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:BeatService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        service = ecs_service(
            name,
            args.service,
            args.placement,
            definition,
            desired_count=1 if args.running else 0,
            capacity="FARGATE",
            # The old task stops before the new one starts: two clocks would send every periodic task twice.
            deployment=DeploymentOptions(minimum_healthy_percent=0, maximum_percent=100),
            # Zone rebalancing would need a second task for a moment, and ECS refuses it at a maximum of 100 %.
            availability_zone_rebalancing="DISABLED",
            parent=self,
        )
        self.service_name, self.task_family = service.name, definition.family
        self.log_group_name = logs.group_name
        self.register_outputs(
            {
                "service_name": self.service_name,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
            }
        )
