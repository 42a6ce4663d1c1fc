"""Where alarms are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AlarmTopicArgs:
    account_id: pulumi.Input[str]
    """AWS account whose alarms may publish."""

    kms_key_arn: pulumi.Input[str] | None = None
    """Key of the messages, which must admit CloudWatch (`EncryptionKey`); the account's default key for SNS does not. None
    leaves them to the encryption of SNS's own disks."""

    emails: Sequence[str] = ()
    """Addresses that get every alarm; each is asked to confirm first."""

    def __post_init__(self) -> None:
        for email in self.emails:
            if email.count("@") != 1 or email.startswith("@") or email.endswith("@") or " " in email:
                raise ValueError(f"emails has {email!r}: an address is written like ops@example.com")


class AlarmTopic(pulumi.ComponentResource):
    """An SNS topic to which only this account's alarms publish."""

    topic_arn: pulumi.Output[str]
    """ARN of the topic, known once alarms may publish."""

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
