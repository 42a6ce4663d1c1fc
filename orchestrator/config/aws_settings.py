"""Access to AWS outside a program, from the stack's `aws:*` configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.config.projects import Project
from orchestrator.config.settings import Settings
from orchestrator.config.stack_config import ConfigSnapshot, StackConfig, config_path, configured_stacks
from orchestrator.errors import SettingsError
from orchestrator.model import Scope
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules import aws_config
from pulumi_django.rules.aws_config import AwsConfigError

_ENCRYPTED = "is encrypted, so only the program can read it and operations cannot use it to access AWS"
_ENCRYPTED_HINT = "use a profile (`aws:profile`), environment variables or a role (`aws:assumeRoles`) instead"


def access_of(project: Project, stack: str, region: str | None = None) -> AwsAccess:
    """The access of one stack to AWS; `region` applies when its configuration has none.

    Raises SettingsError that names the file and each key that cannot be used or followed.
    """
    return access_of_stacks([(project, stack)], region)


def access_of_stacks(stacks: Sequence[tuple[Project, str]], region: str | None = None) -> AwsAccess:
    """The access of the stacks of one base or environment to AWS; later stacks override earlier ones."""
    config = {"region": region} if region else {}
    for project, stack in stacks:
        # A wrong value that only the program uses must not block operations.
        config |= provider_config(project, stack, StackConfig.load(project, stack).snapshot())
    try:
        return AwsAccess.from_config(config)
    except AwsConfigError as error:
        files = " and ".join(str(config_path(project, stack)) for project, stack in stacks)
        raise SettingsError(f"{files}: {'; '.join(error.problems)}") from None


def any_access(settings: Settings) -> AwsAccess:
    """The access of the first configured base to AWS. Raises SettingsError."""
    for project in settings.in_scope(Scope.BASE):
        for stack in configured_stacks(project):
            return access_of(project, stack)
    return AwsAccess()


def provider_config(project: Project, stack: str, snapshot: ConfigSnapshot) -> dict[str, Any]:
    """The stack's `aws:*` configuration without the prefix, in the types of its keys. Raises SettingsError."""
    where, wire = config_path(project, stack), snapshot.wire()
    encrypted = [key for key in sorted(snapshot.secret_keys) if key.startswith(aws_config.PREFIX)]
    for key in encrypted:
        wire.pop(key, None)
        if key.removeprefix(aws_config.PREFIX) not in aws_config.WITHOUT_ACCESS:
            raise SettingsError(f"{where}: {key} {_ENCRYPTED}", _ENCRYPTED_HINT)
    try:
        return aws_config.of_stack(wire)
    except AwsConfigError as error:
        raise SettingsError(f"{where}: {'; '.join(error.problems)}") from None
