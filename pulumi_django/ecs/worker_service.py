"""A Celery worker: one service per queue, so that each can have its own size and number."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.container import ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.scaling import Scaling
from pulumi_django.ecs.service import Capacity, ServicePlacement, ServiceScaling, check_desired_count, ecs_service


@dataclass(frozen=True, kw_only=True)
class WorkerServiceArgs:
    service: str
    """Name of the service, by custom the queue's."""

    placement: ServicePlacement
    """Where it runs."""

    container: ContainerSetup
    """Image, environment, rights: Django's."""

    size: TaskSize
    """Command, CPU, memory."""

    desired_count: int = 1
    """Tasks; where the service is scaled, the number at first."""

    scaling: Scaling | None = None
    """Bounds and policies; None keeps the number."""

    queue_name: pulumi.Input[str] | None = None
    """The SQS queue that it works on; scaling by `queue_steps` needs it."""

    capacity: Capacity = "FARGATE_SPOT"
    """Spot tasks get two minutes' notice; Celery hands unfinished work back when it acknowledges late."""

    def __post_init__(self) -> None:
        check_desired_count(self.desired_count)


class WorkerService(pulumi.ComponentResource):
    """An ECS service of workers."""

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    task_family: str
    """Family of its task definition."""

    log_group_name: str
    """Its log group."""

    def __init__(self, name: str, args: WorkerServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:WorkerService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        service = ecs_service(
            name,
            args.service,
            args.placement,
            definition,
            desired_count=args.desired_count,
            capacity=args.capacity,
            scaled=ServiceScaling(scaling=args.scaling, queue_name=args.queue_name) if args.scaling else None,
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
