"""What runs in an environment: services, and commands by the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi

from pulumi_django.app import queues
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.backing import REDIS_SERVICE, Namespace
from pulumi_django.app.options import (
    BeatOptions,
    FrontendOptions,
    RedisOptions,
    ScheduledCommandOptions,
    WebOptions,
    WorkerOptions,
)
from pulumi_django.app.variables import Variables
from pulumi_django.deploying.gate import MAX_TIMEOUT_SECONDS
from pulumi_django.ecs.beat_service import BeatService, BeatServiceArgs
from pulumi_django.ecs.container import ContainerSetup, TaskSize
from pulumi_django.ecs.frontend_service import FrontendService, FrontendServiceArgs
from pulumi_django.ecs.gunicorn import gunicorn_command
from pulumi_django.ecs.redis_service import RedisService, RedisServiceArgs
from pulumi_django.ecs.scaling import worker_scaling
from pulumi_django.ecs.scheduled_command import ScheduledCommand, ScheduledCommandArgs
from pulumi_django.ecs.service import Capacity, ServicePlacement
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.web_service import WebService, WebServiceArgs
from pulumi_django.ecs.worker_service import WorkerService, WorkerServiceArgs
from pulumi_django.rules.priorities import Rule

Service = WebService | FrontendService | WorkerService | BeatService | RedisService


@dataclass(frozen=True, kw_only=True)
class RunningArgs:
    """What the services are made of."""

    name: str
    """Name of the environment."""

    app: AppArgs
    """What the user chose."""

    placement: ServicePlacement
    django: ContainerSetup
    """Of everything that runs Django's image."""

    traced: Callable[[str], ContainerSetup]
    """The same for a service by its name, with the collector of traces where there is one."""

    plain: Callable[[str], ContainerSetup]
    """Of an image that gets nothing of Django."""

    rules: Mapping[str, Sequence[Rule]]
    """Listener rules by service."""

    variables: Variables
    """What containers receive."""

    namespace: Namespace | None
    """Where the environment's own Redis is found."""

    url: pulumi.Input[str]
    """URL at which Django answers."""

    queue_names: Mapping[str, pulumi.Input[str]]
    """SQS queue by Celery queue."""


