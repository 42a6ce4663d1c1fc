"""An environment on a base and on the database with the base's name."""

import pulumi

from pulumi_django import AdHocApp, AdHocAppArgs, contract
from pulumi_django.program import config, project


async def main() -> None:
    name = pulumi.get_stack()
    settings = config.load(project.AppSettings, partial=True)
    also = ["example-split-database"]
    base = await project.base_contract(settings.base, name, project="example-split-base", also=also)
    provider = project.aws_provider(environment=name, base=settings.base, kind=base.kind, tags=settings.tags)
    given = {"base": base, "aws": project.aws_access()}
    args = config.load(AdHocAppArgs, given=given, others=project.AppSettings)
    app = AdHocApp(name, args, pulumi.ResourceOptions(providers=[provider]))
    contract.export(app.outputs)


pulumi.run(main)
