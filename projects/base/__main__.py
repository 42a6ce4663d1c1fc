"""A base: the stack's name is its name, the stack's configuration are its arguments."""

import pulumi

from pulumi_django import AdHocBase, AdHocBaseArgs, Kind, config, contract, project


def main() -> None:
    name, region = pulumi.get_stack(), project.region()
    settings = config.load(project.BaseSettings, partial=True)
    provider = project.aws_provider(base=name, kind=Kind.AD_HOC, tags=settings.tags)
    args = config.load(AdHocBaseArgs, given={"region": region}, others=project.BaseSettings)
    base = AdHocBase(name, args, pulumi.ResourceOptions(providers=[provider]))
    contract.export(base.contract)


main()
