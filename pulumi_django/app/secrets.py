"""The secrets that an environment's containers receive: its own, and those that exist already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi

from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.environment import Environment
from pulumi_django.data.secrets import AppSecrets, AppSecretsArgs
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.policies.secret_references import Resolved, Resolver


@dataclass(frozen=True, kw_only=True)
class References:
    """The secrets of the configuration that exist already."""

    django: Mapping[str, Resolved | None]
    """Variable of Django's containers -> secret; None removes a variable of the stack."""

    sidecars: Mapping[str, Mapping[str, Sidecar]]
    """Key of a service in the configuration -> its sidecars, with secrets in the form of ECS."""

    arns: Sequence[pulumi.Input[str]]
    """ARNs that ECS reads for them, each once."""


def sidecar_references(args: AppArgs) -> list[str]:
    """Return every reference of a sidecar that is known now."""
    sidecars = [sidecar for part in args.served for sidecar in part.options.sidecars.values()]
    return [secret for sidecar in sidecars for secret in sidecar.secrets.values() if isinstance(secret, str)]


def references(env: Environment) -> References:
    """Resolve the references of `extra_secrets` and of the sidecars."""
    args, parent = env.args, env.opts.parent
    assert parent is not None, "an environment's parts have a parent"
    resolver = Resolver(env.base.region, parent)
    django = {
        variable: resolver.resolve(reference) if reference else None
        for variable, reference in args.external_secrets.items()
    }
    arns = [arn for resolved in django.values() if resolved for arn in resolved.arns]
    sidecars = {part.key: _sidecars(part.options.sidecars, resolver, arns) for part in args.served}
    return References(django=django, sidecars=sidecars, arns=_each_once(arns))


def _sidecars(sidecars: Mapping[str, Sidecar], resolver: Resolver, arns: list[pulumi.Input[str]]) -> dict[str, Sidecar]:
    """Return the sidecars with resolved secrets, and add the ARNs of these to `arns`."""
    resolved: dict[str, Sidecar] = {}
    for name, sidecar in sidecars.items():
        secrets = dict(sidecar.secrets)
        for variable, secret in sidecar.secrets.items():
            if isinstance(secret, str):
                found = resolver.resolve(secret)
                secrets[variable] = found.value_from
                arns.extend(found.arns)
        resolved[name] = replace(sidecar, secrets=secrets)
    return resolved


def _each_once(arns: Iterable[pulumi.Input[str]]) -> list[pulumi.Input[str]]:
    known = list(arns)
    plain = sorted({arn for arn in known if isinstance(arn, str)})
    return [*plain, *{id(arn): arn for arn in known if not isinstance(arn, str)}.values()]


def own(env: Environment) -> AppSecrets:
    """Create the environment's own secrets."""
    base = env.base
    return AppSecrets(
        f"{env.name}-secrets",
        AppSecretsArgs(
            database_host=base.database_host,
            database_port=base.database_port,
            database_name=env.database_name,
            database_reader_host=base.database_reader_host,
            password_secret=env.args.database_password_secret,
            recovery_window_days=env.args.secret_recovery_days,
            kms_key_arn=base.kms_key_arn,
        ),
        env.opts,
    )
