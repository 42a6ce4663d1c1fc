"""The IAM roles of tasks: one with which ECS starts them, one with which the application acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.policies.trust import trust_policy

ECS_TASKS = "ecs-tasks.amazonaws.com"
"""Principal of tasks."""

Statement = Mapping[str, Any]
"""An IAM statement as in JSON (`Effect`, `Action`, `Resource`, ...); values may be Outputs."""


@dataclass(frozen=True, kw_only=True)
class ExecutionRoleArgs:
    account_id: pulumi.Input[str] | None = None
    """AWS account for whose tasks ECS may take the role; None does not ask."""

    log_group_arns: Sequence[pulumi.Input[str]]
    """Log groups that the tasks write to."""

    secret_arns: Sequence[pulumi.Input[str]] = ()
    """Secrets and parameters that are handed to containers; nothing else can be read."""

    statements: Sequence[Statement] = ()
    """What else ECS may do, as IAM statements."""

    key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys with which they are encrypted, where they are not AWS's own."""

    shared_role_arn: pulumi.Input[str] | None = None
    """Role that gets these permissions, instead of one made for them."""


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
        if args.key_arns:
            statements.append(allow("SecretKeys", ["kms:Decrypt"], list(args.key_arns)))
        self.role_arn = _permitted(self, name, [*statements, *args.statements], args)
        self.register_outputs({"role_arn": self.role_arn})


@dataclass(frozen=True, kw_only=True)
class TaskRoleArgs:
    account_id: pulumi.Input[str] | None = None
    """AWS account for whose tasks ECS may take the role; None does not ask."""

    bucket_arns: Sequence[pulumi.Input[str]] = ()
    """Buckets whose objects the application reads, writes and lists."""

    readable_secret_arns: Sequence[pulumi.Input[str]] = ()
    """Secrets that the application itself reads."""

    key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys with which they are encrypted, where they are not AWS's own."""

    exec_enabled: bool = False
    """Whether `aws ecs execute-command` may open a shell."""

    email_identity_arns: Sequence[pulumi.Input[str]] = ()
    """SES identities from which the application sends mail."""

    statements: Sequence[Statement] = ()
    """What else the application may do, as IAM statements."""

    shared_role_arn: pulumi.Input[str] | None = None
    """Role that gets these permissions, instead of one made for them."""


class TaskRole(pulumi.ComponentResource):
    """What the application may do in AWS."""

    role_arn: pulumi.Output[str]
    """ARN of the role, known once its permissions are there."""

    def __init__(self, name: str, args: TaskRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:TaskRole", name, None, opts)
        self.role_arn = _permitted(self, name, [*_task_statements(args), *args.statements], args)
        self.register_outputs({"role_arn": self.role_arn})


def _task_statements(args: TaskRoleArgs) -> list[Statement]:
    statements: list[Statement] = []
    if args.bucket_arns:
        objects = [pulumi.Output.concat(arn, "/*") for arn in args.bucket_arns]
        statements += [
            allow("Objects", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], objects),
            allow("Bucket", ["s3:ListBucket", "s3:GetBucketLocation"], list(args.bucket_arns)),
        ]
    if args.readable_secret_arns:
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        statements.append(allow("OwnSecrets", actions, list(args.readable_secret_arns)))
    if args.key_arns:
        statements.append(allow("SecretKeys", ["kms:Decrypt"], list(args.key_arns)))
    if args.exec_enabled:
        # These four actions know no resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmessagegatewayservice.html
        actions = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
        statements.append(allow("Exec", actions, ["*"]))
    if args.email_identity_arns:
        statements.append(allow("Mail", ["ses:SendEmail", "ses:SendRawEmail"], list(args.email_identity_arns)))
    return statements


def _pull_statements() -> list[Statement]:
    """Images may come from any repository of any account that shares it: the repository's own policy decides."""
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    return [
        # This action knows no resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Images", actions, ["arn:aws:ecr:*:*:repository/*"]),
    ]


def _log_statement(log_group_arns: Sequence[pulumi.Input[str]]) -> Statement:
    streams = [pulumi.Output.concat(arn, ":*") for arn in log_group_arns]
    return allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], streams)


def allow(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> Statement:
    """One statement that allows."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def role_arn(
    component: pulumi.Resource,
    name: str,
    statements: Sequence[Statement],
    principal: str = ECS_TASKS,
    account_id: pulumi.Input[str] | None = None,
) -> pulumi.Output[str]:
    """ARN of a role that the AWS service `principal` may take (`trust_policy`), with one inline policy; the ARN waits for
    the policy."""
    child = pulumi.ResourceOptions(parent=component)
    role = aws.iam.Role(name, assume_role_policy=trust_policy(principal, account_id), opts=child)
    return _with_policy(component, name, role.arn, role.name, statements)


def _permitted(
    component: pulumi.Resource, name: str, statements: Sequence[Statement], args: ExecutionRoleArgs | TaskRoleArgs
) -> pulumi.Output[str]:
    """ARN of the shared role, when there is one, else of a new one; either way with these permissions."""
    if args.shared_role_arn is None:
        return role_arn(component, name, statements, account_id=args.account_id)
    arn = pulumi.Output.from_input(args.shared_role_arn)
    role = arn.apply(lambda text: text.rsplit("/", 1)[-1])
    return _with_policy(component, name, arn, role, statements)


def _with_policy(
    component: pulumi.Resource,
    name: str,
    arn: pulumi.Output[str],
    role: pulumi.Output[str],
    statements: Sequence[Statement],
) -> pulumi.Output[str]:
    if not statements:
        return arn
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    policy = aws.iam.RolePolicy(
        f"{name}-policy",
        role=role,
        policy=pulumi.Output.json_dumps(document),
        opts=pulumi.ResourceOptions(parent=component),
    )
    return pulumi.Output.all(arn, policy.id).apply(lambda values: str(values[0]))
