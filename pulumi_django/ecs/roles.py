"""The IAM roles of tasks: one with which ECS starts them, and one for the application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs import limits
from pulumi_django.policies.trust import partition_of, trust_policy
from pulumi_django.rules import aws_rules, naming

ECS_TASKS = "ecs-tasks.amazonaws.com"
"""Principal of tasks."""

SCHEDULER = "scheduler.amazonaws.com"
"""Principal of EventBridge Scheduler."""

ECS = "ecs.amazonaws.com"
"""Principal of ECS itself, for moving traffic."""

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 64 characters, of which the provider takes 26
# for a prefix and Pulumi 8 without one.
_RANDOM, _PREFIX = 8, 37

Statement = Mapping[str, Any]
"""An IAM statement as in JSON (`Effect`, `Action`, `Resource`, ...); values may be Outputs."""


@dataclass(frozen=True, kw_only=True)
class RoleArgs:
    """Arguments of both roles."""

    account_id: pulumi.Input[str] | None = None
    """AWS account for whose tasks ECS may assume the role. None does not restrict the account."""

    key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys of the secrets, where they are not AWS's own keys."""

    statements: Sequence[Statement] = ()
    """More rights of the role, as IAM statements."""

    shared_role_arn: pulumi.Input[str] | None = None
    """Role that receives these permissions. None creates a role."""

    def __post_init__(self) -> None:
        aws_rules.check_statements("statements", self.statements)


@dataclass(frozen=True, kw_only=True)
class ExecutionRoleArgs(RoleArgs):
    log_group_arns: Sequence[pulumi.Input[str]]
    """ARNs of the log groups to which the tasks write."""

    secret_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of the secrets and parameters that containers receive. The role can read no others."""

    shared_role_is_enough: bool = False
    """Whether the shared role may already pull images, write logs and read secrets with its base's tag; then it receives
    only the other rights."""


class ExecutionRole(pulumi.ComponentResource):
    """The rights of ECS to start a task: pull the image, write the log, read the named secrets."""

    role_arn: pulumi.Output[str]
    """ARN of the role, known when its permissions exist."""

    def __init__(self, name: str, args: ExecutionRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:ExecutionRole", name, None, opts)
        self.role_arn = _permitted(self, name, execution_statements(args), args)
        self.register_outputs({"role_arn": self.role_arn})


def execution_statements(args: ExecutionRoleArgs) -> list[Statement]:
    """Return the statements of an execution role."""
    statements: list[Statement] = []
    if not args.shared_role_is_enough:
        statements = [*_pull_statements(args.log_group_arns), _log_statement(args.log_group_arns)]
    if args.secret_arns:
        actions = ["secretsmanager:GetSecretValue", "ssm:GetParameters"]
        statements.append(allow("Secrets", actions, list(args.secret_arns)))
    if args.key_arns:
        statements.append(allow("SecretKeys", ["kms:Decrypt"], list(args.key_arns)))
    return [*statements, *args.statements]


@dataclass(frozen=True, kw_only=True)
class TaskRoleArgs(RoleArgs):
    bucket_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of the buckets whose objects the application reads, writes and lists."""

    readable_secret_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of the secrets that the application itself reads."""

    exec_enabled: bool = False
    """Whether `aws ecs execute-command` may open a shell."""

    email_identity_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of the SES identities from which the application sends mail."""


class TaskRole(pulumi.ComponentResource):
    """The rights of the application in AWS."""

    role_arn: pulumi.Output[str]
    """ARN of the role, known when its permissions exist."""

    def __init__(self, name: str, args: TaskRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:TaskRole", name, None, opts)
        self.role_arn = _permitted(self, name, [*task_statements(args), *args.statements], args)
        self.register_outputs({"role_arn": self.role_arn})


def task_statements(args: TaskRoleArgs) -> list[Statement]:
    """Return the statements of a task role, without its `statements`."""
    statements: list[Statement] = []
    if args.bucket_arns:
        statements += bucket_statements(args.bucket_arns)
    if args.readable_secret_arns:
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        statements.append(allow("OwnSecrets", actions, list(args.readable_secret_arns)))
    if args.key_arns:
        statements.append(allow("SecretKeys", ["kms:Decrypt"], list(args.key_arns)))
    if args.exec_enabled:
        # These four actions apply to no resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmessagegatewayservice.html
        actions = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
        statements.append(allow("Exec", actions, ["*"]))
    if args.email_identity_arns:
        statements.append(allow("Mail", ["ses:SendEmail", "ses:SendRawEmail"], list(args.email_identity_arns)))
    return statements


def bucket_statements(bucket_arns: Sequence[pulumi.Input[str]]) -> list[Statement]:
    """Return the rights to read, write, delete and list the objects of buckets."""
    objects = [pulumi.Output.concat(arn, "/*") for arn in bucket_arns]
    return [
        allow("Objects", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], objects),
        allow("Bucket", ["s3:ListBucket", "s3:GetBucketLocation"], list(bucket_arns)),
    ]


