"""The IAM statements of a delivery pipeline's roles. Values can be Outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from pulumi_django.delivery.buildspecs import INPUTS, OUTPUT, Task
from pulumi_django.policies.image_push import ECR_PUSH
from pulumi_django.rules.partitions import of_region

Statement = Mapping[str, Any]

# https://docs.aws.amazon.com/codebuild/latest/userguide/sample-ecr.html
_PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
_ECR = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>[^:@]+)")
# AWS renamed the service; the prefix of a connection's ARN decides which name counts.
# https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
_CONNECTION_SERVICES = ("codeconnections", "codestar-connections")


@dataclass(frozen=True, kw_only=True)
class Arns:
    """The ARNs of the parts of a pipeline."""

    bucket: pulumi.Input[str]
    key: pulumi.Input[str]
    connection: pulumi.Input[str]
    repository: str
    """Full name of the repository."""


def _allow(sid: str, actions: Sequence[str], resources: Sequence[Any], condition: Any = None) -> Statement:
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**statement, "Condition": condition} if condition else statement


def of_pipeline(
    arns: Arns, project_arns: Sequence[pulumi.Input[str]], topic_arn: pulumi.Input[str] | None
) -> list[Statement]:
    """Return the statements of the pipeline itself: its source, its artifacts, its projects, and requests for approvals.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    """
    every = pulumi.Output.concat(arns.bucket, "/*")
    return [
        *_connection(arns),
        _allow("Bucket", ["s3:GetBucketLocation", "s3:GetBucketVersioning"], [arns.bucket]),
        _allow("Artifacts", ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], [every]),
        _allow("Key", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], [arns.key]),
        _allow("Projects", ["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"], project_arns),
        *([] if topic_arn is None else [_allow("Approvals", ["sns:Publish"], [topic_arn])]),
    ]


def of_project(
    task: Task,
    arns: Arns,
    *,
    log_group_arn: pulumi.Input[str],
    secret_arns: Sequence[pulumi.Input[str]] = (),
    secret_key_arns: Sequence[pulumi.Input[str]] = (),
    role_arn: pulumi.Input[str] | None = None,
    repository_arns: Sequence[pulumi.Input[str]] = (),
    image: str | None = None,
) -> list[Statement]:
    """Return the statements of one project: its log, its artifacts, its secrets, its own `image`, and the one role or the
    repositories that it needs.

    https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
    """
    return [
        *_connection(arns),
        _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(log_group_arn, ":*")]),
        _allow("Bucket", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [arns.bucket]),
        _allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], [_of(arns, name) for name in INPUTS[task]]),
        *([_allow("Write", ["s3:PutObject"], [_of(arns, OUTPUT[task])])] if task in OUTPUT else []),
        _allow("Key", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], [arns.key]),
        *_secrets(secret_arns, secret_key_arns),
        *([] if role_arn is None else [_allow("Role", ["sts:AssumeRole"], [role_arn])]),
        *_images(repository_arns, image),
    ]


def _of(arns: Arns, artifact: str) -> pulumi.Output[str]:
    # The key of an artifact is `<pipeline, 20 characters>/<artifact, 10 characters>/<random>`.
    return pulumi.Output.concat(arns.bucket, f"/*/{artifact}/*")


def _connection(arns: Arns) -> list[Statement]:
    """Return the statements to read the one repository. A request that names a repository must name this one.

    https://docs.aws.amazon.com/dtconsole/latest/userguide/security_iam_id-based-policy-examples-connections.html
    """
    return [
        _allow(
            f"Source{number}",
            [f"{service}:UseConnection"],
            [arns.connection],
            {"StringEqualsIfExists": {f"{service}:FullRepositoryId": arns.repository}},
        )
        for number, service in enumerate(_CONNECTION_SERVICES, 1)
    ]


def _secrets(secret_arns: Sequence[pulumi.Input[str]], key_arns: Sequence[pulumi.Input[str]]) -> list[Statement]:
    if not secret_arns:
        return []
    read = _allow("Secrets", ["secretsmanager:GetSecretValue", "ssm:GetParameters"], secret_arns)
    return [read, *([_allow("SecretKeys", ["kms:Decrypt"], key_arns)] if key_arns else [])]


def _images(repository_arns: Sequence[pulumi.Input[str]], image: str | None) -> list[Statement]:
    own = _ECR.match(image or "")
    if not repository_arns and not own:
        return []
    pulled = (
        [f"arn:{of_region(own['region'])}:ecr:{own['region']}:{own['account']}:repository/{own['name']}"] if own else []
    )
    return [
        # This action supports no resources.
        _allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        *([_allow("Images", [f"ecr:{action}" for action in ECR_PUSH], repository_arns)] if repository_arns else []),
        *([_allow("OwnImage", [f"ecr:{action}" for action in _PULL], pulled)] if pulled else []),
    ]
