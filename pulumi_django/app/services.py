"""The services of an environment, the variables of their containers, and its commands on a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from pulumi_django.app import hosts, queues
from pulumi_django.app.arguments import ServedPart
from pulumi_django.app.backing import REDIS_SERVICE, Backing, Namespace
from pulumi_django.app.environment import Environment
from pulumi_django.app.options import BeatOptions, RedisOptions, ScheduledCommandOptions
from pulumi_django.app.roles import Roles
from pulumi_django.app.secrets import References
from pulumi_django.contract import number_text
from pulumi_django.data.secrets import AppSecrets
from pulumi_django.ecs.celery_services import BeatService, BeatServiceArgs, WorkerService, WorkerServiceArgs
from pulumi_django.ecs.read_only import AGENT_PATHS, PATH
from pulumi_django.ecs.redis_service import RedisService, RedisServiceArgs
from pulumi_django.ecs.scaling import worker_scaling
from pulumi_django.ecs.scheduled_command import ScheduledCommand, ScheduledCommandArgs, ScheduleSettings
from pulumi_django.ecs.service import Capacity, ServicePlacement
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import ContainerSetup, Sized, StorageSized, TaskSize
from pulumi_django.ecs.volumes import EfsVolume
from pulumi_django.ecs.web_routing import Served
from pulumi_django.ecs.web_service import (
    FrontendService,
    FrontendServiceArgs,
    WebService,
    WebServiceArgs,
    gunicorn_command,
)
from pulumi_django.network.dns import AliasRecord, AliasRecordArgs
from pulumi_django.observability import otel
from pulumi_django.rules.container_env import ContainerEnv, ContainerValues, container_env, stack_values
from pulumi_django.rules.env_references import StackValues
from pulumi_django.rules.fields import passed


@dataclass(frozen=True, kw_only=True)
class Containers:
    """The values from which the container setups of one environment are created."""

    env: Environment
    variables: Variables
    roles: Roles
    key_arn: pulumi.Input[str] | None
    """KMS key of the log lines."""

    volumes: Mapping[str, EfsVolume]
    """File systems that the tasks of Django's image can mount, by name."""

    @property
    def django(self) -> ContainerSetup:
        """Setup of every container with Django's image."""
        setup = self._setup(self.env.args.backend_image, self.variables.django, self.roles.django)
        return replace(setup, volumes=self.volumes)

    def traced(self, service: str) -> ContainerSetup:
        """Return Django's setup for a service, with the collector of traces beside it if tracing is on."""
        options, django = self.env.args.tracing, self.django
        if options is None:
            return django
        return replace(
            django,
            env={**django.env, **otel.variables(options, self.env.name, service)},
            sidecars={**django.sidecars, otel.CONTAINER: otel.collector(options, self.env.base.region)},
        )

    def plain(self, image: str) -> ContainerSetup:
        """Return the setup of an image that receives nothing of Django."""
        return self._setup(image, ContainerEnv(), self.roles.plain)

    def _setup(self, image: str, variables: ContainerEnv, role: pulumi.Input[str]) -> ContainerSetup:
        args = self.env.args
        return ContainerSetup(
            image=image,
            env=variables.plain,
            secrets=variables.secrets,
            execution_role_arn=self.roles.execution,
            task_role_arn=role,
            region=self.env.base.region,
            architecture=args.architecture,
            log_retention_days=args.log_retention_days,
            log_kms_key_arn=self.key_arn,
            user=args.container_user,
            read_only_root=args.read_only_root,
            writable_paths=(PATH, *AGENT_PATHS) if args.exec_enabled else (PATH,),
        )


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The variables of each kind of container."""

    django: ContainerEnv
    """Variables of every container with Django's image."""

    sidecars: Mapping[str, Mapping[str, Sidecar]]
    """Key of a service in the configuration -> its sidecars, with the stack's values filled in."""

    frontend_env: Mapping[str, Any]
    """The frontend's own variables."""


