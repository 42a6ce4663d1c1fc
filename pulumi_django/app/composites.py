"""The composites: an environment of each kind, and its parts in the order of their creation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from pulumi_django import contract
from pulumi_django.app import (
    backing,
    checks,
    hosts,
    maintenance,
    monitoring,
    release,
    roles,
    secrets,
    services,
    volumes,
)
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.backing import Backing
from pulumi_django.app.environment import Environment
from pulumi_django.app.options import (
    AlarmOptions,
    AppCacheOptions,
    ProdAppAssetsOptions,
    ProdFrontendOptions,
    ProdServiceOptions,
    ProdVolumeOptions,
    ProdWebOptions,
    ProdWorkerOptions,
    RedisOptions,
)
from pulumi_django.app.release import Place, Release
from pulumi_django.app.services import Containers, Services, variables
from pulumi_django.contract import AppOutputs, require_kind
from pulumi_django.data.published_parameters import PublishedParameters, PublishedParametersArgs, published
from pulumi_django.ecs.exec_sessions import exec_command
from pulumi_django.rules import naming
from pulumi_django.rules.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class AdHocAppArgs(AppArgs):
    """Cheap defaults: spot capacity, a Redis of its own, a bucket and logs that are deleted with the environment."""

    redis: RedisOptions | None = field(default_factory=RedisOptions)
    spot: bool = True
    exec_enabled: bool = True
    log_retention_days: int = 365


class AdHocApp(pulumi.ComponentResource):
    """A Django application with resources of its own: cluster, services, Redis, database, bucket, secrets.

    The instance's name is the environment's name.
    """

    outputs: AppOutputs
    """Outputs for users and tools; `contract.export(app.outputs)` exports them."""

    def __init__(self, name: str, args: AdHocAppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:app:AdHocApp", name, None, opts)
        self.outputs = _assemble(name, Kind.AD_HOC, args, parent=self)
        self.register_outputs({"url": self.outputs.url, "kind": self.outputs.kind})


@dataclass(frozen=True, kw_only=True)
class ProdAppArgs(AppArgs):
    """Careful defaults: on-demand capacity, two or more tasks, the base's cache and bucket, metrics, alarms, a dashboard."""

    web: ProdWebOptions = field(default_factory=ProdWebOptions)
    frontend: ProdFrontendOptions = field(default_factory=ProdFrontendOptions)
    services: Mapping[str, ProdServiceOptions] = field(default_factory=dict[str, ProdServiceOptions])
    volumes: Mapping[str, ProdVolumeOptions] = field(default_factory=dict[str, ProdVolumeOptions])
    workers: Mapping[str, ProdWorkerOptions] = field(default_factory=lambda: {"default": ProdWorkerOptions()})
    cache: AppCacheOptions | None = field(default_factory=AppCacheOptions)
    assets: ProdAppAssetsOptions = field(default_factory=ProdAppAssetsOptions)
    log_retention_days: int = 365
    container_insights: bool = True
    alarms: AlarmOptions | None = field(default_factory=AlarmOptions)
    dashboard: bool = True
    secret_recovery_days: int = 7


class ProdApp(pulumi.ComponentResource):
    """A Django application in production: cluster, scaled services, database, secrets, on the base's cache and bucket.

    The instance's name is the environment's name.
    """

    outputs: AppOutputs
    """Outputs for users and tools; `contract.export(app.outputs)` exports them."""

    def __init__(self, name: str, args: ProdAppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:app:ProdApp", name, None, opts)
        self.outputs = _assemble(name, Kind.PROD, args, parent=self)
        self.register_outputs({"url": self.outputs.url, "kind": self.outputs.kind})


def _assemble(name: str, kind: Kind, args: AppArgs, *, parent: pulumi.Resource) -> AppOutputs:
    """Create all parts of an environment, as children of `parent`. Raises ValueError and ContractError."""
    naming.check_environment_name(name)
    require_kind(args.base, kind, name)
    checks.check(name, args)
    env = Environment(name=name, kind=kind, args=args, opts=pulumi.ResourceOptions(parent=parent))
    references = secrets.references(env)
    own = secrets.own(env)
    used = backing.create(env)
    key = monitoring.key_arn(env)
    sessions = monitoring.exec_sessions(env, key)
    place = release.place(env, sessions)
    files = volumes.create(env, place.security_group_ids[-1])
    allowed = roles.create(env, own, references, used, sessions, volumes.statements(args, files))
    containers = Containers(
        env=env,
        variables=variables(env, own, references, used),
        roles=allowed,
        key_arn=key,
        volumes=volumes.mountable(files),
    )
    before = release.create(env, containers, own)
    gate = release.gate(env, place, before)
    running = services.create(env, release.placement(env, place, before, own, gate, files), containers, used)
    release.steps(env, gate)
    if args.maintenance is not None:
        rules = hosts.maintenance_rules(name, args)
        maintenance.create(name, args.maintenance, env.base.listener_arn, rules, parent)
    services.records(env)
    monitoring.watch(env, place.cluster, running, used, key)
    outputs = _outputs(env, used, place, before, running)
    _publish(env, outputs)
    return outputs


def _outputs(env: Environment, used: Backing, place: Place, before: Release, running: Services) -> AppOutputs:
    base, cluster, site = env.base, place.cluster.cluster_name, used.site
    tasks = {**running.commands, env.args.release.name: before.command, "database": before.database}
    return AppOutputs(
        url=env.url,
        environment=env.name,
        kind=env.kind.value,
        base_stack_name=base.base_stack_name,
        cluster_name=cluster,
        service_names=[service.service_name for service in running.services.values()],
        task_families=[part.task_family for part in (*running.services.values(), *tasks.values())],
        log_groups={name: part.log_group_name for name, part in {**running.services, **tasks}.items()},
        release_task_family=before.command.task_family,
        task_subnet_ids=base.private_subnet_ids,
        task_security_group_ids=place.security_group_ids,
        database_name=env.database_name,
        exec_command=exec_command(base.region, cluster, env.name, env.args.web.service),
        office_hours=None if env.hours is None else env.hours.text,
        static_url=used.bucket.static_url,
        site_url=site.url if site is not None else None,
        site_bucket_name=site.bucket_name if site is not None else None,
        site_distribution_id=site.distribution_id if site is not None else None,
    )


def _publish(env: Environment, outputs: AppOutputs) -> None:
    """Write the outputs to SSM parameters too, if the arguments ask for it."""
    if env.args.publish_parameters:
        args = PublishedParametersArgs(stack=env.name, values=published(contract.to_outputs(outputs)))
        PublishedParameters(f"{env.name}-parameters", args, env.opts)
