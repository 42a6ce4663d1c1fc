"""A base and one environment in one stack: how the components are used in a program of one's own."""

import pulumi

from pulumi_django import AdHocApp, AdHocAppArgs, AdHocBase, AdHocBaseArgs, Kind, contract
from pulumi_django.program import config, project


def main() -> None:
    name = pulumi.get_stack()
    settings = config.load(project.StandaloneSettings)
    provider = project.aws_provider(environment=name, base=name, kind=Kind.AD_HOC, tags=settings.tags)
    options = project.options(provider, settings.permissions_boundary)
    base_args = config.load(AdHocBaseArgs, at="base", given={"region": project.region()})
    base = AdHocBase(name, base_args, options)
    given = {"base": base.contract, "aws": project.aws_access()}
    app = AdHocApp(name, config.load(AdHocAppArgs, at="app", given=given), options)
    contract.export(app.outputs)


main()
