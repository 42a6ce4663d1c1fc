"""The role with which a pipeline on GitHub previews, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.account import deploy_policy
from pulumi_django.account.deploy_policy import Scope
from pulumi_django.account.deploy_role import check_role_name
from pulumi_django.account.grants import OWN
from pulumi_django.account.role_parts import allow, arn_with_rights, attach, document, read_state, trust
from pulumi_django.account.subjects import check_subject

# A preview that refreshes reads the stacks' own secrets, which a base's key may encrypt.
_OWN_SECRETS = {
    **allow("OwnSecrets", ["kms:Decrypt"], ["arn:aws:kms:*:*:key/*"]),
    "Condition": {**OWN, "StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com*"}},
}


@dataclass(frozen=True, kw_only=True)
class PlanRoleArgs:
    subjects: Sequence[str]
    """Workflows that may take the role, such as `repo:OWNER/REPOSITORY:pull_request`, without wildcards."""

    regions: Sequence[str]
    """AWS regions whose settings it reads."""

    oidc_provider_arn: pulumi.Input[str]
    """GitHub's identity provider."""

    role_name: str = "pulumi-django-plan"
    """Name of the role, for the pipeline's configuration."""

    name_prefix: str = ""
    """What the names of the bases and environments begin with; the empty default stands for every name."""

    state_bucket_arn: pulumi.Input[str] | None = None
    """Bucket with Pulumi's state, which the role reads; None when the state is elsewhere."""

    state_key_arn: pulumi.Input[str] | None = None
    """Key of state and secrets, with which the role decrypts: without the stacks' secrets there is no preview."""

    def __post_init__(self) -> None:
        if not self.subjects:
            raise ValueError("subjects is empty: nobody could take the role")
        for subject in self.subjects:
            check_subject(subject)
        if not self.regions:
            raise ValueError("regions is empty: the role could read nowhere")
        check_role_name("role_name", self.role_name)


class PlanRole(pulumi.ComponentResource):
    """Reads the state and the settings of what the projects made: no files, no log lines, no secrets but the stacks' own."""

    role_arn: pulumi.Output[str]
    """ARN for `role-to-assume` in the workflow, known once its permissions are there."""

    def __init__(self, name: str, args: PlanRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:PlanRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        provider_arn = pulumi.Output.from_input(args.oidc_provider_arn)
        role = aws.iam.Role(
            name,
            name=args.role_name,
            assume_role_policy=provider_arn.apply(lambda arn: trust(arn, args.subjects)),
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
