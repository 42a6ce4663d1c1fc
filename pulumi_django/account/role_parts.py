"""The common parts of the pipeline's roles: trust, policies, access to the state."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

# https://docs.github.com/actions/reference/openid-connect-reference: repo:OWNER/REPOSITORY:WHAT; newer organizations have
# `@<id>` after both names.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:@[0-9]+)?"
_SUBJECT = re.compile(rf"repo:{_NAME}/{_NAME}:(?P<what>.+)")
_WHAT = re.compile(r"pull_request|ref:refs/(heads|tags)/\S+|environment:\S.*")
RULE = "'repo:OWNER/REPOSITORY:' and then 'environment:NAME', 'ref:refs/heads/BRANCH', 'ref:refs/tags/TAG' or 'pull_request'"


def check_subject(subject: str) -> str:
    """Return the subject. Raises ValueError for text that is not a subject, and for wildcards."""
    if any(wildcard in subject for wildcard in "*?"):
        raise ValueError(
            f"subjects has {subject!r}: a wildcard would let further workflows assume the role; write each subject in "
            f"full, as {RULE}"
        )
    match = _SUBJECT.fullmatch(subject)
    if not match or not _WHAT.fullmatch(match["what"]):
        raise ValueError(f"subjects has {subject!r}: a subject is {RULE}")
    return subject


ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
Statement = Mapping[str, Any]


def allow(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> Statement:
    """Return an Allow statement."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def deny(sid: str, actions: Sequence[str], resources: Sequence[Any]) -> Statement:
    """Return a Deny statement."""
    return {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": list(resources)}


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return the policy document as JSON."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(provider_arn: str | None, subjects: Sequence[str], role_arns: Sequence[str] = ()) -> str:
    """Return the trust policy for GitHub's tokens for AWS, of exactly these workflows, and for exactly these roles."""
    statements = [
        *([_workflows(provider_arn, subjects)] if provider_arn and subjects else []),
        *([_roles(role_arns)] if role_arns else []),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _workflows(provider_arn: str, subjects: Sequence[str]) -> Statement:
    condition = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": sorted(set(subjects))}}
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider_arn},
        "Condition": condition,
    }


def _roles(role_arns: Sequence[str]) -> Statement:
    """Return the statement for roles of the same account.

    The principal is the account, and a condition names the roles: IAM refuses a role as principal that does not exist yet, and
    forgets one that is deleted and created again.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
    """
    account = ":".join(role_arns[0].split(":")[:5])
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"{account}:root"},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": sorted(set(role_arns))}},
    }


def attach(
    component: pulumi.ComponentResource,
    name: str,
    role: aws.iam.Role,
    documents: Mapping[str, pulumi.Input[str]],
) -> list[pulumi.CustomResource]:
    """Create and attach one managed policy for each document. Return the attachments."""
    child = pulumi.ResourceOptions(parent=component)
    attached: list[pulumi.CustomResource] = []
    for group, text in documents.items():
        policy = aws.iam.Policy(f"{name}-{group}", policy=text, opts=child)
        attached.append(
            aws.iam.RolePolicyAttachment(f"{name}-{group}", role=role.name, policy_arn=policy.arn, opts=child)
        )
    return attached


def arn_with_rights(role: aws.iam.Role, rights: Sequence[pulumi.CustomResource]) -> pulumi.Output[str]:
    """Return the role's ARN, known after its permissions exist."""
    return pulumi.Output.all(role.arn, *(policy.id for policy in rights)).apply(lambda values: str(values[0]))


def state_objects(bucket_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the ARN pattern of the objects in the state bucket."""
    return pulumi.Output.concat(bucket_arn, "/*")


def read_state(
    bucket_arn: pulumi.Input[str] | None, key_arn: pulumi.Input[str] | None, *, write: bool
) -> list[Statement]:
    """Return the statements to read the state and its secrets, and with `write` also to change them."""
    statements: list[Statement] = []
    if bucket_arn is not None:
        actions = ["s3:GetObject", *(["s3:PutObject", "s3:DeleteObject"] if write else [])]
        statements += [
            allow("State", actions, [state_objects(bucket_arn)]),
            allow("StateList", ["s3:ListBucket", "s3:GetBucketLocation"], [bucket_arn]),
        ]
    if key_arn is not None:
        actions = ["kms:Decrypt", "kms:DescribeKey", *(["kms:Encrypt", "kms:GenerateDataKey"] if write else [])]
        statements.append(allow("StateKey", actions, [key_arn]))
    return statements
