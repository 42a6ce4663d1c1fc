"""The resources that an account needs once, before bases and environments; the stack's configuration has the arguments."""

import pulumi

from pulumi_django import AccountBootstrap, AccountBootstrapArgs
from pulumi_django.program import config, project


def main() -> None:
    settings = config.load(project.BootstrapSettings, partial=True)
    provider = project.aws_provider(tags=settings.tags)
    args = config.load(AccountBootstrapArgs, given={"region": project.region()}, others=project.BootstrapSettings)
    account = AccountBootstrap(pulumi.get_stack(), args, pulumi.ResourceOptions(providers=[provider]))
    for name, value in account.outputs().items():
        pulumi.export(name, value)


main()
