"""The deploy role can make the recorded calls of the projects, on their resources, and calls of no other service.

Twice over: each recorded call goes, as the requests that AWS makes of it, through an evaluator of policies; and AWS's own data
says of each action which resources and conditions it knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.operations.health import needs_aws
from pulumi_django.account import deploy_policy, workload_boundary
from pulumi_django.account.deploy_grants import GRANTS
from tests.pulumi_django.account.pipeline import account, boundary, state, statements
from tests.support.aws_requests import ACCOUNT, BOUNDARY, DATA, GIVEN, REGION, TAG, requests
from tests.support.iam_policies import Request, allows, listed

FIXTURES = Path(__file__).parents[2] / "fixtures" / "aws_calls"
# Calls that need `may_adopt`, because their resources cannot be distinguished from those of others.
ADOPTING = {
    "acm:RequestCertificate",
    "autoscaling:CreateAutoScalingGroup",
    "kms:CreateKey",
    "sqs:CreateQueue",
    "ssm:PutParameter",
    *(f"cloudfront:Create{kind}" for kind in ("CachePolicy", "Distribution", "Function", "OriginAccessControl")),
    *(f"cloudfront:Delete{kind}" for kind in ("CachePolicy", "Function", "OriginAccessControl")),
    "cloudfront:CreateResponseHeadersPolicy",
    "cloudfront:DeleteResponseHeadersPolicy",
}
# The calls among them that a name prefix distinguishes.
NAMED = {"autoscaling:CreateAutoScalingGroup", "sqs:CreateQueue", "ssm:PutParameter"}


def recorded(file: str) -> set[str]:
    lines = (FIXTURES / file).read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    return set(lines)


def denied(own: tuple[Mapping[str, Any], ...]) -> set[str]:
    """Return the recorded calls that the statements do not allow on all resources of the projects."""
    bucket, key = state(account())
    calls = {call: list(requests(call)) for call in recorded("deploy.txt")}
    assert sum(map(len, calls.values())) > 1000
    assert all(calls.values())
    refused = {call for call, made in calls.items() if not all(allows(own, request) for request in made)}
    # Pulumi's own state and secrets.
    for call, resource in (("s3:GetObject", f"{bucket}/x"), ("s3:PutObject", f"{bucket}/x"), ("kms:Decrypt", key)):
        assert call in calls
        refused |= set() if allows(own, Request(call, resource)) else {call}
    return refused


def test_the_role_may_do_everything_that_the_projects_were_seen_to_do() -> None:
    assert denied(statements(account(may_adopt=True), "deploy")) == set()


ASKED = {
    "acm:DescribeCertificate": ("acm", "certificate/1"),
    "iam:GetRole": ("iam", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"),
    "secretsmanager:DescribeSecret": ("secretsmanager", "secret:payments-dsn-AbCdEf"),
    "servicequotas:GetServiceQuota": ("servicequotas", "fargate/L-3032A538"),
}
"""Resources of others whose metadata the checks before a create read; the other calls support no resources."""


@pytest.mark.parametrize("name_prefix", ["", "shop-"])
def test_the_role_may_look_at_everything_that_a_create_needs(name_prefix: str) -> None:
    own = statements(account(name_prefix=name_prefix), "deploy")
    assert set(ASKED) < recorded("checks.txt")
    for call in sorted(recorded("checks.txt")):
        service, rest = ASKED.get(call, ("", ""))
        where = "" if service == "iam" else REGION
        arn = f"arn:aws:{service}:{where}:{ACCOUNT}:{rest}" if service else "*"
        assert allows(own, Request(call, arn, {"aws:RequestedRegion": REGION})), call
        if call not in ("iam:GetRole", "route53:ListHostedZonesByName"):
            assert not allows(own, Request(call, arn, {"aws:RequestedRegion": "eu-west-1"})), call


def test_looking_shows_no_value_and_not_the_role_itself() -> None:
    own, here = statements(account(), "deploy"), {"aws:RequestedRegion": REGION}
    for call, arn in {
        "secretsmanager:GetSecretValue": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payments-dsn-AbCdEf",
        "ssm:GetParameters": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/payments/dsn",
        "acm:ExportCertificate": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1",
        "iam:GetRole": f"arn:aws:iam::{ACCOUNT}:role/Administrator",
        "iam:SimulatePrincipalPolicy": f"arn:aws:iam::{ACCOUNT}:role/pulumi-django-deploy",
        "iam:PutRolePolicy": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "servicequotas:RequestServiceQuotaIncrease": f"arn:aws:servicequotas:{REGION}:{ACCOUNT}:fargate/L-3032A538",
    }.items():
        assert not allows(own, Request(call, arn, here)), call


def test_the_role_may_create_every_service_linked_role_that_is_looked_at() -> None:
    """IAM does not tell the role its own rights, so that a role that does not exist yet must be one that it may create."""
    own = statements(account(), "deploy")
    assert len(needs_aws.LINKED_ROLES) > 5
    for role in needs_aws.LINKED_ROLES:
        arn = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{role.service}/{role.name}"
        asked = Request("iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": role.service})
        assert allows(own, asked), role.name


def test_without_may_adopt_the_role_does_everything_except_creating_untagged_resources() -> None:
    assert denied(statements(account(), "deploy")) == ADOPTING


def test_a_name_prefix_tells_names_apart() -> None:
    own = statements(account(name_prefix="shop-"), "deploy")
    made = {**GIVEN, "aws:RequestedRegion": REGION}
    names = {
        "autoscaling:CreateAutoScalingGroup": ("autoscaling", "autoScalingGroup:f0:autoScalingGroupName/{}web-1a2b3c4"),
        "sqs:CreateQueue": ("sqs", "{}alpha-default"),
        "ssm:PutParameter": ("ssm", "parameter/{}alpha/url"),
    }
    assert set(names) == NAMED
    for action, (service, rest) in names.items():
        for prefix, allowed in (("shop-", True), ("payments-", False)):
            arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest.format(prefix)}"
            assert allows(own, Request(action, arn, made)) is allowed, arn


def test_the_role_updates_and_deletes_what_an_administrator_made_for_it() -> None:
    own = statements(account(), "deploy")
    for action, arn in {
        "acm:DeleteCertificate": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1",
        "cloudfront:UpdateDistribution": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1",
        "ec2:AuthorizeSecurityGroupIngress": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/sg-1",
        "kms:ScheduleKeyDeletion": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
        "sqs:SetQueueAttributes": f"arn:aws:sqs:{REGION}:{ACCOUNT}:shop-default",
    }.items():
        context = {"aws:RequestedRegion": REGION}
        assert allows(own, Request(action, arn, {**context, **TAG}))
        assert not allows(own, Request(action, arn, context))


def test_the_role_reaches_no_service_that_the_projects_were_not_seen_to_use() -> None:
    calls = recorded("deploy.txt") | recorded("bootstrap.txt") | recorded("checks.txt")
    seen = {call.partition(":")[0] for call in calls}
    own = statements(account(may_adopt=True), "deploy")
    assert {action.partition(":")[0] for s in own for action in listed(s["Action"])} - seen == set()


@pytest.mark.parametrize("role", ["deploy", "plan"])
def test_no_action_is_allowed_by_a_pattern(role: str) -> None:
    allowed = [a for s in statements(account(), role) if s["Effect"] == "Allow" for a in listed(s["Action"])]
    assert [action for action in allowed if "*" in action or "?" in action] == []


def all_statements() -> list[Mapping[str, Any]]:
    """Every statement of the roles and the boundary that allows."""
    result = account(may_adopt=True)
    together = [*statements(result, "deploy"), *statements(result, "plan"), *boundary(result)]
    return [statement for statement in together if statement["Effect"] == "Allow"]


def test_every_action_exists_and_knows_the_conditions_that_are_asked_of_it() -> None:
    """AWS never meets a condition, and never checks a resource, that an action does not support."""
    wrong: set[tuple[str, str]] = set()
    for statement in all_statements():
        asked = {key for tests in statement.get("Condition", {}).values() for key in tests} - {"aws:RequestedRegion"}
        for action in listed(statement["Action"]):
            service, _, name = action.partition(":")
            assert DATA.actions.action_exists(service, name), action
            wrong |= {(action, key) for key in asked if key.split("/")[0].lower() not in known_keys(service, name)}
            if not DATA.actions.get_action_details(service, name)["resourceTypes"] and "*" not in statement["Resource"]:
                wrong.add((action, str(statement["Resource"])))
    assert wrong == set()


def known_keys(service: str, action: str) -> set[str]:
    """Return the condition keys of an action and of its resources, without the names of tags."""
    details = DATA.actions.get_action_details(service, action)
    keys = {*details["conditionKeys"]}
    for kind in details["resourceTypes"]:
        resource = DATA.resources.get_resource_type_details(service, kind["name"])
        keys |= {*kind["conditionKeys"], *(resource.get("conditionKeys") or [])}
    return {re.sub(r"[/:]?\$\{.*", "", key).split("/")[0].lower() for key in keys}


def test_regional_services_are_reached_in_the_given_regions_only() -> None:
    for statement in statements(account(), "deploy"):
        if any(action.startswith(("ec2:", "rds:", "ecs:", "elasticache:")) for action in listed(statement["Action"])):
            assert statement["Condition"]["StringEquals"]["aws:RequestedRegion"] == [REGION]


def test_every_document_fits_into_a_policy_and_all_into_a_role() -> None:
    scope = deploy_policy.Scope(
        regions=["ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ca-central-1"],
        boundary_arn=BOUNDARY,
        name_prefix="x" * 20,
        may_adopt=True,
        hosted_zone_ids=["Z0123456789ABCDEFGHIJ"] * 4,
    )
    deploy, plan = deploy_policy.documents(scope), deploy_policy.plan_documents(scope)
    assert set(deploy) == set(GRANTS)
    assert len(deploy) <= deploy_policy.POLICIES_PER_ROLE
    limits = workload_boundary.document(name_prefix="x" * 20, state_arns=["x" * 80] * 3)
    for group, document in {
        **deploy,
        **{f"plan-{key}": text for key, text in plan.items()},
        "boundary": limits,
    }.items():
        characters = len(json.dumps(document, separators=(",", ":")))
        assert characters <= deploy_policy.POLICY_LIMIT_CHARACTERS, f"{group} has {characters}"
    for policy in account().of_type("aws:iam/rolePolicy:RolePolicy"):
        assert len(policy.inputs["policy"]) < deploy_policy.INLINE_LIMIT_CHARACTERS


@pytest.mark.parametrize("prefix", ["", "shop-"])
def test_the_role_stores_and_deletes_the_values_of_secrets_push_and_no_others(prefix: str) -> None:
    own = statements(account(name_prefix=prefix), "deploy")
    tags = {f"aws:RequestTag/{name}": value for name, value in (("managed-by", "orchestrator"), ("environment", "x"))}
    where = {"aws:RequestedRegion": REGION}

    def may(call: str, name: str) -> bool:
        kind = "secret:" if call.startswith("secretsmanager") else "parameter/"
        service = call.partition(":")[0]
        asked = Request(call, f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{name}", {**tags, **where})
        return allows(own, asked)

    name = f"{prefix}alpha/pushed"
    for action in ("CreateSecret", "DeleteSecret", "GetSecretValue", "PutSecretValue", "TagResource"):
        assert may(f"secretsmanager:{action}", f"{name}-AbCdEf")
        assert not may(f"secretsmanager:{action}", f"{prefix}alpha/other-AbCdEf")
    # A secret that does not exist has no suffix and no tags.
    assert may("secretsmanager:DeleteSecret", name)
    for action in ("AddTagsToResource", "PutParameter", "DeleteParameters"):
        assert may(f"ssm:{action}", f"{name}/STRIPE_KEY")
        assert not may(f"ssm:{action}", f"{prefix}alpha/other/STRIPE_KEY")
    assert may("ssm:GetParametersByPath", name)


def test_the_role_deletes_the_copies_of_task_definitions_that_it_made() -> None:
    own = statements(account(), "deploy")
    copy = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/alpha-database:7"
    call = "ecs:DeleteTaskDefinitions"
    assert allows(own, Request(call, copy, {"aws:RequestedRegion": REGION, **TAG}))
    assert not allows(own, Request(call, copy, {"aws:RequestedRegion": REGION}))


def test_the_role_creates_the_addresses_of_its_own_file_systems_only() -> None:
    """EFS creates a network interface, which has no tags, with the permissions of the caller."""
    own = statements(account(), "deploy")
    here = {"aws:RequestedRegion": REGION}
    ec2, efs = f"arn:aws:ec2:{REGION}:{ACCOUNT}:", f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1"
    assert allows(own, Request("ec2:CreateNetworkInterface", f"{ec2}network-interface/*", here))
    for kind in ("subnet/subnet-1", "security-group/sg-1"):
        assert allows(own, Request("ec2:CreateNetworkInterface", f"{ec2}{kind}", {**here, **TAG}))
        assert not allows(own, Request("ec2:CreateNetworkInterface", f"{ec2}{kind}", here))
    for action in ("CreateAccessPoint", "CreateMountTarget", "DeleteFileSystem", "PutFileSystemPolicy", "TagResource"):
        assert allows(own, Request(f"elasticfilesystem:{action}", efs, {**here, **TAG}))
        assert not allows(own, Request(f"elasticfilesystem:{action}", efs, {**here, **GIVEN}))


def test_the_boundary_lets_tasks_mount_file_systems_of_the_projects_only() -> None:
    arn = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1"
    own = boundary(account())
    for action in ("ClientMount", "ClientWrite"):
        assert allows(own, Request(f"elasticfilesystem:{action}", arn, TAG))
        assert not allows(own, Request(f"elasticfilesystem:{action}", arn, {}))
    assert not allows(own, Request("elasticfilesystem:ClientRootAccess", arn, TAG))
