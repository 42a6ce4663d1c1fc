"""The deploy role may do what the projects were seen to do, in no service beyond, and nothing to itself."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from pulumi_django import DeployRole, DeployRoleArgs
from pulumi_django.account import deploy_grants, deploy_policy
from pulumi_django.testing import SimulationResult, simulate

FIXTURES = Path(__file__).parents[2] / "fixtures" / "aws_calls"
REGIONS = ["us-east-1", "ap-southeast-2"]


def recorded(file: str) -> set[str]:
    lines = (FIXTURES / file).read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    return set(lines)


def role() -> SimulationResult:
    args = DeployRoleArgs(
        subjects=["repo:example/shop:environment:production"],
        regions=REGIONS,
        repository_arns=["arn:aws:ecr:us-east-1:123456789012:repository/shop"],
        state_bucket_arn="arn:aws:s3:::state",
        state_key_arn="arn:aws:kms:us-east-1:123456789012:key/1",
    )
    return simulate(lambda: DeployRole("deploy", args) and None, project="bootstrap", stack="account")


def statements() -> list[dict[str, Any]]:
    """All statements of the role, attached and inline."""
    result = role()
    policies = [*result.of_type("aws:iam/policy:Policy"), *result.of_type("aws:iam/rolePolicy:RolePolicy")]
    return [statement for policy in policies for statement in json.loads(policy.inputs["policy"])["Statement"]]


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed() -> set[str]:
    return {a for s in statements() if s["Effect"] == "Allow" for a in as_list(s["Action"])}


def test_the_role_may_do_everything_that_the_projects_were_seen_to_do() -> None:
    calls = recorded("deploy.txt")
    assert len(calls) > 200
    assert sorted(calls - allowed()) == []


def test_the_role_reaches_no_service_that_the_projects_were_not_seen_to_use() -> None:
    seen = {call.partition(":")[0] for call in recorded("deploy.txt") | recorded("bootstrap.txt")}
    assert {action.partition(":")[0] for action in allowed()} - seen == set()


def test_no_action_is_allowed_by_a_pattern() -> None:
    assert [action for action in allowed() if "*" in action or "?" in action] == []


@pytest.mark.parametrize(
    "action",
    [
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "iam:CreatePolicyVersion",
        "iam:CreateOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint",
        "iam:DeleteRolePermissionsBoundary",
        "ecr:DeleteRepository",
        "budgets:ModifyBudget",
        "sts:AssumeRole",
    ],
)
def test_the_role_cannot_make_itself_or_others_more_powerful(action: str) -> None:
    assert action not in allowed()


def test_the_role_cannot_change_itself() -> None:
    denied = [s for s in statements() if s["Effect"] == "Deny"]
    arn = role().one("aws:iam/role:Role").outputs["arn"]
    (own,) = [s for s in denied if any(fnmatchcase(arn, pattern) for pattern in s["Resource"])]
    for action in ("iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRole"):
        assert any(fnmatchcase(action, pattern) for pattern in as_list(own["Action"]))


def test_roles_are_passed_to_few_services_and_get_few_policies_of_aws() -> None:
    by_action = {action: s for s in statements() for action in as_list(s["Action"])}
    passed = by_action["iam:PassRole"]["Condition"]["StringEquals"]["iam:PassedToService"]
    assert passed == list(deploy_grants.PASS_TO)
    attached = by_action["iam:AttachRolePolicy"]["Condition"]["ArnEquals"]["iam:PolicyARN"]
    assert not any("Administrator" in arn or "PowerUser" in arn or "IAMFullAccess" in arn for arn in attached)


@pytest.mark.parametrize(
    "action",
    [
        "ec2:TerminateInstances",
        "ec2:DeleteVpc",
        "rds:DeleteDBInstance",
        "rds:DeleteDBCluster",
        "elasticache:DeleteReplicationGroup",
        "elasticloadbalancing:DeleteLoadBalancer",
        "ecs:DeleteService",
        "secretsmanager:DeleteSecret",
        "iam:DeleteRole",
        "kms:ScheduleKeyDeletion",
        "sqs:DeleteQueue",
        "cloudfront:DeleteDistribution",
    ],
)
def test_only_what_the_projects_made_can_be_deleted(action: str) -> None:
    granting = [s for s in statements() if s["Effect"] == "Allow" and action in as_list(s["Action"])]
    assert granting
    for statement in granting:
        assert statement["Condition"]["StringEquals"]["aws:ResourceTag/managed-by"] == "pulumi-django"


def test_regional_services_are_reached_in_the_given_regions_only() -> None:
    for statement in statements():
        if any(action.startswith(("ec2:", "rds:", "ecs:", "elasticache:")) for action in as_list(statement["Action"])):
            assert statement["Condition"]["StringEquals"]["aws:RequestedRegion"] == REGIONS


def test_every_document_fits_into_a_policy_and_all_into_a_role() -> None:
    documents = deploy_policy.documents(["ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ca-central-1"])
    assert len(documents) <= deploy_policy.POLICIES_PER_ROLE
    for group, document in documents.items():
        characters = len(json.dumps(document, separators=(",", ":")))
        assert characters <= deploy_policy.POLICY_LIMIT_CHARACTERS, f"{group} has {characters}"
