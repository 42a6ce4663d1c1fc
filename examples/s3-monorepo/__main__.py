"""An environment of a monorepo with a Django backend and a frontend of static files; `kind` selects ad-hoc or production."""

import pulumi

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    AdHocBase,
    AdHocBaseArgs,
    Kind,
    ProdApp,
    ProdAppArgs,
    ProdBase,
    ProdBaseArgs,
    contract,
)
from pulumi_django.program import config, project


def main() -> None:
    name = pulumi.get_stack()
    kind = Kind(pulumi.Config().require("kind"))
    provider = project.aws_provider(environment=name, base=name, kind=kind)
    options = pulumi.ResourceOptions(providers=[provider])
    given = {"region": project.region()}
    if kind is Kind.PROD:
        base = ProdBase(name, config.load(ProdBaseArgs, at="base", given=given), options)
    else:
        base = AdHocBase(name, config.load(AdHocBaseArgs, at="base", given=given), options)
    given = {"base": base.contract, "aws": project.aws_access()}
    if kind is Kind.PROD:
        app = ProdApp(name, config.load(ProdAppArgs, at="app", given=given), options)
    else:
        app = AdHocApp(name, config.load(AdHocAppArgs, at="app", given=given), options)
    contract.export(app.outputs)


main()
