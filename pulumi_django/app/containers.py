"""The container setups of an environment, and the variables that each kind of container receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from pulumi_django.app.backing import Backing
from pulumi_django.app.environment import Environment
from pulumi_django.app.roles import Roles
from pulumi_django.app.secrets import References
from pulumi_django.contract import number_text
from pulumi_django.data.secrets import AppSecrets
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import ContainerSetup
from pulumi_django.ecs.volumes import EfsVolume
from pulumi_django.observability import otel
from pulumi_django.rules.container_env import ContainerEnv, ContainerValues, container_env, stack_values
from pulumi_django.rules.env_references import StackValues


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
    args, values = env.args, _values(env, secrets, backing)
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


def _values(env: Environment, secrets: AppSecrets, backing: Backing) -> ContainerValues:
    args, base, broker, redis = env.args, env.base, backing.broker, backing.redis
    return ContainerValues(
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
        redis_host=redis.host if redis else None,
        redis_url=redis.cache_url if redis else None,
        redis_url_secret=redis.cache_url_secret if redis else None,
        redis_key_prefix=redis.key_prefix if redis else None,
        broker_url=broker.url,
        broker_url_secret=broker.url_secret,
        broker_transport_options=broker.transport_options,
        queue_urls=broker.queue_urls,
        password_secret_name=secrets.password_secret_name,
        sentry_dsn=args.sentry_dsn,
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
