"""Flow logs: a record of every connection in a VPC."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.policies.trust import account_of, trust_policy
from pulumi_django.rules.sizing import check_log_retention

# The other choice is 60. The longer interval writes less, and later.
# https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-basics.html#flow-logs-aggregration-interval
AGGREGATION_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    vpc_id: pulumi.Input[str]
    """VPC whose connections are recorded."""

    retention_days: int = 30
    """Days for which CloudWatch keeps the lines, one of its retention periods."""

    kms_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of the log group; None keeps CloudWatch's own encryption."""

    def __post_init__(self) -> None:
        check_log_retention("retention_days", self.retention_days)


class FlowLogs(pulumi.ComponentResource):
    """A log group with the accepted and rejected connections of a VPC."""

    log_group_name: pulumi.Output[str]
    """Name of the log group."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:flow_logs:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            name, retention_in_days=args.retention_days, kms_key_id=args.kms_key_arn, opts=child
        )
        trust = trust_policy("vpc-flow-logs.amazonaws.com", account_of(group.arn))
        role = aws.iam.Role(f"{name}-role", assume_role_policy=trust, opts=child)
        policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=_write(group), opts=child)
        aws.ec2.FlowLog(
            name,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=AGGREGATION_SECONDS,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.log_group_name = group.name
        self.register_outputs({"log_group_name": self.log_group_name})


def _write(group: aws.cloudwatch.LogGroup) -> pulumi.Output[str]:
    streams = pulumi.Output.concat(group.arn, ":*")
    actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": [group.arn, streams]}
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})