def variables(env: Environment, secrets: AppSecrets, references: References, backing: Backing) -> Variables:
    """Return all variables. Raises ValueError for a reference that cannot be filled in."""
    args, base = env.args, env.base
    values = ContainerValues(
        environment=env.name,
        base=base.base_stack_name,
        domain=base.domain_name or base.alb_dns_name,
        url=env.url,
        region=base.region,
        settings_module=args.settings_module,
        allowed_hosts=args.allowed_hosts,
        bucket=backing.bucket.name,
        static_url=backing.bucket.static_url,
        frontend_url=_frontend_url(env, backing),
        database_host=base.database_host,
        database_port=number_text(base.database_port),
        database_name=env.database_name,
        database_reader_host=base.database_reader_host,
        redis=backing.redis,
        broker=backing.broker,
        password_secret_name=secrets.password_secret_name,
        sentry_dsn=args.sentry_dsn,
    )
    stack = stack_values(values, secrets.references, _joined)
    resolved = {name: known.value_from if known else None for name, known in references.django.items()}
    django = container_env(
        values,
        secret_reference=secrets.references,
        extra_env=args.extra_env,
        # A reference to a secret of the stack itself stays as it is written.
        extra_secrets={name: resolved.get(name, text) for name, text in args.extra_secrets.items()},
        join=_joined,
    )
    has_frontend = args.frontend_image is not None
    return Variables(
        django=django,
        sidecars={key: _filled(key, sidecars, stack) for key, sidecars in references.sidecars.items()},
        frontend_env=stack.all_filled(args.frontend.env, "frontend.env") if has_frontend else {},
    )


def _frontend_url(env: Environment, backing: Backing) -> pulumi.Input[str]:
    """Return the URL of the frontend; without one, of the site of static files, else of the environment."""
    if env.args.frontend_image is None and backing.site is not None:
        return backing.site.url
    return env.at(env.addresses.frontend)


def _filled(where: str, sidecars: Mapping[str, Sidecar], stack: StackValues) -> dict[str, Sidecar]:
    return {
        name: replace(sidecar, env=stack.all_filled(sidecar.env, f"{where}.sidecars.{name}.env"))
        for name, sidecar in sidecars.items()
    }


def _joined(parts: Sequence[Any]) -> pulumi.Output[str]:
    return pulumi.Output.concat(*parts)


Service = WebService | FrontendService | WorkerService | BeatService | RedisService


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services of one environment, and its scheduled commands."""

    services: Mapping[str, Service]
    """By name, the web service first."""

    commands: Mapping[str, ScheduledCommand]
    """By name."""


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """The values from which every service is created, besides its own options."""

    env: Environment
    placement: ServicePlacement
    containers: Containers

    @property
    def capacity(self) -> Capacity:
        return "FARGATE_SPOT" if self.env.args.spot else "FARGATE"

    @property
    def package(self) -> str:
        """First package of the settings module."""
        return self.env.args.settings_module.partition(".")[0]

    @property
    def celery(self) -> list[str]:
        """First words of every Celery command."""
        return ["celery", f"--app={self.env.args.celery_app or self.package}"]

    def named(self, part: str) -> str:
        return f"{self.env.name}-{part}"


def create(env: Environment, placement: ServicePlacement, containers: Containers, backing: Backing) -> Services:
    """Create every service, and every scheduled command."""
    args, to = env.args, _Setting(env=env, placement=placement, containers=containers)
    served = {part.service: _served(to, part) for part in args.served}
    services: dict[str, Service] = {**served}
    works_on = queues.of_workers(args.workers) if args.sqs is None else queues.of_sqs(args.workers)[0]
    for name in sorted(args.workers):
        services[name] = _worker(to, name, works_on[name], backing)
    if args.beat is not None:
        services[args.beat.service] = _beat(to, args.beat)
    if args.redis is not None and backing.namespace is not None:
        services[REDIS_SERVICE] = _redis(to, args.redis, backing.namespace)
    commands = {
        name: _scheduled(to, name, options, served[args.web.service])
        for name, options in sorted(args.scheduled_commands.items())
    }
    return Services(services=services, commands=commands)


def records(env: Environment) -> None:
    """Create a DNS record for each host in the base's domain, if the base has the hosted zone."""
    zone = env.base.hosted_zone_id
    if zone is None:
        return
    for key, host in hosts.records(env.name, env.args):
        record = AliasRecordArgs(
            host=host,
            hosted_zone_id=zone,
            target_dns_name=env.base.alb_dns_name,
            target_zone_id=env.base.alb_zone_id,
        )
        AliasRecord(key, record, env.opts)


