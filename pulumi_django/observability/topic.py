"""The SNS topic of alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import aws_rules


@dataclass(frozen=True, kw_only=True)
class AlarmTopicArgs:
    account_id: pulumi.Input[str]
    """Id of the AWS account whose alarms can publish."""

    kms_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of the messages. It must admit CloudWatch (`EncryptionKey`), which the account's default key for SNS
    does not. None keeps only the disk encryption of SNS."""

    emails: Sequence[str] = ()
    """E-mail addresses that receive every alarm. Each must confirm the subscription first."""

    def __post_init__(self) -> None:
        aws_rules.check_addresses("emails", self.emails)


class AlarmTopic(pulumi.ComponentResource):
    """An SNS topic to which only alarms of this account can publish."""

    topic_arn: pulumi.Output[str]
    """ARN of the topic, known after alarms have permission to publish."""

    def __init__(self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:observability:AlarmTopic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, kms_master_key_id=args.kms_key_arn, opts=child)
        policy = aws.sns.TopicPolicy(f"{name}-policy", arn=topic.arn, policy=_policy(topic, args), opts=child)
        for email in sorted(set(args.emails)):
            aws.sns.TopicSubscription(f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=child)
        self.topic_arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda values: str(values[0]))
        self.register_outputs({"topic_arn": self.topic_arn})


def _policy(topic: aws.sns.Topic, args: AlarmTopicArgs) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Alarms",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": topic.arn,
                    "Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}},
                },
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sns:Publish",
                    "Resource": topic.arn,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        }
    )
