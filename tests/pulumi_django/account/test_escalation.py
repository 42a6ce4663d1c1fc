"""An attacker in the pipeline gets no more permissions: no known escalation works with its roles.

Each request goes through `tests.support.iam_policies`, which decides as IAM does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pulumi_django.testing import SimulatedResource
from tests.pulumi_django.account.pipeline import DEPLOY, account, boundary, state, statements
from tests.support.aws_requests import ACCOUNT, BOUNDARY, DATA, GIVEN, REGION, TAG
from tests.support.escalations import ESCALATIONS, FOREIGN, STATE_BUCKET, STATE_KEY
from tests.support.iam_policies import Request, allows, listed
from tests.support.worlds import WORLDS

ANYTHING = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
HERE = {"aws:RequestedRegion": REGION}
# Permissions of `may_adopt`: AWS requires the permission to tag, and cannot limit it to new resources.
ADOPTED = {
    "acm:AddTagsToCertificate",
    "autoscaling:CreateOrUpdateTags",
    "cloudfront:TagResource",
    "ec2:CreateTags",
    "kms:TagResource",
    "sqs:TagQueue",
    "ssm:AddTagsToResource",
}


def of_this_account(request: Request) -> Request:
    """The request with the simulated account's own state."""
    bucket, key = state(account())
    resource = request.resource.replace(STATE_BUCKET, bucket).replace(STATE_KEY, key)
    return replace(request, resource=resource)


def test_the_list_knows_the_boundary_and_no_misspelt_action() -> None:
    assert account().one("aws:iam/policy:Policy", "acme-deploy-boundary").outputs["arn"] == BOUNDARY
    actions = {request.action for requests in ESCALATIONS.values() for request in requests}
    unknown = [action for action in sorted(actions) if not DATA.actions.action_exists(*action.split(":"))]
    assert len(actions) > 150
    assert unknown == []


@pytest.mark.parametrize("role", ["deploy", "plan"])
@pytest.mark.parametrize("kind", ESCALATIONS)
@pytest.mark.parametrize("name_prefix", ["", "shop-"])
def test_no_known_escalation_is_allowed(kind: str, role: str, name_prefix: str) -> None:
    own = statements(account(name_prefix=name_prefix), role)
    assert [r for r in map(of_this_account, ESCALATIONS[kind]) if allows(own, r)] == []


def test_a_role_with_may_adopt_tags_only_the_documented_resources() -> None:
    own = statements(account(may_adopt=True), "deploy")
    allowed = [r for requests in ESCALATIONS.values() for r in map(of_this_account, requests) if allows(own, r)]
    assert {request.action for request in allowed} == ADOPTED
    assert {request.resource for request in allowed if request.action == "ec2:CreateTags"} == {FOREIGN["group"]}


def test_a_name_prefix_keeps_names_that_look_alike_apart() -> None:
    alike = [
        Request(
            "secretsmanager:TagResource", _arn("secretsmanager", "secret:pay-secrets-1a2b3c4-AbCdEf"), {**HERE, **GIVEN}
        ),
        Request("s3:PutBucketPolicy", "arn:aws:s3:::pay-assets-1a2b3c4", HERE),
        Request("s3:DeleteBucket", "arn:aws:s3:::pay-assets-1a2b3c4", HERE),
        Request("rds:AddTagsToResource", _arn("rds", "db:pay-rds"), {**HERE, **GIVEN}),
        Request("logs:TagResource", _arn("logs", "log-group:/ecs/pay/web"), {**HERE, **GIVEN}),
        Request("ecs:StopTask", _arn("ecs", "task/pay-cluster/0123"), HERE),
    ]
    own = statements(account(name_prefix="shop-"), "deploy")
    assert [request for request in alike if allows(own, request)] == []
    ours = [replace(r, resource=r.resource.replace("pay", "shop-pay")) for r in alike]
    assert [request for request in ours if not allows(own, request)] == []


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


# ----------------------------------------------------------------------------------------------------------- boundary


@pytest.mark.parametrize("kind", ESCALATIONS)
def test_a_role_with_every_right_gets_nowhere_within_the_boundary(kind: str) -> None:
    limits = boundary(account())
    allowed = [r for r in map(of_this_account, ESCALATIONS[kind]) if allows(ANYTHING, r, limits)]
    # A schedule needs only a role of the projects for tasks.
    assert [r for r in allowed if r.action != "secretsmanager:GetSecretValue" or "rds!" not in r.resource] == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", f"{STATE_BUCKET}/.pulumi/stacks/a.json"),
        ("kms:Decrypt", STATE_KEY),
        ("secretsmanager:GetSecretValue", FOREIGN["secret"]),
        ("ssm:GetParameters", FOREIGN["parameter"]),
        ("s3:GetObject", f"{FOREIGN['bucket']}/invoices.csv"),
        ("sqs:ReceiveMessage", FOREIGN["queue"]),
        ("ecs:RunTask", FOREIGN["task-definition"]),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/pulumi-django/alpha-task-1ca8b1e"),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Administrator"),
        ("ec2:RunInstances", "*"),
        ("rds:DeleteDBInstance", FOREIGN["database"]),
    ],
)
def test_the_boundary_stops_what_no_task_needs(action: str, resource: str) -> None:
    # The state's key has the projects' tag.
    tags = TAG if resource == STATE_KEY else {}
    request = of_this_account(Request(action, resource, {**HERE, **tags}))
    assert allows(ANYTHING, request)
    assert not allows(ANYTHING, request, boundary(account()))


