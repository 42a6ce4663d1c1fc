"""The program of the resources that an account needs once, with the arguments of its stack's configuration."""

import pulumi

from pulumi_django import AccountBootstrap, AccountBootstrapArgs
from pulumi_django.program import config, project


async def bootstrap_stack() -> None:
    """Create the account's resources, and export their outputs."""
    settings = config.load(project.BootstrapSettings, partial=True)
    provider = project.aws_provider(tags=settings.tags)
    args = config.load(AccountBootstrapArgs, given={"region": project.region()}, others=project.BootstrapSettings)
    account = AccountBootstrap(pulumi.get_stack(), args, pulumi.ResourceOptions(providers=[provider]))
    for name, value in account.outputs().items():
        pulumi.export(name, value)