class Running:
    """The services of one environment, and its scheduled commands."""

    services: dict[str, Service]
    """By name, the web service first."""

    commands: dict[str, ScheduledCommand]
    """By name."""

    def __init__(self, args: RunningArgs, child: pulumi.ResourceOptions) -> None:
        self._args, self._app, self._child = args, args.app, child
        app = args.app
        self._queues = queues.of_workers(app.workers) if app.sqs is None else queues.of_sqs(app.workers)[0]
        web = self._web(app.web)
        self.services = {app.web.service: web}
        if app.frontend_image is not None:
            self.services[app.frontend.service] = self._frontend(app.frontend, app.frontend_image)
        for queue, options in sorted(app.workers.items()):
            self.services[queue] = self._worker(queue, options)
        if app.beat is not None:
            self.services[app.beat.service] = self._beat(app.beat)
        if app.redis is not None and args.namespace is not None:
            self.services[REDIS_SERVICE] = self._redis(app.redis, args.namespace)
        self.commands = {
            name: self._scheduled(name, options, web) for name, options in sorted(app.scheduled_commands.items())
        }

    def _web(self, options: WebOptions) -> WebService:
        module = self._app.wsgi_module or f"{self._package()}.wsgi"
        container, sidecars = self._args.traced(options.service), self._args.variables.web
        command = options.command or gunicorn_command(module, options.port)
        args = self._served(options, container, sidecars, command)
        return WebService(self._named(options.service), args, self._child)

    def _frontend(self, options: FrontendOptions, image: str) -> FrontendService:
        variables = self._args.variables
        web = self._served(options, self._args.plain(image), variables.frontend, options.command)
        args = FrontendServiceArgs(web=web, api_url=self._args.url, env=variables.frontend_env)
        return FrontendService(self._named(options.service), args, self._child)

    def _served(
        self,
        options: WebOptions | FrontendOptions,
        container: ContainerSetup,
        sidecars: Mapping[str, Sidecar],
        command: Sequence[str] | None,
    ) -> WebServiceArgs:
        base = self._app.base
        return WebServiceArgs(
            service=options.service,
            placement=self._args.placement,
            container=replace(container, sidecars={**container.sidecars, **sidecars}),
            size=TaskSize(
                command=command,
                cpu_units=options.cpu_units,
                memory_mib=options.memory_mib,
                port=options.port,
                ephemeral_storage_gib=options.ephemeral_storage_gib,
            ),
            vpc_id=base.vpc_id,
            listener_arn=base.listener_arn,
            load_balancer_suffix=base.alb_arn_suffix,
            rules=self._args.rules[options.service],
            health_check=options.health_check,
            deregistration_delay_seconds=options.deregistration_delay_seconds,
            proxy=options.proxy,
            target_protocol=options.target_protocol,
            deployment=options.deployment,
            desired_count=options.desired_count,
            scaling=options.scaling,
            capacity=self._capacity(),
        )

    def _worker(self, queue: str, options: WorkerOptions) -> WorkerService:
        works_on = self._queues[queue]
        command = options.command or [*self._celery(), "worker", "--loglevel=INFO", "-Q", ",".join(works_on)]
        return WorkerService(
            self._named(queue),
            WorkerServiceArgs(
                service=queue,
                placement=self._args.placement,
                container=self._args.traced(queue),
                size=TaskSize(
                    command=command,
                    cpu_units=options.cpu_units,
                    memory_mib=options.memory_mib,
                    stop_timeout_seconds=options.stop_timeout_seconds,
                    ephemeral_storage_gib=options.ephemeral_storage_gib,
                ),
                desired_count=options.desired_count,
                scaling=worker_scaling(options.scaling),
                queue_name=self._args.queue_names.get(works_on[0]),
                capacity=self._capacity(),
            ),
            self._child,
        )

    def _beat(self, options: BeatOptions) -> BeatService:
        default = [*self._celery(), "beat", "--loglevel=INFO", "--schedule=/tmp/celerybeat-schedule"]
        return BeatService(
            self._named(options.service),
            BeatServiceArgs(
                service=options.service,
                placement=self._args.placement,
                container=self._args.traced(options.service),
                size=TaskSize(
                    command=options.command or default, cpu_units=options.cpu_units, memory_mib=options.memory_mib
                ),
                running=not self._app.asleep,
            ),
            self._child,
        )

    def _redis(self, options: RedisOptions, namespace: Namespace) -> RedisService:
        return RedisService(
            self._named(REDIS_SERVICE),
            RedisServiceArgs(
                service=REDIS_SERVICE,
                placement=self._args.placement,
                container=self._args.plain(options.image),
                namespace_id=namespace.id,
                namespace_name=namespace.name,
                cpu_units=options.cpu_units,
                memory_mib=options.memory_mib,
                running=not self._app.asleep,
            ),
            self._child,
        )

    def _scheduled(self, name: str, options: ScheduledCommandOptions, web: WebService) -> ScheduledCommand:
        return ScheduledCommand(
            self._named(name),
            ScheduledCommandArgs(
                command_name=name,
                placement=self._args.placement,
                container=self._args.django,
                size=TaskSize(command=options.command, cpu_units=options.cpu_units, memory_mib=options.memory_mib),
                schedule=options.schedule,
                timezone=options.timezone,
                enabled=options.enabled,
                retries=options.retries,
                # The release has prepared the database for this image once the web service takes it.
                after=[web],
            ),
            self._child,
        )

    def _named(self, part: str) -> str:
        return f"{self._args.name}-{part}"

    def _capacity(self) -> Capacity:
        return "FARGATE_SPOT" if self._app.spot else "FARGATE"

    def _package(self) -> str:
        return self._app.settings_module.partition(".")[0]

    def _celery(self) -> list[str]:
        return ["celery", f"--app={self._app.celery_app or self._package()}"]


def rollout_timeout_seconds(app: AppArgs) -> int:
    """Time for each service to become steady. A deployment that moves traffic slowly waits on purpose; that is added."""
    served = [app.web, *([app.frontend] if app.frontend_image else [])]
    waiting = max(options.deployment.waiting_seconds for options in served)
    return min(app.release.rollout_timeout_seconds + waiting, MAX_TIMEOUT_SECONDS)
