"""The program of an environment with the name of its stack, the arguments of its stack's configuration, and the kind of its
base."""

from collections.abc import Sequence

import pulumi

from pulumi_django import AdHocApp, AdHocAppArgs, Kind, ProdApp, ProdAppArgs, contract
from pulumi_django.program import config, own_state, project


async def app_stack(base_project: str, also: Sequence[str]) -> None:
    """Create the environment of the running stack, and export its outputs."""
    name = pulumi.get_stack()
    settings = config.load(project.AppSettings, partial=True)
    base = await project.base_contract(settings.base, name, project=settings.base_project or base_project, also=also)
    contract.require_kind(base, settings.kind or base.kind, name)
    provider = project.aws_provider(environment=name, base=settings.base, kind=base.kind, tags=settings.tags)
    given = {"base": base, "aws": project.aws_access(), **await own_state.routing()}
    options = project.options(provider, settings.permissions_boundary)
    if base.kind is Kind.PROD:
        prod = config.load(ProdAppArgs, given=given, others=project.AppSettings)
        contract.export(ProdApp(name, prod, options).outputs)
    else:
        ad_hoc = config.load(AdHocAppArgs, given=given, others=project.AppSettings)
        contract.export(AdHocApp(name, ad_hoc, options).outputs)
