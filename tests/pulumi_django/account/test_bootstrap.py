"""The bootstrap of an account: its resources, what a destroy keeps, and invalid arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import (
    AccountBootstrap,
    AccountBootstrapArgs,
    BudgetAlarmArgs,
    BudgetOptions,
    DeployOptions,
    DeployRole,
    DeployRoleArgs,
    ImageRepositoryArgs,
    MailOptions,
    PlanRoleArgs,
    RepositoryOptions,
    StateBackend,
    StateBackendArgs,
)
from pulumi_django.account import deploy_grants
from pulumi_django.testing import SimulationResult, simulate

SUBJECT = "repo:example/shop:environment:production"
REPOSITORY = "aws:ecr/repository:Repository"


def run(program: Callable[[], object], **options: Any) -> SimulationResult:
    return simulate(lambda: program() and None, project="django-bootstrap", stack="account", **options)


def account(**arguments: Any) -> SimulationResult:
    return run(lambda: AccountBootstrap("acme", AccountBootstrapArgs(region="us-east-1", **arguments)))


def whole() -> SimulationResult:
    return account(
        repositories={"shop-backend": RepositoryOptions(), "shop/frontend": RepositoryOptions(immutable_tags=False)},
        deploy=DeployOptions(subjects=[SUBJECT]),
        mail=MailOptions(domain_name="example.com", hosted_zone_id="Z1"),
        budget=BudgetOptions(monthly_dollars=200, emails=["ops@example.com"]),
    )


def test_the_account_has_exactly_these() -> None:
    made = {(r.type, r.name) for r in whole().resources if not r.type.startswith("pulumi:")}
    groups = [f"acme-deploy-{group}" for group in deploy_grants.GRANTS]
    assert made == {
        ("pulumi-django:account:AccountBootstrap", "acme"),
        ("pulumi-django:account:StateBackend", "acme-state"),
        ("aws:kms/key:Key", "acme-state-key"),
        ("aws:kms/alias:Alias", "acme-state-alias"),
        ("aws:s3/bucket:Bucket", "acme-state-bucket"),
        ("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "acme-state-bucket-owner"),
        (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "acme-state-bucket-encryption",
        ),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "acme-state-bucket-private"),
        ("aws:s3/bucketPolicy:BucketPolicy", "acme-state-bucket-tls"),
        ("aws:s3/bucketVersioning:BucketVersioning", "acme-state-bucket-versions"),
        ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "acme-state-bucket-expiry"),
        *(
            (kind, f"acme-{name}")
            for name in ("shop-backend", "shop-frontend")
            for kind in ("pulumi-django:account:ImageRepository", REPOSITORY)
        ),
        ("aws:ecr/lifecyclePolicy:LifecyclePolicy", "acme-shop-backend-expiry"),
        ("aws:ecr/lifecyclePolicy:LifecyclePolicy", "acme-shop-frontend-expiry"),
        ("pulumi-django:account:DeployRole", "acme-deploy"),
        ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "acme-deploy-github"),
        ("aws:iam/role:Role", "acme-deploy"),
        ("aws:iam/rolePolicy:RolePolicy", "acme-deploy-account"),
        ("aws:iam/policy:Policy", "acme-deploy-boundary"),
        *(("aws:iam/policy:Policy", name) for name in groups),
        *(("aws:iam/rolePolicyAttachment:RolePolicyAttachment", name) for name in groups),
        ("pulumi-django:account:MailDomain", "acme-mail"),
        ("aws:sesv2/emailIdentity:EmailIdentity", "acme-mail"),
        *(("aws:route53/record:Record", f"acme-mail-dkim-{number}") for number in (1, 2, 3)),
        ("pulumi-django:account:BudgetAlarm", "acme-budget"),
        ("aws:budgets/budget:Budget", "acme-budget"),
    }


def test_an_account_may_have_the_state_alone() -> None:
    types = {r.type for r in account().resources}
    assert not types & {
        REPOSITORY,
        "aws:iam/role:Role",
        "aws:sesv2/emailIdentity:EmailIdentity",
        "aws:budgets/budget:Budget",
    }


def test_images_are_scanned_encrypted_and_forgotten_and_a_tag_stays_with_its_image() -> None:
    result = whole()
    inputs = result.one(REPOSITORY, "acme-shop-backend").inputs
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "AES256"}]
    assert inputs["imageTagMutability"] == "IMMUTABLE"
    assert result.one(REPOSITORY, "acme-shop-frontend").inputs["imageTagMutability"] == "MUTABLE"
    policy = json.loads(
        result.one("aws:ecr/lifecyclePolicy:LifecyclePolicy", "acme-shop-backend-expiry").inputs["policy"]
    )
    assert [rule["selection"] for rule in policy["rules"]] == [
        {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
        {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 100},
    ]


def test_state_is_encrypted_versioned_private_and_outlives_the_stack() -> None:
    result = run(lambda: StateBackend("state", StateBackendArgs(region="us-east-1")))
    key = result.one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"] is True
    (rule,) = result.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs["rules"]
    assert rule == {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key.outputs["arn"]},
        "bucketKeyEnabled": True,
    }
    assert result.one("aws:s3/bucketVersioning:BucketVersioning")
    assert '"aws:SecureTransport": "false"' in result.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"]
    assert all(r.retain_on_delete for r in result.resources if r.type.startswith("aws:"))
    taken_along = run(lambda: StateBackend("state", StateBackendArgs(region="us-east-1", retain=False)))
    assert not any(r.retain_on_delete for r in taken_along.resources)


def test_state_and_secrets_are_written_as_pulumi_takes_them() -> None:
    import pulumi

    def program() -> None:
        state = StateBackend("state", StateBackendArgs(region="eu-west-1"))
        pulumi.export("url", state.backend_url)
        pulumi.export("provider", state.secrets_provider)

    result = run(program)
    bucket = result.one("aws:s3/bucket:Bucket").outputs["bucket"]
    assert result.outputs["url"] == f"s3://{bucket}?region=eu-west-1"
    assert result.outputs["provider"] == "awskms:///alias/state?region=eu-west-1"


def test_mail_is_signed_by_three_records_that_ses_names() -> None:
    result = whole()
    tokens = result.one("aws:sesv2/emailIdentity:EmailIdentity").outputs["dkimSigningAttributes"]["tokens"]
    records = [r.inputs for r in result.of_type("aws:route53/record:Record")]
    assert [(r["name"], r["type"], r["ttl"], r["records"]) for r in records] == [
        (f"{token}._domainkey.example.com", "CNAME", 600, [f"{token}.dkim.amazonses.com"]) for token in tokens
    ]


def test_the_budget_writes_before_and_when_it_is_spent() -> None:
    inputs = whole().one("aws:budgets/budget:Budget").inputs
    assert (inputs["limitAmount"], inputs["limitUnit"], inputs["timeUnit"]) == ("200", "USD", "MONTHLY")
    assert [
        (n["notificationType"], n["threshold"], n["subscriberEmailAddresses"]) for n in inputs["notifications"]
    ] == [
        ("ACTUAL", 80, ["ops@example.com"]),
        ("FORECASTED", 100, ["ops@example.com"]),
    ]


def test_only_the_named_workflows_take_the_role_and_only_for_aws() -> None:
    result = whole()
    trust = json.loads(result.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    provider = result.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert (provider.inputs["url"], provider.inputs["clientIdLists"]) == (
        "https://token.actions.githubusercontent.com",
        ["sts.amazonaws.com"],
    )
    assert trust["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": provider.outputs["arn"]},
            "Condition": {
                "StringEquals": {
                    "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                    "token.actions.githubusercontent.com:sub": [SUBJECT],
                }
            },
        }
    ]


def test_an_account_that_has_githubs_provider_keeps_it() -> None:
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    args = DeployRoleArgs(subjects=[SUBJECT], regions=["us-east-1"], oidc_provider_arn=arn)
    result = run(lambda: DeployRole("deploy", args))
    assert result.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == ()
    assert arn in result.one("aws:iam/role:Role").inputs["assumeRolePolicy"]


def test_the_role_reads_state_pushes_images_and_cannot_change_itself_or_the_state_bucket() -> None:
    result = whole()
    policy = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    bucket = result.one("aws:s3/bucket:Bucket").outputs["arn"]
    repositories = [repository.outputs["arn"] for repository in result.of_type(REPOSITORY)]
    assert by_sid["State"]["Resource"] == [f"{bucket}/*"]
    assert by_sid["StateKey"]["Resource"] == [result.one("aws:kms/key:Key").outputs["arn"]]
    assert by_sid["Images"]["Resource"] == repositories
    assert by_sid["NotItself"] == {
        "Sid": "NotItself",
        "Effect": "Deny",
        "Action": ["iam:*"],
        "Resource": [
            "arn:aws:iam::*:role/pulumi-django-deploy",
            "arn:aws:iam::*:role/pulumi-django-plan",
            "arn:aws:iam::*:oidc-provider/*",
            "arn:aws:iam::123456789012:policy/pulumi-django/pulumi-django-deploy-boundary",
        ],
    }
    assert by_sid["NotTheStateKey"]["Resource"] == [result.one("aws:kms/key:Key").outputs["arn"]]
    assert by_sid["NotTheStateBucket"]["Resource"] == [bucket, f"{bucket}/*"]


def test_the_plan_role_is_there_when_workflows_may_take_it() -> None:
    deploy = DeployOptions(subjects=[SUBJECT], plan_subjects=["repo:example/shop:pull_request"], plan_role_name="look")
    result = account(deploy=deploy)
    assert result.one("aws:iam/role:Role", "acme-plan").inputs["name"] == "look"
    policies = {r.name for r in result.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")}
    assert {name for name in policies if name.startswith("acme-plan")} == {
        "acme-plan-infrastructure",
        "acme-plan-data",
        "acme-plan-services",
    }
    assert [r.name for r in account(deploy=DeployOptions(subjects=[SUBJECT])).of_type("aws:iam/role:Role")] == [
        "acme-deploy"
    ]


def test_the_account_exports_the_values_for_pipelines_and_projects() -> None:
    import pulumi

    def program() -> None:
        deploy = DeployOptions(subjects=[SUBJECT], plan_subjects=["repo:example/shop:pull_request"])
        made = AccountBootstrap("acme", AccountBootstrapArgs(region="us-east-1", deploy=deploy))
        for name, value in made.outputs().items():
            pulumi.export(name, value)

    outputs = run(program).outputs
    assert outputs["permissions_boundary_arn"].endswith(":policy/pulumi-django/pulumi-django-deploy-boundary")
    assert outputs["deploy_role_arn"].endswith(":role/pulumi-django-deploy")
    assert outputs["plan_role_arn"].endswith(":role/pulumi-django-plan")


def test_applications_may_be_given_more_within_the_boundary() -> None:
    more = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}
    result = account(deploy=DeployOptions(subjects=[SUBJECT], workload_statements=[more]))
    policy = json.loads(result.one("aws:iam/policy:Policy", "acme-deploy-boundary").inputs["policy"])
    assert more in policy["Statement"]


def test_two_accounts_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("one", "two"):
            AccountBootstrap(name, AccountBootstrapArgs(region="us-east-1", repositories={"shop": RepositoryOptions()}))

    assert len(run(program).of_type(REPOSITORY)) == 2


REFUSALS: list[tuple[str, Callable[[], object], str]] = [
    *(
        (
            f"repository {name!r}",
            lambda name=name: ImageRepositoryArgs(repository_name=name),
            f"{name!r} cannot name a repository: a name has 2 to 256 lower-case letters and digits, in groups joined by "
            "single '.', '_', '-' or '/', beginning with a letter",
        )
        for name in ("Shop", "s", "shop--web", "-shop", "shop/", "1shop", "shop:v1", "a" * 257)
    ),
    (
        "repository of an account",
        lambda: AccountBootstrapArgs(region="r", repositories={"Shop": RepositoryOptions()}),
        "'Shop' cannot name a repository: a name has 2 to 256 lower-case letters and digits, in groups joined by "
        "single '.', '_', '-' or '/', beginning with a letter",
    ),
    (
        "images",
        lambda: ImageRepositoryArgs(repository_name="shop", keep_images=0),
        "keep_images is 0: it must be 1 to 100000",
    ),
    (
        "days",
        lambda: ImageRepositoryArgs(repository_name="shop", untagged_days=0),
        "untagged_days is 0: it must be 1 to 3650",
    ),
    (
        "versions",
        lambda: StateBackendArgs(region="r", old_version_days=0),
        "old_version_days is 0: it must be 1 to 3650",
    ),
    (
        "nobody",
        lambda: DeployRoleArgs(subjects=[], regions=["r"]),
        "subjects is empty: name at least one workflow, or a role in trusted_roles, that may assume the role",
    ),
    (
        "nowhere",
        lambda: DeployRoleArgs(subjects=[SUBJECT], regions=[]),
        "regions is empty: name at least one AWS region",
    ),
    (
        "role",
        lambda: DeployRoleArgs(subjects=[SUBJECT], regions=["r"], role_name="deploy role"),
        "role_name is 'deploy role': it must have only letters, digits and +=,.@_-",
    ),
    (
        "prefix",
        lambda: DeployRoleArgs(subjects=[SUBJECT], regions=["r"], name_prefix="Shop_"),
        "name_prefix is 'Shop_': it must be at most 20 lower-case letters, digits and '-', beginning with a letter",
    ),
    (
        "long prefix",
        lambda: DeployRoleArgs(subjects=[SUBJECT], regions=["r"], name_prefix="s" * 21),
        f"name_prefix is '{'s' * 21}': it must be at most 20 lower-case letters, digits and '-', beginning with a letter",
    ),
    (
        "statement",
        lambda: DeployRoleArgs(subjects=[SUBJECT], regions=["r"], workload_statements=[{"Effect": "Allow"}]),
        "workload_statements: statement 1 needs Action or NotAction, and not both",
    ),
    (
        "plan by nobody",
        lambda: PlanRoleArgs(subjects=[], regions=["r"], oidc_provider_arn="p"),
        "subjects is empty: name at least one workflow, or a role in trusted_roles, that may assume the role",
    ),
    (
        "plan nowhere",
        lambda: PlanRoleArgs(subjects=[SUBJECT], regions=[], oidc_provider_arn="p"),
        "regions is empty: name at least one AWS region",
    ),
    (
        "dollars",
        lambda: BudgetAlarmArgs(monthly_dollars=0, emails=["a@example.com"]),
        "monthly_dollars is 0: it must be 1 to 1000000000",
    ),
    (
        "nobody to write to",
        lambda: BudgetAlarmArgs(monthly_dollars=1, emails=[]),
        "emails has 0 addresses: a budget takes 1 to 10",
    ),
    (
        "address",
        lambda: BudgetAlarmArgs(monthly_dollars=1, emails=["ops"]),
        "emails has 'ops': write an address like 'team@example.com'",
    ),
    (
        "percent",
        lambda: BudgetAlarmArgs(monthly_dollars=1, emails=["a@example.com"], actual_percent=0),
        "actual_percent is 0: it must be 1 to 1000",
    ),
]


@pytest.mark.parametrize(("make", "message"), [case[1:] for case in REFUSALS], ids=[case[0][:40] for case in REFUSALS])
def test_a_bad_argument_is_refused_in_one_sentence(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message


def test_repository_names_that_ecr_takes_are_taken() -> None:
    for name in ("shop", "shop-backend", "team/shop.web_1", "a__b"):
        assert ImageRepositoryArgs(repository_name=name).repository_name == name
