"""Celery beat: it sends the periodic tasks, and exists at most once."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.service import ServiceArgs, ServiceComponent, ecs_service
from pulumi_django.ecs.task import TaskSize, logged_task


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
