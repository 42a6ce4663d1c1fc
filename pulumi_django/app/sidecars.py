"""The secrets of sidecars that the configuration adds, as references like those of `extra_secrets`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import pulumi

from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.options import FrontendOptions, WebOptions
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.policies.secret_references import Resolver

Served = TypeVar("Served", WebOptions, FrontendOptions)


def references(args: AppArgs) -> list[str]:
    """Every reference of a sidecar that is known now."""
    return [secret for sidecar in _all(args) for secret in sidecar.secrets.values() if isinstance(secret, str)]


def resolved(args: AppArgs, resolver: Resolver) -> tuple[AppArgs, list[pulumi.Input[str]]]:
    """The arguments with the references as ECS wants them, and what the execution role must be allowed to read."""
    arns: list[pulumi.Input[str]] = []

    def sidecar(given: Sidecar) -> Sidecar:
        secrets = dict(given.secrets)
        for variable, secret in given.secrets.items():
            if isinstance(secret, str):
                found = resolver.resolve(secret)
                secrets[variable] = found.value_from
                arns.extend(found.arns)
        return replace(given, secrets=secrets)

    def served(options: Served) -> Served:
        return replace(options, sidecars={name: sidecar(given) for name, given in options.sidecars.items()})

    return replace(args, web=served(args.web), frontend=served(args.frontend)), arns


def _all(args: AppArgs) -> Iterable[Sidecar]:
    return [*args.web.sidecars.values(), *(args.frontend.sidecars.values() if args.frontend_image else ())]
