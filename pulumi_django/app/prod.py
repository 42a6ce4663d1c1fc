"""A production environment on a production base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from pulumi_django.app import parts
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.options import (
    AlarmOptions,
    AppCacheOptions,
    ProdAppAssetsOptions,
    ProdFrontendOptions,
    ProdServiceOptions,
    ProdVolumeOptions,
    ProdWebOptions,
    ProdWorkerOptions,
)
from pulumi_django.contract import AppOutputs
from pulumi_django.rules.kinds import Kind


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
        self.outputs = parts.assemble(name, Kind.PROD, args, parent=self)
        self.register_outputs({"url": self.outputs.url, "kind": self.outputs.kind})
