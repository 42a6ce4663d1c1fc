"""The roles of a pipeline on GitHub: one deploys, one previews. No key is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.account import deploy_policy, workload_boundary
from pulumi_django.account.deploy_policy import Scope
from pulumi_django.account.grants import OWN, ROLE_PATH
from pulumi_django.account.role_parts import (
    AUDIENCE,
    ISSUER,
    Statement,
    allow,
    arn_with_rights,
    attach,
    check_subject,
    deny,
    document,
    read_state,
    state_objects,
    trust,
)
from pulumi_django.policies.image_push import ECR_PUSH
from pulumi_django.rules import aws_rules, naming
from pulumi_django.rules.partitions import of_region

NAME_PREFIX_LIMIT = 20
_NAME_PREFIX = re.compile(r"[a-z][a-z0-9-]*")
_KEY_CHANGES = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:Delete*",
    "kms:Disable*",
    "kms:Put*",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
)


@dataclass(frozen=True, kw_only=True)
class DeployRights:
    """Name and reach of the role that deploys."""

    trusted_roles: Sequence[str] = ()
    """Names of roles of this account that can assume the role, without a path, such as those of a `DeliveryPipeline`:
    `shop-staging`, `shop-production`."""

    role_name: str = "pulumi-django-deploy"
    """Name of the role in IAM."""

    name_prefix: str = ""
    """Prefix of the names of all bases and environments that the role deploys, such as `shop-`, at most 20 characters. The
    empty default allows every name; queues, published parameters and web fleets then need `may_adopt`."""

    may_adopt: bool = False
    """Whether the role can create resources for which AWS also requires the permission to tag resources of others: bases (a
    new VPC's default security group has no tags), KMS keys, certificates, CloudFront distributions. The role can then take
    over keys, certificates, distributions and security groups of others in the account. When it is off, an administrator
    creates them, and the role updates and deletes them."""

    hosted_zone_ids: Sequence[str] = ()
    """Ids of the Route 53 zones in which the role changes records; empty allows every zone of the account."""

    workload_statements: Sequence[Mapping[str, Any]] = ()
    """IAM statements that extend the permissions boundary of application roles beyond the needs of the components."""


@dataclass(frozen=True, kw_only=True)
class DeployRoleArgs(DeployRights):
    subjects: Sequence[str] = ()
    """Workflows that can assume the role, as subjects of GitHub's tokens, without wildcards. Prefer
    `repo:OWNER/REPOSITORY:environment:NAME`, because an environment in GitHub can require approval. The role needs one of
    `subjects` and `trusted_roles`."""

    regions: Sequence[str]
    """AWS regions in which the role deploys."""

    protected_role_names: Sequence[str] = ()
    """Names of further roles that the role must never change."""

    repository_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of the ECR repositories to which the pipeline pushes images."""

    state_bucket_arn: pulumi.Input[str] | None = None
    """ARN of the bucket with Pulumi's state; None when another backend stores the state."""

    state_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of state and secrets; None without one."""

    oidc_provider_arn: pulumi.Input[str] | None = None
    """ARN of the account's existing identity provider of GitHub, of which an account can have only one. None creates
    it."""

    def __post_init__(self) -> None:
        _check_role(self.subjects, self.trusted_roles, self.regions, self.role_name)
        if self.name_prefix and (
            len(self.name_prefix) > NAME_PREFIX_LIMIT or not _NAME_PREFIX.fullmatch(self.name_prefix)
        ):
            raise ValueError(
                f"name_prefix is {self.name_prefix!r}: it must be at most {NAME_PREFIX_LIMIT} lower-case letters, digits and "
                "'-', beginning with a letter"
            )
        aws_rules.check_oidc_provider_arn("oidc_provider_arn", self.oidc_provider_arn)
        aws_rules.check_statements("workload_statements", self.workload_statements)
        workload_boundary.check_statements(self.workload_statements)


def _check_role(subjects: Sequence[str], trusted_roles: Sequence[str], regions: Sequence[str], role_name: str) -> None:
    if not subjects and not trusted_roles:
        raise ValueError(
            "subjects is empty: name at least one workflow, or a role in trusted_roles, that may assume the role"
        )
    for subject in subjects:
        check_subject(subject)
    for trusted in trusted_roles:
        check_role_name("trusted_roles", trusted)
    if not regions:
        raise ValueError("regions is empty: name at least one AWS region")
    check_role_name("role_name", role_name)


def check_role_name(field: str, name: str) -> None:
    """Raise ValueError for a name that IAM does not allow."""
    naming.check_length("IAM role name", name, naming.IAM_ROLE_NAME_LIMIT)
    if not re.fullmatch(r"[\w+=,.@-]+", name, re.ASCII):
        raise ValueError(f"{field} is {name!r}: it must have only letters, digits and +=,.@_-")


class DeployRole(pulumi.ComponentResource):
    """The role of a pipeline that deploys bases and environments and pushes images.

    It cannot change itself, and it cannot create a role with more permissions than the permissions boundary.
    """

    role_arn: pulumi.Output[str]
    """ARN for `role-to-assume` in the workflow, known after its permissions exist."""

    oidc_provider_arn: pulumi.Output[str] | None
    """ARN of GitHub's identity provider; None without `subjects` and without an existing provider."""

    permissions_boundary_arn: pulumi.Output[str]
    """ARN of the policy that every role of a base or an environment must have as its boundary: `permissions_boundary` of the
    projects."""

    def __init__(self, name: str, args: DeployRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:DeployRole", name, None, opts)
        self.oidc_provider_arn = self._oidc_provider(name, args)
        self.permissions_boundary_arn = self._boundary(name, args)
        role = aws.iam.Role(
            name,
            name=args.role_name,
            assume_role_policy=_trust(self, self.oidc_provider_arn, args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        rights = [*attach(self, name, role, self._documents(args)), self._guards(name, args, role)]
        self.role_arn = arn_with_rights(role, rights)
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "oidc_provider_arn": self.oidc_provider_arn,
                "permissions_boundary_arn": self.permissions_boundary_arn,
            }
        )

    def _oidc_provider(self, name: str, args: DeployRoleArgs) -> pulumi.Output[str] | None:
        if args.oidc_provider_arn is not None:
            return pulumi.Output.from_input(args.oidc_provider_arn)
        if not args.subjects:
            return None
        # AWS verifies GitHub's certificate with its own trust store, so no thumbprint is needed.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
        return aws.iam.OpenIdConnectProvider(
            f"{name}-github",
            url=f"https://{ISSUER}",
            client_id_lists=[AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _boundary(self, name: str, args: DeployRoleArgs) -> pulumi.Output[str]:
        state: list[Any] = []
        if args.state_bucket_arn is not None:
            state += [args.state_bucket_arn, state_objects(args.state_bucket_arn)]
        if args.state_key_arn is not None:
            state.append(args.state_key_arn)
        text = workload_boundary.document(
            regions=args.regions, name_prefix=args.name_prefix, statements=args.workload_statements, state_arns=state
        )
        return aws.iam.Policy(
            f"{name}-boundary",
            name=f"{args.role_name}-boundary",
            path=ROLE_PATH,
            description="The most that roles of bases and environments may do",
            policy=pulumi.Output.json_dumps(text),
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _documents(self, args: DeployRoleArgs) -> dict[str, pulumi.Output[str]]:
        def text(boundary_arn: str, group: str) -> str:
            scope = Scope(
                regions=args.regions,
                boundary_arn=boundary_arn,
                name_prefix=args.name_prefix,
                may_adopt=args.may_adopt,
                hosted_zone_ids=args.hosted_zone_ids,
            )
            return json.dumps(deploy_policy.documents(scope)[group], separators=(",", ":"))

        return {
            group: self.permissions_boundary_arn.apply(lambda arn, group=group: text(arn, group))
            for group in deploy_policy.GRANTS
        }

    def _guards(self, name: str, args: DeployRoleArgs, role: aws.iam.Role) -> aws.iam.RolePolicy:
        """Create the policy with the account's own parts: state, images, and resources that the role must never
        change."""
        statements = [
            _not_itself(args, self.permissions_boundary_arn),
            *read_state(args.state_bucket_arn, args.state_key_arn, write=True),
            *_state_guards(args),
            *_images(args),
            *_checks(args),
        ]
        return aws.iam.RolePolicy(
            f"{name}-account", role=role.name, policy=document(statements), opts=pulumi.ResourceOptions(parent=self)
        )


def _trust(
    component: pulumi.ComponentResource, provider_arn: pulumi.Output[str] | None, args: DeployRoleArgs | PlanRoleArgs
) -> pulumi.Output[str]:
    """Return the trust policy of a role."""
    if not args.trusted_roles:
        return pulumi.Output.from_input(provider_arn).apply(lambda arn: trust(arn, args.subjects))
    account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=component)).account_id
    start = f"arn:{of_region(args.regions[0])}:iam::"

    def text(values: Sequence[str | None]) -> str:
        roles = [f"{start}{values[0]}:role/{role}" for role in args.trusted_roles]
        return trust(values[1], args.subjects, roles)

    return pulumi.Output.all(account, provider_arn).apply(text)


def _not_itself(args: DeployRoleArgs, boundary_arn: pulumi.Output[str]) -> Statement:
    iam = f"arn:{of_region(args.regions[0])}:iam::*"
    roles = [f"{iam}:role/{role}" for role in (args.role_name, *args.protected_role_names)]
    return deny("NotItself", ["iam:*"], [*roles, f"{iam}:oidc-provider/*", boundary_arn])


def _state_guards(args: DeployRoleArgs) -> list[Statement]:
    """Return statements that protect the state's bucket, its old versions and its key.

    They have the projects' tag, so without these statements the role could change them as those of environments.
    """
    statements: list[Statement] = []
    if args.state_bucket_arn is not None:
        actions = ["s3:DeleteBucket*", "s3:PutBucket*", "s3:Put*Configuration", "s3:DeleteObjectVersion"]
        resources = [args.state_bucket_arn, state_objects(args.state_bucket_arn)]
        statements.append(deny("NotTheStateBucket", actions, resources))
    if args.state_key_arn is not None:
        statements.append(deny("NotTheStateKey", _KEY_CHANGES, [args.state_key_arn]))
    return statements


def _images(args: DeployRoleArgs) -> list[Statement]:
    if not args.repository_arns:
        return []
    return [
        # This action supports no resources.
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Images", [f"ecr:{action}" for action in ECR_PUSH], list(args.repository_arns)),
    ]


def _checks(args: DeployRoleArgs) -> list[Statement]:
    """Return the statements to look, before a create, for what it needs: quotas, certificates, secrets, service-linked roles.

    All are metadata. The values of parameters and secrets of others stay out of reach, and so does the role itself.
    """
    where = {"Condition": {"StringEquals": {"aws:RequestedRegion": list(args.regions)}}}
    aws_ = f"arn:{of_region(args.regions[0])}"
    services = ("ec2", "elasticloadbalancing", "fargate", "vpc")
    quotas = [f"{aws_}:servicequotas:*:*:{service}/*" for service in services]
    return [
        {**allow("Quotas", ["servicequotas:GetServiceQuota"], quotas), **where},
        # This action supports no resources.
        {**allow("Usage", ["cloudwatch:GetMetricStatistics"], ["*"]), **where},
        {**allow("Certificates", ["acm:DescribeCertificate"], [f"{aws_}:acm:*:*:certificate/*"]), **where},
        {**allow("Secrets", ["secretsmanager:DescribeSecret"], [f"{aws_}:secretsmanager:*:*:secret:*"]), **where},
        allow("LinkedRoles", ["iam:GetRole"], [f"{aws_}:iam::*:role/aws-service-role/*"]),
    ]


# A preview with refresh reads the stacks' own secrets, which the key of a base can encrypt.
_OWN_SECRETS = {
    **allow("OwnSecrets", ["kms:Decrypt"], ["arn:aws:kms:*:*:key/*"]),
    "Condition": {**OWN, "StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com*"}},
}


@dataclass(frozen=True, kw_only=True)
class PlanRoleArgs:
    regions: Sequence[str]
    """AWS regions in which the role reads settings."""

    subjects: Sequence[str] = ()
    """Workflows that can assume the role, such as `repo:OWNER/REPOSITORY:pull_request`, without wildcards. The role needs one
    of `subjects` and `trusted_roles`."""

    trusted_roles: Sequence[str] = ()
    """Names of roles of this account that can assume the role, without a path, such as `shop-plan` of a `DeliveryPipeline`."""

    oidc_provider_arn: pulumi.Input[str] | None = None
    """ARN of GitHub's identity provider, which `subjects` need."""

    role_name: str = "pulumi-django-plan"
    """Name of the role in IAM."""

    name_prefix: str = ""
    """Prefix of the names of the bases and environments; the empty default allows every name."""

    state_bucket_arn: pulumi.Input[str] | None = None
    """ARN of the bucket with Pulumi's state, which the role reads; None when another backend stores the state."""

    state_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of state and secrets. The role decrypts with it, because a preview needs the stacks'
    secrets."""

    def __post_init__(self) -> None:
        _check_role(self.subjects, self.trusted_roles, self.regions, self.role_name)
        if self.subjects and self.oidc_provider_arn is None:
            raise ValueError("oidc_provider_arn is missing: subjects need GitHub's identity provider")


class PlanRole(pulumi.ComponentResource):
    """A role that reads the state and the settings of the projects' resources.

    It reads no files, no log lines, and no secrets except those of the stacks.
    """

    role_arn: pulumi.Output[str]
    """ARN for `role-to-assume` in the workflow, known after its permissions exist."""

    def __init__(self, name: str, args: PlanRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:PlanRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        provider_arn = None if args.oidc_provider_arn is None else pulumi.Output.from_input(args.oidc_provider_arn)
        role = aws.iam.Role(
            name,
            name=args.role_name,
            assume_role_policy=_trust(self, provider_arn, args),
            opts=child,
        )
        scope = Scope(regions=args.regions, boundary_arn="", name_prefix=args.name_prefix, may_adopt=True)
        texts = {
            policy: json.dumps(text, separators=(",", ":"))
            for policy, text in deploy_policy.plan_documents(scope).items()
        }
        rights: list[pulumi.CustomResource] = attach(self, name, role, texts)
        statements = [
            *read_state(args.state_bucket_arn, args.state_key_arn, write=False),
            deploy_policy.in_partition(args.regions, _OWN_SECRETS),
        ]
        rights.append(aws.iam.RolePolicy(f"{name}-account", role=role.name, policy=document(statements), opts=child))
        self.role_arn = arn_with_rights(role, rights)
        self.register_outputs({"role_arn": self.role_arn})