@pytest.mark.parametrize("world", WORLDS)
def test_the_boundary_allows_what_the_components_give_their_roles(world: str) -> None:
    limits = boundary(account())
    policies = [r for r in WORLDS[world]().resources if r.type == "aws:iam/rolePolicy:RolePolicy"]
    assert len(policies) >= 4
    refused = [
        (policy.name, request)
        for policy in policies
        for request in granted(policy)
        if not allows(ANYTHING, request, limits)
    ]
    assert refused == []


def granted(policy: SimulatedResource) -> Iterator[Request]:
    """Return the requests that a role's policy allows."""
    for statement in json.loads(policy.inputs["policy"])["Statement"]:
        conditions = {key: value for tests in statement.get("Condition", {}).values() for key, value in tests.items()}
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                # Secrets and parameters share a statement.
                if action.startswith("ssm:GetParameter") and ":secret:" in resource:
                    continue
                named = resource.replace(":role/", ":role/pulumi-django/") if action == "iam:PassRole" else resource
                # What a pattern of the policy stands for.
                arn = named if named == "*" else named.replace("*", "x")
                yield Request(action, arn, {**HERE, **TAG, **conditions})


# -------------------------------------------------------------------------------------------------------------- trust


def trusted(role: str, subject: str, audience: str = "sts.amazonaws.com") -> bool:
    """Return whether a token of GitHub can assume the role."""
    text = account().one("aws:iam/role:Role", f"acme-{role}").inputs["assumeRolePolicy"]
    (statement,) = json.loads(text)["Statement"]
    assert set(statement["Principal"]) == {"Federated"}
    policy = {key: statement[key] for key in ("Effect", "Action", "Condition")}
    issuer = "token.actions.githubusercontent.com"
    context = {f"{issuer}:sub": subject, f"{issuer}:aud": audience}
    return allows([{**policy, "Resource": "*"}], Request("sts:AssumeRoleWithWebIdentity", "*", context))


def test_exactly_the_named_workflows_get_a_role() -> None:
    assert trusted("deploy", DEPLOY)
    assert trusted("plan", "repo:example/shop:pull_request")


@pytest.mark.parametrize(
    ("subject", "audience"),
    [
        ("repo:example/shop:pull_request", "sts.amazonaws.com"),
        ("repo:example/shop:environment:production2", "sts.amazonaws.com"),
        ("repo:example/shop:environment:Production", "sts.amazonaws.com"),
        ("repo:example/shop:ref:refs/heads/main", "sts.amazonaws.com"),
        ("repo:example/shop-fork:environment:production", "sts.amazonaws.com"),
        ("repo:mallory/shop:environment:production", "sts.amazonaws.com"),
        ("repo:example/shop:environment:*", "sts.amazonaws.com"),
        (DEPLOY, "https://github.com/example"),
    ],
)
def test_no_other_token_gets_the_deploy_role(subject: str, audience: str) -> None:
    assert not trusted("deploy", subject, audience)


# --------------------------------------------------------------------------------------------------------------- plan


def test_the_plan_role_only_reads() -> None:
    actions = {a for s in statements(account(), "plan") if s["Effect"] == "Allow" for a in listed(s["Action"])}
    levels = {
        action: set(DATA.actions.get_action_details(*action.split(":"))["accessLevel"].split(", "))
        for action in actions
    }
    # KMS classifies decryption as a write. The role needs it for the state's key and for the secrets of the stacks.
    assert {action for action, level in levels.items() if not level <= {"Read", "List"}} == {"kms:Decrypt"}
    here, tagged = {**HERE, "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}, {**HERE, **TAG}
    key = _arn("kms", "key/0wn")
    own = statements(account(), "plan")
    assert [allows(own, Request("kms:Decrypt", key, context)) for context in ({**here, **TAG}, here, tagged)] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("action", "resource", "tags"),
    [
        ("s3:PutObject", f"{STATE_BUCKET}/.pulumi/stacks/a.json", {}),
        ("s3:DeleteObject", f"{STATE_BUCKET}/.pulumi/locks/a.json", {}),
        ("s3:GetObject", "arn:aws:s3:::alpha-assets-ef18e24/invoice.pdf", {}),
        ("logs:GetLogEvents", _arn("logs", "log-group:/ecs/alpha/gunicorn:log-stream:a"), TAG),
        ("logs:FilterLogEvents", _arn("logs", "log-group:/ecs/alpha/gunicorn"), TAG),
        ("secretsmanager:GetSecretValue", _arn("secretsmanager", "secret:rds!db-0123-AbCdEf"), TAG),
        ("ecs:ExecuteCommand", _arn("ecs", "cluster/alpha-cluster"), TAG),
        ("kms:Decrypt", _arn("kms", "key/0wn"), TAG),
        ("ecr:PutImage", _arn("ecr", "repository/shop"), TAG),
    ],
)
def test_the_plan_role_neither_writes_nor_reads_what_people_keep(
    action: str, resource: str, tags: dict[str, str]
) -> None:
    assert not allows(statements(account(), "plan"), of_this_account(Request(action, resource, {**HERE, **tags})))


def test_the_plan_role_reads_state_and_decrypts_its_secrets() -> None:
    own = statements(account(), "plan")
    for action, resource in [
        ("s3:GetObject", f"{STATE_BUCKET}/.pulumi/stacks/a.json"),
        ("s3:ListBucket", STATE_BUCKET),
        ("kms:Decrypt", STATE_KEY),
    ]:
        assert allows(own, of_this_account(Request(action, resource, HERE)))
