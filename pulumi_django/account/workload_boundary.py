"""The permissions boundary of the roles of tasks, instances and AWS services. Pure.

The deploy role writes the policies and the trust policies of these roles. The boundary keeps an attacker in the pipeline from
control of the account: it allows what the components' roles need, on resources of the projects, and nothing in IAM.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_django.account.deploy_policy import POLICY_LIMIT_CHARACTERS, in_partition
from pulumi_django.account.grants import OWN, ROLE_PATH
from pulumi_django.account.workload_grants import BUCKETS, MASTER_SECRETS
from pulumi_django.rules.text import as_written

Statement = Mapping[str, Any]

# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html
AGENT_ACTIONS = (
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    "ssm:DescribeAssociation",
    "ssm:DescribeDocument",
    "ssm:GetDeployablePatchSnapshotForInstance",
    "ssm:GetDocument",
    "ssm:GetManifest",
    "ssm:ListAssociations",
    "ssm:ListInstanceAssociations",
    "ssm:PutComplianceItems",
    "ssm:PutConfigurePackageResult",
    "ssm:PutInventory",
    "ssm:UpdateAssociationStatus",
    "ssm:UpdateInstanceAssociationStatus",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
# Read images, write logs, metrics and traces, send mail.
EVERYWHERE = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "logs:PutRetentionPolicy",
    "cloudwatch:PutMetricData",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "ses:SendEmail",
    "ses:SendRawEmail",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
ON_OWN = (
    "ecs:RunTask",
    "elasticfilesystem:ClientMount",
    "elasticfilesystem:ClientWrite",
    "elasticloadbalancing:DeregisterTargets",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyRule",
    "elasticloadbalancing:RegisterTargets",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "rds:StartDBCluster",
    "rds:StartDBInstance",
    "rds:StopDBCluster",
    "rds:StopDBInstance",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
)
ON_OBJECTS = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")
ON_BUCKETS = ("s3:GetBucketLocation", "s3:GetEncryptionConfiguration", "s3:ListBucket")


def document(
    *,
    name_prefix: str = "",
    statements: Sequence[Statement] = (),
    state_arns: Sequence[Any] = (),
    regions: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the boundary. `statements` extend it. It denies access to `state_arns`, the state.

    The ARNs have the partition of `regions`; without regions, `aws`.
    """
    never: list[Statement] = (
        [{"Sid": "NotTheState", "Effect": "Deny", "Action": ["s3:*", "kms:*"], "Resource": list(state_arns)}]
        if state_arns
        else []
    )
    workloads = in_partition(regions, _workloads(name_prefix))
    return {"Version": "2012-10-17", "Statement": [*never, *workloads, *statements]}


def _workloads(name_prefix: str) -> list[Statement]:
    buckets = [pattern.replace("{prefix}", name_prefix).replace("**", "*") for pattern in BUCKETS]
    masters = [pattern.replace("{region}", "*") for pattern in MASTER_SECRETS]
    return [
        _allow("Everywhere", [*AGENT_ACTIONS, *EVERYWHERE], ["*"]),
        _allow("Own", ON_OWN, ["*"], OWN),
        # RDS creates these without the projects' tags. One task definition of an environment reads the secret of its base.
        _allow("MasterSecrets", ["secretsmanager:GetSecretValue"], masters),
        _allow("Objects", ON_OBJECTS, [f"{bucket}/*" for bucket in buckets]),
        _allow("Buckets", ON_BUCKETS, buckets),
        # AWS's keys and keys of existing secrets, only through the service that stores the encrypted data.
        _allow(
            "KeysOfServices",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            ["*"],
            {
                "StringLike": {
                    "kms:ViaService": [f"{name}.*.amazonaws.com*" for name in ("secretsmanager", "sqs", "ssm")]
                },
            },
        ),
        _allow("DatabaseLogin", ["rds-db:connect"], ["arn:aws:rds-db:*:*:dbuser:*/*"]),
        _allow(
            "TagTasks",
            ["ecs:TagResource"],
            ["arn:aws:ecs:*:*:task/*"],
            {"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        _allow(
            "GiveRolesToTasks",
            ["iam:PassRole"],
            [f"arn:aws:iam::*:role{ROLE_PATH}*"],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]


def check_statements(statements: Sequence[Statement]) -> None:
    """Raise ValueError for extensions that are not statements, or that exceed the size limit of the policy."""
    for statement in statements:
        missing = [key for key in ("Effect", "Action", "Resource") if key not in statement]
        if missing:
            raise ValueError(
                f"workload_statements has a statement without {', '.join(missing)}: {as_written(dict(statement))}"
            )
    sample = document(name_prefix="x" * 20, statements=statements, state_arns=["x" * 80] * 3)
    size = len(json.dumps(sample, separators=(",", ":")))
    if size > POLICY_LIMIT_CHARACTERS:
        raise ValueError(
            f"workload_statements makes the boundary {size} characters long: AWS allows {POLICY_LIMIT_CHARACTERS}"
        )


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str], condition: Any = None) -> Statement:
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement if condition is None else {**statement, "Condition": condition}
