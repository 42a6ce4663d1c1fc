"""Trust policies for AWS services, and ARNs in the partition of another ARN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi


def trust_policy(
    service: pulumi.Input[str] | Sequence[str], account_id: pulumi.Input[str] | None = None
) -> pulumi.Output[str]:
    """Return a trust policy as JSON for a service, such as `ecs-tasks.amazonaws.com`, or for several.

    With `account_id` the service can assume the role only for resources of that account, which prevents the confused deputy
    problem (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html). Use None for services that do not send
    the account, such as EC2.
    """
    services = list(service) if isinstance(service, Sequence) and not isinstance(service, str) else service
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}
    if account_id is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account_id}}
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})


def partition_of(arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the partition of an ARN: `aws`, `aws-cn`, ..."""
    return pulumi.Output.from_input(arn).apply(lambda text: text.split(":")[1])


def managed_policy(name: str, beside: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the ARN of the AWS managed policy `name` in the partition of the ARN `beside`."""
    return pulumi.Output.concat("arn:", partition_of(beside), f":iam::aws:policy/{name}")


def account_of(arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the account of an ARN."""
    return pulumi.Output.from_input(arn).apply(lambda text: text.split(":")[4])
