"""The role that a pipeline on GitHub takes to deploy, without any stored key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.account import deploy_policy
from pulumi_django.account.subjects import check_subject
from pulumi_django.rules import naming
from pulumi_django.rules.partitions import of_region

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class DeployRoleArgs:
    subjects: Sequence[str]
    """Workflows that may take the role, as subjects of GitHub's tokens: `repo:OWNER/REPOSITORY:environment:NAME` is best,
    since GitHub lets an environment ask for approval. No subject may stand for several repositories."""

    regions: Sequence[str]
    """AWS regions in which the role deploys."""

    role_name: str = "pulumi-django-deploy"
    """Name of the role, for the pipeline's configuration."""

    repository_arns: Sequence[pulumi.Input[str]] = ()
    """ECR repositories to which the pipeline pushes images."""

    state_bucket_arn: pulumi.Input[str] | None = None
    """Bucket with Pulumi's state; None when the state is elsewhere."""

    state_key_arn: pulumi.Input[str] | None = None
    """Key of state and secrets."""

    oidc_provider_arn: pulumi.Input[str] | None = None
    """GitHub's identity provider, when the account has it already: an account can have only one. None makes it."""

    def __post_init__(self) -> None:
        if not self.subjects:
            raise ValueError("subjects is empty: nobody could take the role")
        for subject in self.subjects:
            check_subject(subject)
        if not self.regions:
            raise ValueError("regions is empty: the role could deploy nowhere")
        naming.check_length("IAM role name", self.role_name, naming.IAM_ROLE_NAME_LIMIT)
        if not re.fullmatch(r"[\w+=,.@-]+", self.role_name, re.ASCII):
            raise ValueError(f"role_name is {self.role_name!r}: it has letters, digits and +=,.@_- only")


class DeployRole(pulumi.ComponentResource):
    """What a pipeline needs to deploy bases and environments, and to push images; it cannot change itself."""

    role_arn: pulumi.Output[str]
    """ARN for `role-to-assume` in the workflow, known once its permissions are there."""

    oidc_provider_arn: pulumi.Output[str]
    """GitHub's identity provider."""

    def __init__(self, name: str, args: DeployRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:DeployRole", name, None, opts)
        self.oidc_provider_arn = self._oidc_provider(name, args)
        role = aws.iam.Role(
            name,
            name=args.role_name,
            assume_role_policy=self.oidc_provider_arn.apply(lambda arn: json.dumps(_trust(arn, args.subjects))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        rights = [*self._policies(name, args, role), self._guards(name, args, role)]
        self.role_arn = pulumi.Output.all(role.arn, *(policy.id for policy in rights)).apply(lambda all_: str(all_[0]))
        self.register_outputs({"role_arn": self.role_arn, "oidc_provider_arn": self.oidc_provider_arn})

    def _oidc_provider(self, name: str, args: DeployRoleArgs) -> pulumi.Output[str]:
        if args.oidc_provider_arn is not None:
            return pulumi.Output.from_input(args.oidc_provider_arn)
        # AWS checks GitHub's certificate by its own trust store, so there is no thumbprint to keep.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
        return aws.iam.OpenIdConnectProvider(
            f"{name}-github",
            url=f"https://{ISSUER}",
            client_id_lists=[AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _policies(self, name: str, args: DeployRoleArgs, role: aws.iam.Role) -> list[pulumi.CustomResource]:
        child = pulumi.ResourceOptions(parent=self)
        attached: list[pulumi.CustomResource] = []
        for group, document in deploy_policy.documents(args.regions).items():
            policy = aws.iam.Policy(f"{name}-{group}", policy=json.dumps(document, separators=(",", ":")), opts=child)
            attached.append(
                aws.iam.RolePolicyAttachment(f"{name}-{group}", role=role.name, policy_arn=policy.arn, opts=child)
            )
        return attached

    def _guards(self, name: str, args: DeployRoleArgs, role: aws.iam.Role) -> aws.iam.RolePolicy:
        """What depends on this account: state, images, and what the role must never touch."""
        iam = f"arn:{of_region(args.regions[0])}:iam::*"
        statements: list[Mapping[str, Any]] = [
            {
                "Sid": "NotItself",
                "Effect": "Deny",
                "Action": "iam:*",
                "Resource": [f"{iam}:role/{args.role_name}", f"{iam}:oidc-provider/*"],
            },
            *_state(args),
            *_images(args),
        ]
        document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
        return aws.iam.RolePolicy(
            f"{name}-account", role=role.name, policy=document, opts=pulumi.ResourceOptions(parent=self)
        )


def _trust(provider_arn: str, subjects: Sequence[str]) -> Mapping[str, Any]:
    condition = {
        "StringEquals": {f"{ISSUER}:aud": AUDIENCE},
        "StringLike": {f"{ISSUER}:sub": sorted(set(subjects))},
    }
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider_arn},
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _state(args: DeployRoleArgs) -> list[Mapping[str, Any]]:
    statements: list[Mapping[str, Any]] = []
    if args.state_bucket_arn is not None:
        objects = pulumi.Output.concat(args.state_bucket_arn, "/*")
        statements += [
            _allow("State", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [objects]),
            # Buckets of environments are the role's to change; this one is not, nor are the state's old versions.
            {
                "Sid": "NotTheStateBucket",
                "Effect": "Deny",
                "Action": ["s3:DeleteBucket*", "s3:PutBucket*", "s3:Put*Configuration", "s3:DeleteObjectVersion"],
                "Resource": [args.state_bucket_arn, objects],
            },
        ]
    if args.state_key_arn is not None:
        actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        statements.append(_allow("StateKey", actions, [args.state_key_arn]))
    return statements


def _images(args: DeployRoleArgs) -> list[Mapping[str, Any]]:
    if not args.repository_arns:
        return []
    actions = [
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "DescribeImages",
        "GetDownloadUrlForLayer",
        "InitiateLayerUpload",
        "PutImage",
        "UploadLayerPart",
    ]
    return [
        # This action knows no resources.
        _allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("Images", [f"ecr:{action}" for action in actions], list(args.repository_arns)),
    ]


def _allow(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> Mapping[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