def _served(to: _Setting, part: ServedPart) -> WebService | FrontendService:
    env, args, options, containers = to.env, to.env.args, part.options, to.containers
    command = options.command
    if part.key == "web" and command is None:
        command = gunicorn_command(args.wsgi_module or f"{to.package}.wsgi", options.port)
    container = containers.traced(part.service) if part.image is None else containers.plain(part.image)
    web = WebServiceArgs(
        service=part.service,
        placement=to.placement,
        container=replace(container, sidecars={**container.sidecars, **containers.variables.sidecars[part.key]}),
        size=TaskSize(command=command, port=options.port, **passed(StorageSized, options)),
        vpc_id=env.base.vpc_id,
        listener_arn=env.base.listener_arn,
        load_balancer_suffix=env.base.alb_arn_suffix,
        rules=hosts.assigned_rules(env.name, args)[part.service],
        existing_groups=args.target_groups,
        capacity=to.capacity,
        **passed(Served, options),
    )
    if part.image is None:
        return WebService(to.named(part.service), web, env.opts)
    frontend = FrontendServiceArgs(web=web, api_url=env.at(env.addresses.web), env=containers.variables.frontend_env)
    return FrontendService(to.named(part.service), frontend, env.opts)


def _worker(to: _Setting, name: str, works_on: Sequence[str], backing: Backing) -> WorkerService:
    options = to.env.args.workers[name]
    command = options.command or [*to.celery, "worker", "--loglevel=INFO", "-Q", ",".join(works_on)]
    stop = options.stop_timeout_seconds
    args = WorkerServiceArgs(
        service=name,
        placement=to.placement,
        container=to.containers.traced(name),
        size=TaskSize(command=command, stop_timeout_seconds=stop, **passed(StorageSized, options)),
        desired_count=options.desired_count,
        scaling=worker_scaling(options.scaling),
        queue_name=backing.queue_names.get(works_on[0]),
        capacity=to.capacity,
    )
    return WorkerService(to.named(name), args, to.env.opts)


def _beat(to: _Setting, options: BeatOptions) -> BeatService:
    default = [*to.celery, "beat", "--loglevel=INFO", "--schedule=/tmp/celerybeat-schedule"]
    args = BeatServiceArgs(
        service=options.service,
        placement=to.placement,
        container=to.containers.traced(options.service),
        size=TaskSize(command=options.command or default, **passed(StorageSized, options)),
    )
    return BeatService(to.named(options.service), args, to.env.opts)


def _redis(to: _Setting, options: RedisOptions, namespace: Namespace) -> RedisService:
    args = RedisServiceArgs(
        service=REDIS_SERVICE,
        placement=to.placement,
        container=to.containers.plain(options.image),
        namespace_id=namespace.id,
        namespace_name=namespace.name,
        **passed(Sized, options),
    )
    return RedisService(to.named(REDIS_SERVICE), args, to.env.opts)


def _scheduled(to: _Setting, name: str, options: ScheduledCommandOptions, web: Service) -> ScheduledCommand:
    args = ScheduledCommandArgs(
        command_name=name,
        placement=to.placement,
        container=to.containers.django,
        size=TaskSize(command=options.command, **passed(StorageSized, options)),
        # The release has prepared the database for this image when the web service takes it.
        after=[web],
        **passed(ScheduleSettings, options),
    )
    return ScheduledCommand(to.named(name), args, to.env.opts)
