"""The roles of a delivery pipeline can do what their task needs, and nothing that leads to more.

Each request goes through `tests.support.iam_policies`, which decides as IAM does.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_django import PipelineToolsOptions
from tests.support.aws_requests import DATA
from tests.support.delivery import DEPLOY, IMAGES, LIVE, PLAN, ROLES, TASKS, pipeline, statements, usual, world
from tests.support.escalations import ESCALATIONS
from tests.support.iam_policies import Request, allows, listed

BUCKET = usual().one("aws:s3/bucket:Bucket").outputs["arn"]
KEY = usual().one("aws:kms/key:Key").outputs["arn"]
TOPIC = usual().one("aws:sns/topic:Topic").outputs["arn"]
CONNECTION = usual().one("aws:codeconnections/connection:Connection").outputs["arn"]


def project_arn(task: str) -> str:
    return usual().one("aws:codebuild/project:Project", f"shop-{task}").outputs["arn"]


def log_stream(task: str) -> str:
    arn = usual().one("aws:cloudwatch/logGroup:LogGroup", f"shop-{task}").outputs["arn"]
    return f"{arn}:log-stream:0123"


def artifact(name: str) -> str:
    return f"{BUCKET}/shop/{name}/a1B2c3D"


def secret(role: str) -> str:
    """The secret that a role reads."""
    (found,) = [r for s in statements(usual(), role) if s["Sid"] == "Secrets" for r in listed(s["Resource"])]
    return found


def clone(service: str = "codeconnections", repository: str = "acme/shop") -> Request:
    return Request(f"{service}:UseConnection", CONNECTION, {f"{service}:FullRepositoryId": repository})


ENCRYPT = [Request(f"kms:{action}", KEY) for action in ("Decrypt", "GenerateDataKey")]
PUSH = [
    Request("ecr:GetAuthorizationToken", "*"),
    *(
        Request(f"ecr:{action}", IMAGES)
        for action in (
            "BatchCheckLayerAvailability",
            "CompleteLayerUpload",
            "DescribeImages",
            "DescribeRepositories",
            "InitiateLayerUpload",
            "PutImage",
            "UploadLayerPart",
        )
    ),
]


def reads(*names: str) -> list[Request]:
    return [Request(f"s3:{action}", artifact(name)) for name in names for action in ("GetObject", "GetObjectVersion")]


def log(task: str) -> list[Request]:
    return [Request(f"logs:{action}", log_stream(task)) for action in ("CreateLogStream", "PutLogEvents")]


def read_secret(task: str) -> Request:
    return Request("secretsmanager:GetSecretValue", secret(task))


NEEDED: dict[str, list[Request]] = {
    "pipeline": [
        clone(),
        clone("codestar-connections"),
        *(Request(f"s3:{action}", artifact("Source")) for action in ("GetObject", "GetObjectVersion", "PutObject")),
        Request("s3:GetBucketVersioning", BUCKET),
        *ENCRYPT,
        *(
            Request(f"codebuild:{action}", project_arn(task))
            for task in TASKS
            for action in ("StartBuild", "BatchGetBuilds", "StopBuild")
        ),
        Request("sns:Publish", TOPIC),
    ],
    "build": [clone(), *log("build"), *reads("Source"), Request("s3:PutObject", artifact("Images")), *ENCRYPT, *PUSH],
    "staging": [
        clone(),
        *log("staging"),
        *reads("Source", "Images"),
        *ENCRYPT,
        read_secret("staging"),
        Request("sts:AssumeRole", DEPLOY),
    ],
    "plan": [
        clone(),
        *log("plan"),
        *reads("Source", "Images"),
        Request("s3:PutObject", artifact("Plan")),
        *ENCRYPT,
        read_secret("plan"),
        Request("sts:AssumeRole", PLAN),
    ],
    "production": [
        clone(),
        *log("production"),
        *reads("Source", "Plan"),
        *ENCRYPT,
        read_secret("production"),
        Request("sts:AssumeRole", LIVE),
    ],
}
"""The requests that each role makes."""

DENIED: dict[str, list[Request]] = {
    "pipeline": [
        clone(repository="acme/payroll"),
        Request("sts:AssumeRole", LIVE),
        Request("codebuild:UpdateProject", project_arn("production")),
        Request("codebuild:StartBuild", project_arn("production").replace("shop-", "payroll-")),
        Request(
            "codepipeline:PutApprovalResult", "arn:aws:codepipeline:us-east-1:123456789012:shop/Production/approval"
        ),
        Request("secretsmanager:GetSecretValue", secret("plan")),
        Request("iam:PassRole", LIVE, {"iam:PassedToService": "codebuild.amazonaws.com"}),
    ],
    "build": [
        clone(repository="acme/payroll"),
        *(Request("sts:AssumeRole", role) for role in (DEPLOY, PLAN, LIVE)),
        Request("s3:PutObject", artifact("Plan")),
        Request("s3:PutObject", artifact("Source")),
        *reads("Plan"),
        Request("secretsmanager:GetSecretValue", secret("plan")),
        Request("ecr:PutImage", IMAGES.replace("shop-", "payroll-")),
        Request("ecr:BatchDeleteImage", IMAGES),
        Request("logs:PutLogEvents", log_stream("production")),
    ],
    "staging": [
        *(Request("sts:AssumeRole", role) for role in (PLAN, LIVE)),
        *(Request("s3:PutObject", artifact(name)) for name in ("Source", "Images", "Plan")),
        Request("ecr:PutImage", IMAGES),
    ],
    "plan": [
        *(Request("sts:AssumeRole", role) for role in (DEPLOY, LIVE)),
        Request("s3:PutObject", artifact("Images")),
        Request("ecr:PutImage", IMAGES),
    ],
    "production": [
        *(Request("sts:AssumeRole", role) for role in (DEPLOY, PLAN)),
        *(Request("s3:PutObject", artifact(name)) for name in ("Source", "Images", "Plan")),
        *reads("Images"),
        Request("ecr:PutImage", IMAGES),
    ],
}
"""The requests by which one task would do the work of another, or reach something else of the account."""


@pytest.mark.parametrize("role", ROLES)
def test_a_role_can_do_what_its_task_needs(role: str) -> None:
    assert [request for request in NEEDED[role] if not allows(statements(usual(), role), request)] == []


@pytest.mark.parametrize("role", ROLES)
def test_no_role_does_the_work_of_another(role: str) -> None:
    assert [request for request in DENIED[role] if allows(statements(usual(), role), request)] == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", ESCALATIONS)
def test_no_known_escalation_is_allowed(role: str, kind: str) -> None:
    assert [request for request in ESCALATIONS[kind] if allows(statements(usual(), role), request)] == []


def test_nothing_is_allowed_by_a_pattern_of_actions_and_every_action_exists() -> None:
    actions = {action for role in ROLES for each in statements(usual(), role) for action in listed(each["Action"])}
    assert [action for action in actions if "*" in action] == []
    assert [action for action in sorted(actions) if not DATA.actions.action_exists(*action.split(":"))] == []
    keys = {service: DATA.actions.get_action_details(service, "UseConnection")["conditionKeys"] for service in SERVICES}
    assert all(f"{service}:FullRepositoryId" in found for service, found in keys.items())


SERVICES = ("codeconnections", "codestar-connections")


def test_requests_of_the_tests_are_of_actions_that_exist() -> None:
    actions = {request.action for requests in (*NEEDED.values(), *DENIED.values()) for request in requests}
    assert [action for action in sorted(actions) if not DATA.actions.action_exists(*action.split(":"))] == []


def trust(role: str, name: str = "") -> list[dict[str, Any]]:
    """The trust policy of a role."""
    (found,) = [r for r in world().all("aws:iam:Role") if r.name == (name or f"shop-{role}")]
    return json.loads(found.inputs["assumeRolePolicy"])["Statement"]


@pytest.mark.parametrize("role", ROLES)
def test_only_the_service_of_this_account_takes_a_role(role: str) -> None:
    (statement,) = trust(role)
    service = "codepipeline" if role == "pipeline" else "codebuild"
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


@pytest.mark.parametrize(
    ("target", "trusted"),
    [("acme-deploy", {"shop-staging", "shop-production"}), ("acme-plan", {"shop-plan"})],
)
def test_exactly_the_named_roles_take_a_role_of_the_bootstrap(target: str, trusted: set[str]) -> None:
    (statement,) = trust("", target)
    assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    policy = {key: statement[key] for key in ("Effect", "Action", "Condition")}

    def takes(arn: str) -> bool:
        request = Request("sts:AssumeRole", "*", {"aws:PrincipalArn": arn})
        return allows([{**policy, "Resource": "*"}], request)

    start = "arn:aws:iam::123456789012:role/"
    assert {
        name for name in (*(f"shop-{role}" for role in ROLES), "Administrator") if takes(f"{start}{name}")
    } == trusted
    # The deploy role creates roles below its own path only, and other accounts have roles with the same name.
    assert not takes(f"{start}pulumi-django/{min(trusted)}")
    assert not takes(f"{start}{min(trusted)}".replace("123456789012", "999999999999"))


def test_without_workflows_there_is_no_identity_provider_of_github() -> None:
    assert world().all("aws:iam:OpenIdConnectProvider") == []


def test_an_image_of_ones_own_in_ecr_can_be_pulled_and_not_pushed() -> None:
    own = "arn:aws:ecr:us-east-1:123456789012:repository/tools/ci"
    tools = PipelineToolsOptions(image="123456789012.dkr.ecr.us-east-1.amazonaws.com/tools/ci:1")
    result = pipeline(tools=tools)
    for role in TASKS:
        found = statements(result, role)
        assert allows(found, Request("ecr:BatchGetImage", own))
        assert allows(found, Request("ecr:GetAuthorizationToken", "*"))
        assert not allows(found, Request("ecr:PutImage", own))


def test_keys_of_secrets_are_readable_only_where_they_are_named() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    result = pipeline(secret_key_arns=[key])
    assert allows(statements(result, "plan"), Request("kms:Decrypt", key))
    assert not allows(statements(result, "build"), Request("kms:Decrypt", key))
    assert not allows(statements(usual(), "plan"), Request("kms:Decrypt", key))
