"""A base with the name of its stack and the arguments of its stack's configuration."""

import pulumi

from pulumi_django import AdHocBase, AdHocBaseArgs, Kind, ProdBase, ProdBaseArgs, contract
from pulumi_django.program import config, project


def main() -> None:
    name, given = pulumi.get_stack(), {"region": project.region()}
    settings = config.load(project.BaseSettings, partial=True)
    provider = project.aws_provider(base=name, kind=settings.kind, tags=settings.tags)
    options = pulumi.ResourceOptions(providers=[provider])
    if settings.kind is Kind.PROD:
        base = ProdBase(name, config.load(ProdBaseArgs, given=given, others=project.BaseSettings), options)
    else:
        base = AdHocBase(name, config.load(AdHocBaseArgs, given=given, others=project.BaseSettings), options)
    contract.export(base.contract)


main()
