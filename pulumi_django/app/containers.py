"""The container setups of an environment: Django's image, and images that receive nothing of Django."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pulumi

from pulumi_django.app.environment import Environment
from pulumi_django.app.roles import Roles
from pulumi_django.app.variables import Variables
from pulumi_django.ecs.container import ContainerSetup
from pulumi_django.observability import otel
from pulumi_django.rules.container_env import ContainerEnv


@dataclass(frozen=True, kw_only=True)
class Containers:
    """Everything that the container setups of one environment are made of."""

    env: Environment
    variables: Variables
    roles: Roles
    key_arn: pulumi.Input[str] | None
    """KMS key of the log lines."""

    @property
    def django(self) -> ContainerSetup:
        """Setup of every container with Django's image."""
        return self._setup(self.env.args.backend_image, self.variables.django, self.roles.django)

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
