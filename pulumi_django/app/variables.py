"""The variables of an environment's containers: Django's own, and what a frontend or a sidecar may refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi

from pulumi_django.app import backing
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.hosts import Addresses
from pulumi_django.app.options import ServedOptions
from pulumi_django.contract import number_text
from pulumi_django.data.broker import SqsBroker
from pulumi_django.data.secrets import AppSecrets
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.policies.secret_references import Resolved
from pulumi_django.rules.container_env import ContainerEnv, ContainerValues, container_env, stack_values
from pulumi_django.rules.env_references import StackValues


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What the variables are made of."""

    name: str
    """Name of the environment."""

    args: AppArgs
    addresses: Addresses
    scheme: str
    """`https` or `http`."""

    database_name: str
    secrets: AppSecrets
    bucket_name: pulumi.Input[str]
    static_url: pulumi.Input[str] | None
    site_url: pulumi.Input[str] | None
    redis: backing.RedisAccess | None
    sqs: SqsBroker | None
    external: Mapping[str, Resolved | None] = field(default_factory=dict[str, "Resolved | None"])
    """Secrets that exist already, by variable; None drops one of ours."""


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The variables of each kind of container."""

    django: ContainerEnv
    """Of everything that runs Django's image."""

    stack: StackValues
    """What `{NAME}` means."""

    web: Mapping[str, Sidecar]
    """The web service's sidecars, with the stack's values filled in."""

    frontend: Mapping[str, Sidecar]
    """The frontend's."""

    frontend_env: Mapping[str, Any]
    """The frontend's own variables."""


def variables(sources: Sources) -> Variables:
    """All of them. Raises ValueError for a reference that cannot be filled in."""
    args, values = sources.args, _values(sources)
    stack = stack_values(values, sources.secrets.references, _joined)
    django = container_env(
        values,
        secret_reference=sources.secrets.references,
        extra_env=args.extra_env,
        extra_secrets=_extra_secrets(sources),
        join=_joined,
    )
    frontend = args.frontend if args.frontend_image is not None else None
    return Variables(
        django=django,
        stack=stack,
        web=_sidecars("web", args.web, stack),
        frontend=_sidecars("frontend", frontend, stack) if frontend else {},
        frontend_env=stack.all_filled(frontend.env, "frontend.env") if frontend else {},
    )


def _values(sources: Sources) -> ContainerValues:
    args, base = sources.args, sources.args.base
    frontend = _url(sources, sources.addresses.frontend)
    return ContainerValues(
        environment=sources.name,
        base=base.base_stack_name,
        domain=base.domain_name or base.alb_dns_name,
        url=_url(sources, sources.addresses.environment),
        region=base.region,
        settings_module=args.settings_module,
        allowed_hosts=args.allowed_hosts,
        bucket=sources.bucket_name,
        static_url=sources.static_url,
        frontend_url=frontend if args.frontend_image is not None or sources.site_url is None else sources.site_url,
        database_host=base.database_host,
        database_port=number_text(base.database_port),
        database_name=sources.database_name,
        database_reader_host=base.database_reader_host,
        password_secret_name=sources.secrets.password_secret_name,
        sentry_dsn=args.sentry_dsn,
        **backing.broker_values(sources.redis, sources.sqs),
    )


def _extra_secrets(sources: Sources) -> dict[str, Any]:
    """`extra_secrets` by `valueFrom`; what refers to a secret of ours stays as it is written."""
    resolved = {name: known.value_from if known else None for name, known in sources.external.items()}
    return {name: resolved.get(name, reference) for name, reference in sources.args.extra_secrets.items()}


def _url(sources: Sources, host: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat(f"{sources.scheme}://", host)


def _sidecars(where: str, options: ServedOptions, stack: StackValues) -> dict[str, Sidecar]:
    return {
        name: replace(sidecar, env=stack.all_filled(sidecar.env, f"{where}.sidecars.{name}.env"))
        for name, sidecar in options.sidecars.items()
    }


def _joined(parts: Sequence[Any]) -> pulumi.Output[str]:
    return pulumi.Output.concat(*parts)
