"""The stacks whose security is judged: both kinds as they are by default, and production with every option."""

from __future__ import annotations

import functools

from pulumi_django import (
    AlarmOptions,
    CdnOptions,
    DeploymentOptions,
    ExecSessionOptions,
    FirewallOptions,
    Mount,
    ProdApp,
    ProdAppArgs,
    ProdAppAssetsOptions,
    ProdAuroraOptions,
    ProdBase,
    ProdBaseArgs,
    ProdServiceOptions,
    ProdVolumeOptions,
    ProdWebOptions,
    ScheduledCommandOptions,
    SqsOptions,
    StaticSiteOptions,
    TracingOptions,
)
from pulumi_django.testing import simulate
from tests.support.posture import World
from tests.support.projects import simulate_alpha, simulate_dev

IMAGES = {"backend_image": "shop-backend:v1", "frontend_image": "shop-frontend:v1"}


@functools.cache
def ad_hoc() -> World:
    """The checked-in base and environment."""
    base = simulate_dev()
    return World.of(base, simulate_alpha(base))


@functools.cache
def prod() -> World:
    """What production is by default."""

    def program() -> None:
        base = ProdBase("prod", ProdBaseArgs(region="us-east-1", domain_name="example.com"))
        web = ProdWebOptions(paths=("/api/*",))
        args = ProdAppArgs(base=base.contract, settings_module="shop.settings", web=web, **IMAGES)
        ProdApp("shop", args)

    return World.of(simulate(program, project="django-prod", stack="shop"))


@functools.cache
def options() -> World:
    """Production with everything that can be chosen."""

    def program() -> None:
        base = ProdBase(
            "prod",
            ProdBaseArgs(
                region="us-east-1",
                domain_name="example.com",
                aurora=ProdAuroraOptions(),
                firewall=FirewallOptions(),
            ),
        )
        args = ProdAppArgs(
            base=base.contract,
            settings_module="shop.settings",
            web=ProdWebOptions(paths=("/api/*",), deployment=DeploymentOptions(strategy="blue-green")),
            services={
                "channels": ProdServiceOptions(paths=["/ws/*"], mounts={"media": Mount(path="/app/media")}),
            },
            volumes={"media": ProdVolumeOptions()},
            cache=None,
            sqs=SqsOptions(),
            assets=ProdAppAssetsOptions(source="own"),
            cdn=CdnOptions(access_logs=True),
            static_site=StaticSiteOptions(access_logs=True),
            browser_uploads=True,
            alarms=AlarmOptions(emails=["ops@example.com"]),
            tracing=TracingOptions(),
            exec_enabled=True,
            exec_sessions=ExecSessionOptions(bucket=True),
            scheduled_commands={
                "clean": ScheduledCommandOptions(command=["python", "manage.py", "clear"], schedule="rate(1 day)")
            },
            publish_parameters=True,
            **IMAGES,
        )
        ProdApp("shop", args)

    return World.of(simulate(program, project="django-prod", stack="shop"))


WORLDS = {"ad-hoc": ad_hoc, "prod": prod, "options": options}
