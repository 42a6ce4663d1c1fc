"""Shell sessions in tasks (ECS Exec): encrypted with a KMS key, and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.data import buckets
from pulumi_django.rules import naming
from pulumi_django.rules.partitions import of_region
from pulumi_django.rules.sizing import check_log_retention

# A service's name begins with a letter, so no service has this log group.
LOG_NAME = "_exec"
OLD_VERSION_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class ExecSessionSettings:
    """Storage of the records of shell sessions."""

    retention_days: int = 90
    """Days for which sessions are kept: 1, 3, 5, 7, 14, 30, ...
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

    bucket: bool = False
    """Whether each session is also stored as a file in a separate bucket."""

    def __post_init__(self) -> None:
        check_log_retention("retention_days", self.retention_days)


@dataclass(frozen=True, kw_only=True)
class ExecSessionsArgs(ExecSessionSettings):
    environment: str
    """Name of the environment; the log group is called `/ecs/{environment}/_exec`."""

    region: str
    """AWS region of the log group."""

    kms_key_arn: pulumi.Input[str]
    """KMS key of the sessions' traffic and of the log group; opening a session needs `kms:GenerateDataKey` for it."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes its files; otherwise a bucket with files cannot be deleted."""


class ExecSessions(pulumi.ComponentResource):
    """Records of shell sessions. The containers need `script` and `cat` for that.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
    """

    log_group_name: str
    """Name of the log group; it has one stream for each session."""

    configuration: aws.ecs.ClusterConfigurationArgs
    """Configuration of the cluster."""

    statements: Sequence[Mapping[str, Any]]
    """IAM statements that the role of the tasks needs."""

    def __init__(self, name: str, args: ExecSessionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:ExecSessions", name, None, opts)
        self.log_group_name = naming.log_group_name(args.environment, LOG_NAME)
        group = aws.cloudwatch.LogGroup(
            name,
            name=self.log_group_name,
            retention_in_days=args.retention_days,
            kms_key_id=args.kms_key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        bucket = self._bucket(name, args) if args.bucket else None
        self.configuration = _configuration(args, group, bucket)
        self.statements = _statements(args, group, bucket)
        self.register_outputs({"log_group_name": self.log_group_name})

    def _bucket(self, name: str, args: ExecSessionsArgs) -> aws.s3.Bucket:
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(name, force_destroy=args.force_destroy, opts=child)
        buckets.guard(self, name, bucket)
        versioning = buckets.versions(self, name, bucket)
        buckets.expire(self, name, bucket, versioning, days=args.retention_days, old_version_days=OLD_VERSION_DAYS)
        return bucket


def _configuration(
    args: ExecSessionsArgs, group: aws.cloudwatch.LogGroup, bucket: aws.s3.Bucket | None
) -> aws.ecs.ClusterConfigurationArgs:
    return aws.ecs.ClusterConfigurationArgs(
        execute_command_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
            kms_key_id=args.kms_key_arn,
            logging="OVERRIDE",
            log_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                cloud_watch_encryption_enabled=True,
                cloud_watch_log_group_name=group.name,
                s3_bucket_name=bucket.bucket if bucket is not None else None,
                s3_bucket_encryption_enabled=True if bucket is not None else None,
                s3_key_prefix=args.environment if bucket is not None else None,
            ),
        )
    )


def _statements(
    args: ExecSessionsArgs, group: aws.cloudwatch.LogGroup, bucket: aws.s3.Bucket | None
) -> list[Mapping[str, Any]]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-logging"""

    def allow(sid: str, actions: Sequence[str], *resources: pulumi.Input[str]) -> Mapping[str, Any]:
        return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}

    streams = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    statements = [
        allow("SessionKey", ["kms:Decrypt"], args.kms_key_arn),
        # The agent lists the groups to find its own.
        allow(
            "SessionGroups",
            ["logs:DescribeLogGroups"],
            f"arn:{of_region(args.region)}:logs:{args.region}:*:log-group:*",
        ),
        allow("SessionLog", streams, pulumi.Output.concat(group.arn, ":*")),
    ]
    if bucket is not None:
        files = pulumi.Output.concat(bucket.arn, f"/{args.environment}/*")
        statements.append(allow("SessionFiles", ["s3:PutObject"], files))
        statements.append(allow("SessionBucket", ["s3:GetEncryptionConfiguration"], bucket.arn))
    return statements


def exec_command(region: str, cluster: str, environment: str, service: str) -> str:
    """Return the command line that opens a shell in a service. It looks a task up first, because the ids of tasks change."""
    where = f"--region {region} --cluster {cluster}"
    name = naming.service_name(environment, service)
    task = f"$(aws ecs list-tasks {where} --service-name {name} --query 'taskArns[0]' --output text)"
    return f"aws ecs execute-command {where} --task {task} --container {service} --interactive --command /bin/bash"