def _pull_statements(log_group_arns: Sequence[pulumi.Input[str]]) -> list[Statement]:
    """Return the rights to pull images from any repository, also of another account: the repository's policy decides."""
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    return [
        # This action applies to no resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Images", actions, [_repositories(log_group_arns[0] if log_group_arns else "arn:aws:")]),
    ]


def _repositories(beside: pulumi.Input[str]) -> pulumi.Input[str]:
    """Return the ARN pattern of every repository in the partition of the ARN `beside`."""
    if isinstance(beside, str):
        return f"arn:{beside.split(':')[1]}:ecr:*:*:repository/*"
    return pulumi.Output.concat("arn:", partition_of(beside), ":ecr:*:*:repository/*")


def _log_statement(log_group_arns: Sequence[pulumi.Input[str]]) -> Statement:
    streams = [f"{arn}:*" if isinstance(arn, str) else pulumi.Output.concat(arn, ":*") for arn in log_group_arns]
    return allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], streams)


def inline_policy(what: str, statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return the inline policy of a role as JSON. Raises ValueError if IAM refuses its size; `what` begins the message."""
    document = limits.document(statements)
    limits.check_inline_policy(what, limits.at_least(document))
    return pulumi.Output.json_dumps(document).apply(lambda text: limits.check_inline_policy(what, text))


def allow(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> Statement:
    """Return one statement that allows `actions` on `resources`."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def role_arn(
    component: pulumi.Resource,
    name: str,
    statements: Sequence[Statement],
    principal: str | Sequence[str] = ECS_TASKS,
    account_id: pulumi.Input[str] | None = None,
) -> pulumi.Output[str]:
    """Create a role that the AWS service `principal` may assume (`trust_policy`), with one inline policy. Return its ARN,
    which waits for the policy."""
    child = pulumi.ResourceOptions(parent=component)
    # Pulumi's own name would be longer than IAM allows.
    prefix = f"{naming.shortened(name, _PREFIX)}-" if len(name) + _RANDOM > naming.IAM_ROLE_NAME_LIMIT else None
    role = aws.iam.Role(name, name_prefix=prefix, assume_role_policy=trust_policy(principal, account_id), opts=child)
    return _with_policy(component, name, role.arn, role.name, statements)


def shifting_statements(
    group_arns: Sequence[Any], rule_arns: Sequence[Any], condition: Mapping[str, Any] | None = None
) -> list[Statement]:
    """Return the rights of ECS to move traffic between target groups. The describing actions apply to no resources.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
    """
    looks = [f"elasticloadbalancing:Describe{what}" for what in ("Listeners", "Rules", "TargetGroups", "TargetHealth")]
    registers = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
    where = {} if condition is None else {"Condition": condition}
    return [
        allow("Look", looks, ["*"]),
        {**allow("Targets", registers, group_arns), **where},
        {**allow("Weights", ["elasticloadbalancing:ModifyRule"], rule_arns), **where},
    ]


def _permitted(
    component: pulumi.Resource, name: str, statements: Sequence[Statement], args: RoleArgs
) -> pulumi.Output[str]:
    """Return the ARN of the shared role, or of a new one, with these permissions."""
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
    policy = aws.iam.RolePolicy(
        f"{name}-policy",
        role=role,
        policy=inline_policy(f"the role {name}", statements),
        opts=pulumi.ResourceOptions(parent=component),
    )
    return pulumi.Output.all(arn, policy.id).apply(lambda values: str(values[0]))
