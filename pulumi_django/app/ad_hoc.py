"""A short-lived environment on an ad-hoc base."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi

from pulumi_django.app import parts
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.options import RedisOptions
from pulumi_django.contract import AppOutputs
from pulumi_django.rules.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class AdHocAppArgs(AppArgs):
    """Cheap defaults: spot capacity, a Redis of its own, a bucket that is deleted with the environment."""

    redis: RedisOptions | None = field(default_factory=RedisOptions)
    spot: bool = True
    exec_enabled: bool = True
    log_retention_days: int = 3


class AdHocApp(pulumi.ComponentResource):
    """A Django application with resources of its own: cluster, services, Redis, database, bucket, secrets.

    The instance's name is the environment's name.
    """

    outputs: AppOutputs
    """Outputs for users and tools; `contract.export(app.outputs)` exports them."""

    def __init__(self, name: str, args: AdHocAppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:app:AdHocApp", name, None, opts)
        self.outputs = parts.assemble(name, Kind.AD_HOC, args, parent=self)
        self.register_outputs({"url": self.outputs.url, "kind": self.outputs.kind})
