"""Whether AWS knows us as the account that a stack's resources are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.config import aws_settings
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import EngineUnavailableError, OrchestratorError, RefusedError
from orchestrator.model import Unit
from orchestrator.recovery import arns
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules.aws_config import AwsConfigError

_REJECTED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)


def of_resources(latest: Mapping[str, Any]) -> str | None:
    """The account that a checkpoint's resources are in, by the first ARN of one of them; None when there is none."""
    for resource in latest.get("resources") or []:
        arn = (resource.get("outputs") or {}).get("arn")
        found = arns.account(arn) if arns.is_arn(arn) else None
        if found:
            return found
    return None


def check(stacks: Iterable[tuple[Unit, Project, str]]) -> None:
    """Make sure that each stack's own AWS configuration leads to the account that its resources are in.

    `stacks` are units with their projects and accounts. AWS is asked once per way of reaching it, and not at all where
    no credentials are found: then the provider has the word. Raises RefusedError, EngineUnavailableError.
    """
    asked: dict[str, str | None] = {}
    for unit, project, account in stacks:
        config = aws_config(project, unit.stack)
        if config is None or config.get("skipRequestingAccountId"):
            continue
        try:
            access = AwsAccess.from_config(config)
        except AwsConfigError:  # a key that only the provider can follow
            continue
        if repr(access) not in asked:
            asked[repr(access)] = _identity(access)
        ours = asked[repr(access)]
        if ours is not None and ours != account:
            raise RefusedError(
                f"{unit} is in the AWS account {account} and you are in {ours}: nothing was touched",
                "log in to the other account (AWS_PROFILE, `aws sso login`), or set `aws:profile` in its configuration",
            )


def aws_config(project: Project, stack: str) -> dict[str, Any] | None:
    """The stack's `aws:*` configuration without the prefix; None when it cannot be read: then the program says why."""
    try:
        return aws_settings.provider_config(project, stack, StackConfig.load(project, stack).snapshot())
    except OrchestratorError:
        return None


def _identity(access: AwsAccess) -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(access.client("sts").get_caller_identity()["Account"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _REJECTED:
            raise EngineUnavailableError(
                "AWS does not know who you are: the credentials are expired or wrong",
                "log in (`aws sso login`, or set AWS_PROFILE), then run the command again",
            ) from error
        return None
    except BotoCoreError:
        return None
