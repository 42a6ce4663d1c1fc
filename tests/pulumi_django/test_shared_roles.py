"""Roles that a base shares: every environment lives with them, however many there are."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    AdHocBase,
    AdHocBaseArgs,
    BaseContract,
    DeploymentOptions,
    ScheduledCommandOptions,
    SqsOptions,
    WebOptions,
    WorkerOptions,
    contract,
)
from pulumi_django.testing import SimulationResult, simulate

ROLE, POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
OUTPUTS = ("task_role_arn", "execution_role_arn", "database_role_arn", "platform_role_arn")


@functools.cache
def base(*, shared_roles: bool = True) -> SimulationResult:
    args = AdHocBaseArgs(region="us-east-1", domain_name="example.com", shared_roles=shared_roles)
    return simulate(lambda: contract.export(AdHocBase("dev", args).contract), project="django-base", stack="dev")


def environment(*, without: tuple[str, ...] = (), **changes: Any) -> SimulationResult:
    outputs = {name: value for name, value in base().outputs.items() if name not in without}
    values: dict[str, Any] = {
        "base": contract.from_outputs(outputs, base="dev", app="alpha"),
        "backend_image": "app:v1",
        "settings_module": "shop.settings",
        **changes,
    }
    return simulate(
        lambda: contract.export(AdHocApp("alpha", AdHocAppArgs(**values)).outputs),
        project="django-app",
        stack="alpha",
    )


def rights(result: SimulationResult, name: str) -> dict[str, dict[str, Any]]:
    """The statements of a role's policy, by their Sid."""
    document = json.loads(result.one(POLICY, f"{name}-policy").inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


EVERYTHING: dict[str, Any] = {
    "redis": None,
    "sqs": SqsOptions(),
    "workers": {"default": WorkerOptions(), "mail": WorkerOptions()},
    "web": WebOptions(paths=("/api/*",), deployment=DeploymentOptions(strategy="canary")),
    "frontend_image": "frontend:v1",
    "scheduled_commands": {
        "clearsessions": ScheduledCommandOptions(command=("./manage.py", "x"), schedule="rate(1 day)")
    },
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["usual", "everything"])
def test_an_environment_makes_no_role_and_adds_no_policy_so_that_any_number_fits(changes: dict[str, Any]) -> None:
    result = environment(**changes)
    assert [r.name for r in result.resources if r.type.startswith("aws:iam/")] == []
    shared = {base().outputs[output] for output in OUTPUTS}
    for definition in result.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        assert definition.inputs["executionRoleArn"] in shared
        assert definition.inputs.get("taskRoleArn") in {None, base().outputs["task_role_arn"]}


def test_schedules_and_traffic_use_the_shared_platform_role() -> None:
    result, role = environment(**EVERYTHING), base().outputs["platform_role_arn"]
    assert result.of_type("aws:scheduler/schedule:Schedule")[0].inputs["target"]["roleArn"] == role
    web = result.one("aws:ecs/service:Service", "alpha-gunicorn").inputs["loadBalancers"][0]
    assert web["advancedConfiguration"]["roleArn"] == role
    trust = json.loads(base().one(ROLE, "dev-platform").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"Service": ["scheduler.amazonaws.com", "ecs.amazonaws.com"]}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert rights(base(), "dev-platform")["Run"]["Condition"] == {"StringEquals": {"aws:ResourceTag/base": "dev"}}


def test_only_the_role_of_the_database_task_reads_the_master_secret() -> None:
    master = base().outputs["database_master_secret_arn"]
    assert rights(base(), "dev-database-execution")["Secrets"]["Resource"] == [master]
    for other in ("dev-task", "dev-execution", "dev-platform"):
        assert master not in json.dumps(rights(base(), other))
    definitions = {d.inputs["family"]: d.inputs for d in environment().of_type("aws:ecs/taskDefinition:TaskDefinition")}
    assert definitions["alpha-database"]["executionRoleArn"] == base().outputs["database_role_arn"]
    assert definitions["alpha-gunicorn"]["executionRoleArn"] == base().outputs["execution_role_arn"]


def test_the_environments_bucket_lets_the_shared_role_in() -> None:
    policy = json.loads(environment().one("aws:s3/bucketPolicy:BucketPolicy", "alpha-assets-tls").inputs["policy"])
    allowed = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    assert {s["Principal"]["AWS"][0] for s in allowed} == {base().outputs["task_role_arn"]}
    assert {action for s in allowed for action in s["Action"]} >= {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}


def test_queues_are_reached_by_the_bases_tag() -> None:
    queues = rights(base(), "dev-task")["QueuesOfTheBase"]
    assert queues["Resource"] == ["arn:aws:sqs:us-east-1:*:*"]
    assert queues["Condition"] == {"StringEquals": {"aws:ResourceTag/base": "dev"}}


def test_a_shared_role_gets_only_what_an_environment_names_itself() -> None:
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mail-AbCdEf"
    topic = {"Sid": "News", "Effect": "Allow", "Action": "sns:Publish", "Resource": "arn:aws:sns:us-east-1:1:news"}
    result = environment(extra_secrets={"MAIL": secret}, task_statements=[topic])
    assert set(rights(result, "alpha-execution")) == {"Secrets"}
    assert rights(result, "alpha-execution")["Secrets"]["Resource"] == [secret]
    assert set(rights(result, "alpha-task")) == {"News"}
    assert not result.of_type(ROLE)


def test_a_base_of_an_older_version_serves_its_environments_as_before() -> None:
    result = environment(without=("database_role_arn", "platform_role_arn"))
    assert {r.name for r in result.of_type(ROLE)} == {"alpha-plain", "alpha-database-execution"}
    assert {"Secrets", "Logs", "Images"} <= set(rights(result, "alpha-execution"))
    assert {"Objects", "Exec"} <= set(rights(result, "alpha-task"))


def test_without_shared_roles_nothing_changes() -> None:
    assert not set(OUTPUTS) & set(base(shared_roles=False).outputs)
    assert BaseContract.__dataclass_fields__["platform_role_arn"].default is None
