"""The program of a base with the name of its stack and the arguments of its stack's configuration."""

import pulumi

from pulumi_django import AdHocBase, AdHocBaseArgs, Kind, ProdBase, ProdBaseArgs, contract
from pulumi_django.program import config, pinned_zones, project


async def base_stack() -> None:
    """Create the base of the running stack, and export its contract."""
    name, region = pulumi.get_stack(), project.region()
    settings = config.load(project.BaseSettings, partial=True)
    provider = project.aws_provider(base=name, kind=settings.kind, tags=settings.tags)
    given = {"region": region, "account_zones": await pinned_zones.account_zones(name, region, provider)}
    options = project.options(provider, settings.permissions_boundary)
    if settings.kind is Kind.PROD:
        base = ProdBase(name, config.load(ProdBaseArgs, given=given, others=project.BaseSettings), options)
    else:
        base = AdHocBase(name, config.load(AdHocBaseArgs, given=given, others=project.BaseSettings), options)
    contract.export(base.contract)
