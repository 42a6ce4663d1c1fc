"""A base and an environment in one stack: an example of a program that uses the components directly."""

import pulumi

from pulumi_django import AdHocApp, AdHocAppArgs, AdHocBase, AdHocBaseArgs, Kind, contract
from pulumi_django.program import config, pinned_zones, project


async def main() -> None:
    name, region = pulumi.get_stack(), project.region()
    settings = config.load(project.StandaloneSettings)
    provider = project.aws_provider(environment=name, base=name, kind=Kind.AD_HOC, tags=settings.tags)
    options = project.options(provider, settings.permissions_boundary)
    place = {"region": region, "account_zones": await pinned_zones.account_zones(name, region, provider, at="base")}
    base = AdHocBase(name, config.load(AdHocBaseArgs, at="base", given=place), options)
    given = {"base": base.contract, "aws": project.aws_access()}
    app = AdHocApp(name, config.load(AdHocAppArgs, at="app", given=given), options)
    contract.export(app.outputs)


pulumi.run(main)
