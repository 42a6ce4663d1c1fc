"""The IAM roles of tasks: one with which ECS starts them, one with which the application acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

Statement = Mapping[str, Any]
"""An IAM statement as in JSON (`Effect`, `Action`, `Resource`, ...); values may be Outputs."""


@dataclass(frozen=True, kw_only=True)
class ExecutionRoleArgs:
    log_group_arns: Sequence[pulumi.Input[str]]
    """Log groups that the tasks write to."""

    secret_arns: Sequence[pulumi.Input[str]] = ()
    """Secrets and parameters that are handed to containers; nothing else can be read."""

    statements: Sequence[Statement] = ()
    """What else ECS may do, as IAM statements."""


class ExecutionRole(pulumi.ComponentResource):
    """What ECS may do to start a task: fetch the image, open the log, read the named secrets."""

    role_arn: pulumi.Output[str]
    """ARN of the role, known once its permissions are there."""

    def __init__(self, name: str, args: ExecutionRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:ExecutionRole", name, None, opts)
        statements: list[Statement] = [*_pull_statements(), _log_statement(args.log_group_arns)]
        if args.secret_arns:
            statements.append(
                {
                    "Sid": "Secrets",
                    "Effect": "Allow",
                    "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters"],
                    "Resource": list(args.secret_arns),
                }
            )
        self.role_arn = _role(self, name, [*statements, *args.statements])
        self.register_outputs({"role_arn": self.role_arn})


@dataclass(frozen=True, kw_only=True)
class TaskRoleArgs:
    bucket_arns: Sequence[pulumi.Input[str]] = ()
    """Buckets whose objects the application reads, writes and lists."""

    readable_secret_arns: Sequence[pulumi.Input[str]] = ()
    """Secrets that the application itself reads."""

    exec_enabled: bool = False
    """Whether `aws ecs execute-command` may open a shell."""

    email_identity_arns: Sequence[pulumi.Input[str]] = ()
    """SES identities from which the application sends mail."""

    statements: Sequence[Statement] = ()
    """What else the application may do, as IAM statements."""


class TaskRole(pulumi.ComponentResource):
    """What the application may do in AWS."""

    role_arn: pulumi.Output[str]
    """ARN of the role, known once its permissions are there."""

    def __init__(self, name: str, args: TaskRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:TaskRole", name, None, opts)
        self.role_arn = _role(self, name, [*_task_statements(args), *args.statements])
        self.register_outputs({"role_arn": self.role_arn})


def _task_statements(args: TaskRoleArgs) -> list[Statement]:
    statements: list[Statement] = []
    if args.bucket_arns:
        objects = [pulumi.Output.concat(arn, "/*") for arn in args.bucket_arns]
        statements += [
            _allow("Objects", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], objects),
            _allow("Bucket", ["s3:ListBucket", "s3:GetBucketLocation"], list(args.bucket_arns)),
        ]
    if args.readable_secret_arns:
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        statements.append(_allow("OwnSecrets", actions, list(args.readable_secret_arns)))
    if args.exec_enabled:
        # These four actions know no resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmessagegatewayservice.html
        actions = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
        statements.append(_allow("Exec", actions, ["*"]))
    if args.email_identity_arns:
        statements.append(_allow("Mail", ["ses:SendEmail", "ses:SendRawEmail"], list(args.email_identity_arns)))
    return statements


def _pull_statements() -> list[Statement]:
    """Images may come from any repository of any account that shares it: the repository's own policy decides."""
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    return [
        # This action knows no resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        _allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("Images", actions, ["arn:aws:ecr:*:*:repository/*"]),
    ]


def _log_statement(log_group_arns: Sequence[pulumi.Input[str]]) -> Statement:
    streams = [pulumi.Output.concat(arn, ":*") for arn in log_group_arns]
    return _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], streams)


def _allow(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _role(component: pulumi.ComponentResource, name: str, statements: Sequence[Statement]) -> pulumi.Output[str]:
    """A role that ECS tasks may take, with one inline policy; its ARN waits for the policy."""
    child = pulumi.ResourceOptions(parent=component)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        ],
    }
    role = aws.iam.Role(name, assume_role_policy=pulumi.Output.json_dumps(trust), opts=child)
    if not statements:
        return role.arn
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=pulumi.Output.json_dumps(document), opts=child)
    return pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0]))
