"""The KMS key of a base for log groups, topics and session logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.rules.partitions import of_region, principal

# https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
MIN_DELETION_DAYS, MAX_DELETION_DAYS = 7, 30
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
LOG_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    account_id: pulumi.Input[str]
    """Id of the AWS account whose log groups and alarms use the key."""

    region: str
    """AWS region of the key and of everything that it encrypts."""

    deletion_days: int = 30
    """Days within which a deleted key can be restored, 7 to 30. Data that it encrypted is unreadable without it."""

    def __post_init__(self) -> None:
        if not MIN_DELETION_DAYS <= self.deletion_days <= MAX_DELETION_DAYS:
            raise ValueError(
                f"deletion_days is {self.deletion_days}: it must be {MIN_DELETION_DAYS} to {MAX_DELETION_DAYS}"
            )


class EncryptionKey(pulumi.ComponentResource):
    """A KMS key with yearly rotation. CloudWatch Logs can use it for log groups, and alarms can publish to encrypted
    topics."""

    arn: pulumi.Output[str]
    """ARN of the key."""

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:encryption:EncryptionKey", name, None, opts)
        key = aws.kms.Key(
            name,
            description=f"{name}: log groups and topics",
            enable_key_rotation=True,
            deletion_window_in_days=args.deletion_days,
            policy=_policy(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def _policy(args: EncryptionKeyArgs) -> pulumi.Output[str]:
    """Return the key policy. In it, the resource `*` is the key itself."""
    account = args.account_id
    statements: list[Mapping[str, Any]] = [
        # Lets the account's IAM policies control the key. Without it the key could never be changed or deleted.
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": pulumi.Output.concat(f"arn:{of_region(args.region)}:iam::", account, ":root")},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": principal(f"logs.{args.region}", args.region)},
            "Action": list(LOG_ACTIONS),
            "Resource": "*",
            "Condition": {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": pulumi.Output.concat(
                        f"arn:{of_region(args.region)}:logs:{args.region}:", account, ":log-group:*"
                    )
                }
            },
        },
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        },
    ]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
