"""A Celery worker: one service for each worker, so that each has its own size and number of tasks."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.service import Capacity, Scaled, ServiceArgs, ServiceComponent, ServiceScaling, ecs_service
from pulumi_django.ecs.task import TaskSize, logged_task


@dataclass(frozen=True, kw_only=True)
class WorkerServiceArgs(Scaled, ServiceArgs):
    size: TaskSize
    """Command, CPU and memory of a task."""

    queue_name: pulumi.Input[str] | None = None
    """Name of the worker's SQS queue; scaling by `queue_steps` needs it."""

    capacity: Capacity = "FARGATE_SPOT"
    """`FARGATE_SPOT` or `FARGATE`. AWS ends spot tasks with two minutes' notice; Celery returns unfinished tasks to the
    queue when it acknowledges late."""


class WorkerService(ServiceComponent):
    """An ECS service of workers."""

    def __init__(self, name: str, args: WorkerServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:WorkerService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        service = ecs_service(
            name,
            args,
            definition,
            desired_count=args.desired_count,
            capacity=args.capacity,
            scaled=ServiceScaling(scaling=args.scaling, queue_name=args.queue_name) if args.scaling else None,
            parent=self,
        )
        self.register_outputs(self._export(service, definition, logs))


@dataclass(frozen=True, kw_only=True)
class BeatServiceArgs(ServiceArgs):
    size: TaskSize
    """Command, CPU and memory of the task."""

    running: bool = True
    """Whether the service has its task."""


class BeatService(ServiceComponent):
    """An ECS service with one task at most, also while it is updated: two would send every periodic task twice.

    It runs on demand: beat would send nothing between the end of a spot task and the start of the next.
    """

    def __init__(self, name: str, args: BeatServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:BeatService", name, None, opts)
        environment = args.placement.environment
        definition, logs = logged_task(name, environment, args.service, args.container, args.size, self)
        service = ecs_service(
            name,
            args,
            definition,
            desired_count=1 if args.running else 0,
            capacity="FARGATE",
            single=True,
            parent=self,
        )
        self.register_outputs(self._export(service, definition, logs))
