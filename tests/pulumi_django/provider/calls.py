"""Programs that ask the plugin for components, under the simulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.resource import DependencyResource

from pulumi_django.provider.plugin import DjangoProvider

BASE, APP = "pulumi-django:base:AdHocBase", "pulumi-django:app:AdHocApp"
OF_BASE: Mapping[str, Any] = {"domainName": "example.com", "hostedZoneId": "Z1"}
OF_APP: Mapping[str, Any] = {"backendImage": "example.com/shop:1", "settingsModule": "shop.settings"}
STACK = "urn:pulumi:stack::project::pulumi:pulumi:Stack::project-stack"
CONFIG = {"aws:region": "eu-central-1"}


class Caller:
    """A program in another language: what it asks for, it gets as URN and outputs."""

    def __init__(self) -> None:
        self.provider = DjangoProvider()

    async def make(
        self, token: str, name: str, inputs: Mapping[str, Any], options: pulumi.ResourceOptions | None = None
    ) -> tuple[str, dict[str, Any]]:
        # As the SDK makes the options of a request.
        parent = pulumi.ResourceOptions(parent=DependencyResource(STACK), protect=False)
        result = self.provider.construct(name, token, inputs, pulumi.ResourceOptions.merge(parent, options))
        urn = await pulumi.Output.from_input(result.urn).future()
        assert urn is not None
        return urn, dict(result.state)

    async def both(self, *, base: Mapping[str, Any] = OF_BASE, app: Mapping[str, Any] = OF_APP) -> dict[str, Any]:
        """A base and an environment on it, and the environment's outputs."""
        urn, _ = await self.make(BASE, "shared", base)
        return (await self.make(APP, "alpha", {"base": urn, **app}))[1]
