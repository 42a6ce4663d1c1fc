"""The program of a base and an environment in one stack, both with its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from pulumi_django import AdHocApp, AdHocAppArgs, AdHocBase, AdHocBaseArgs, Kind, contract
from pulumi_django.program import config, own_state, pinned_zones, project
from pulumi_django.program.project import StandaloneSettings


async def standalone_stack() -> None:
    """Create the base and the environment of the running stack, and export the outputs of the environment."""
    name, region = pulumi.get_stack(), project.region()
    settings = config.load(StandaloneSettings)
    provider = project.aws_provider(environment=name, base=name, kind=Kind.AD_HOC, tags=settings.tags)
    options = project.options(provider, settings.permissions_boundary)
    zones = await pinned_zones.account_zones(name, region, provider, at="base")
    of_base = {"region": region, "account_zones": zones, **_short(settings, "base", settings.base, "domain_name")}
    base = AdHocBase(name, config.load(AdHocBaseArgs, at="base", given=of_base), options)
    short = _short(settings, "app", settings.app, "backend_image", "settings_module")
    of_app = {"base": base.contract, "aws": project.aws_access(), **await own_state.routing(), **short}
    app = AdHocApp(name, config.load(AdHocAppArgs, at="app", given=of_app), options)
    contract.export(app.outputs)


def _short(settings: StandaloneSettings, at: str, arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The arguments that are set at the top of the stack file. Raises ConfigError for one that is set in both places."""
    values = {name: value for name in names if (value := getattr(settings, name)) is not None}
    twice = [
        f"{pulumi.get_project()}:{name}: is also set in {at}: remove one of them"
        for name in values
        if name in arguments
    ]
    if twice:
        raise config.ConfigError(twice, pulumi.get_stack())
    return values
