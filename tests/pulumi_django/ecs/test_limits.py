"""AWS's limits on documents that grow with configuration."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from pulumi_django import ProdFrontendOptions, SqsBrokerArgs, SqsOptions, WebOptions, WorkerOptions
from pulumi_django.ecs import limits
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs, TaskRole, TaskRoleArgs, role_arn
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import TaskDefinition, TaskDefinitionArgs
from pulumi_django.rules import naming
from pulumi_django.testing import simulate
from tests.pulumi_django.app.environment import prod

SSM = "arn:aws:ssm:us-east-1:123456789012:parameter/acme/production/django/settings"
NAMES = [f"APP_SETTING_{n:03}" for n in range(120)]
TASK: dict[str, Any] = {
    "environment": "alpha",
    "service": "web",
    "image": "app:v1",
    "execution_role_arn": "arn:aws:iam::123456789012:role/x",
    "log_group_name": "/ecs/alpha/web",
    "region": "us-east-1",
}


def inline(result: Any) -> dict[str, int]:
    """Characters of all inline policies, by role."""
    sums: dict[str, int] = {}
    for policy in result.of_type("aws:iam/rolePolicy:RolePolicy"):
        size = len("".join(str(policy.inputs["policy"]).split()))
        sums[policy.inputs["role"]] = sums.get(policy.inputs["role"], 0) + size
    return sums


@pytest.mark.parametrize("form", ["ssm:{}", "{}", "arn:aws:ssm:us-east-1:123456789012:parameter{}"])
def test_more_parameters_than_a_policy_holds_are_refused_before_any_resource_exists(form: str) -> None:
    references = {name: form.format(f"/acme/production/django/settings/{name}") for name in NAMES}
    with pytest.raises(
        ValueError,
        match=r"extra_secrets of shop names 120 secrets .* IAM allows 10240 .*'secretsmanager:<name>:<JSON key>'",
    ):
        prod(extra_secrets=references)


def test_many_keys_of_one_secret_fit() -> None:
    result = prod(extra_secrets={name: f"secretsmanager:acme/production:{name}" for name in NAMES})
    assert max(inline(result).values()) < 2500


def test_as_many_parameters_as_the_check_lets_through_fit_into_the_policy() -> None:
    fitting = 0
    for count in range(90, 121, 2):
        try:
            prod(extra_secrets={name: f"/acme/production/django/settings/{name}" for name in NAMES[:count]})
        except ValueError:
            break
        fitting = count
    result = prod(extra_secrets={name: f"/acme/production/django/settings/{name}" for name in NAMES[:fitting]})
    assert limits.INLINE_POLICY_CHARACTERS - 250 < max(inline(result).values()) <= limits.INLINE_POLICY_CHARACTERS


def test_statements_and_senders_that_do_not_fit_are_refused_before_any_resource_exists() -> None:
    senders = [f"arn:aws:ses:us-east-1:123456789012:identity/customer-{n}.example.com" for n in range(200)]
    with pytest.raises(ValueError, match=r"task_statements and email_identity_arns of shop have .* IAM allows 10240"):
        prod(email_identity_arns=senders)


@pytest.mark.parametrize("component", ["execution", "task"])
def test_a_role_refuses_a_policy_that_grew_by_values_that_are_known_late(component: str) -> None:
    def program() -> None:
        arns = [pulumi.Output.from_input(f"{SSM}/{name}") for name in NAMES]
        if component == "execution":
            ExecutionRole("alpha", ExecutionRoleArgs(log_group_arns=[], secret_arns=arns))
        else:
            TaskRole("alpha", TaskRoleArgs(readable_secret_arns=arns))

    with pytest.raises(Exception, match=r"the role alpha needs inline policies of \d+ characters: IAM allows 10240"):
        simulate(program)


def test_whitespace_of_a_policy_does_not_count() -> None:
    assert limits.check_inline_policy("it", "x " * 10_240)
    with pytest.raises(ValueError, match="needs inline policies of 10241 characters"):
        limits.check_inline_policy("it", "x" * 10_241)


def test_variables_that_no_task_definition_holds_are_refused_with_the_largest_ones() -> None:
    env = {"SMALL": "x", "FEATURES": "x" * 50_000, "RULES": "y" * 20_000}
    with pytest.raises(
        ValueError, match=r"of shop have \d+ bytes \(the most have FEATURES, RULES, SMALL\).*65536 \(64 KiB\)"
    ):
        prod(extra_env=env)


def test_a_task_definition_counts_bytes_of_all_its_containers() -> None:
    sidecar = Sidecar(image="proxy:v1", env={"A": "\u00e9" * 20_000})
    with pytest.raises(ValueError, match=r"the task definition alpha-web has \d+ bytes: ECS allows 65536 \(64 KiB\)"):
        TaskDefinitionArgs(**TASK, env={"B": "x" * 30_000}, sidecars={"proxy": sidecar})


def test_a_task_definition_that_grew_by_values_that_are_known_late_is_refused() -> None:
    def program() -> None:
        TaskDefinition("alpha", TaskDefinitionArgs(**TASK, env={"B": pulumi.Output.from_input("x" * 70_000)}))

    with pytest.raises(Exception, match=r"the task definition alpha-web has \d+ bytes"):
        simulate(program)


def test_a_task_has_ten_containers() -> None:
    with pytest.raises(ValueError, match="the task definition alpha-web has 11 containers: ECS allows 10"):
        TaskDefinitionArgs(**TASK, sidecars={f"side-{n}": Sidecar(image="x:v1") for n in range(10)})


def test_an_output_counts_as_empty() -> None:
    found: list[str] = []

    def program() -> None:
        found.append(limits.at_least({"a": [pulumi.Output.from_input("x"), "y"], "b": None, "c": 1}))

    simulate(program)
    assert json.loads(found[0]) == {"a": ["", "y"], "b": None, "c": 1}


@pytest.mark.parametrize(
    ("queues", "reason"),
    [
        (("mail", "mail-dead"), "the dead-letter queue of 'mail' has the name 'mail-dead'"),
        (("mail-x", "mail_x"), "both need the variable SQS_MAIL_X_QUEUE_URL"),
        (("a", "a-dead", "b"), "the dead-letter queue of 'a' has"),
        (("a-dead-dead", "a-dead"), "the dead-letter queue of 'a-dead' has"),
    ],
)
def test_queues_whose_derived_names_meet_are_refused(queues: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SqsBrokerArgs(environment="alpha", queues=queues)
    with pytest.raises(ValueError, match=reason):
        prod(sqs=SqsOptions(), cache=None, workers={queue: WorkerOptions() for queue in queues})


def test_without_sqs_such_workers_are_neighbors() -> None:
    result = prod(workers={"mail": WorkerOptions(), "mail-dead": WorkerOptions(), "mail_x": WorkerOptions()})
    assert {"shop-mail", "shop-mail-dead", "shop-mail_x"} <= set(result.outputs["service_names"])


def test_paths_that_look_alike_have_rules_of_their_own() -> None:
    paths = ("/api/*", "/b/*", "/c/*", "/d/*", "/e/*", "/api")
    result = prod(web=WebOptions(paths=paths), frontend_image=None)
    rules = [r for r in result.of_type("aws:lb/listenerRule:ListenerRule") if "gunicorn" in r.name]
    assert {path for r in rules for path in r.inputs["conditions"][1]["pathPattern"]["values"]} == set(paths)
    assert len({r.name for r in rules}) == len(rules)


def test_services_that_would_share_a_target_group_are_refused() -> None:
    assert naming.target_group_name("shop", "web_x") == naming.target_group_name("shop", "web-x")
    with pytest.raises(ValueError, match="web_x and web-x would share the target group shop-web-x"):
        prod(web=WebOptions(service="web_x"), frontend=ProdFrontendOptions(service="web-x"))


def test_long_names_of_roles_are_shortened_to_the_limit_of_iam() -> None:
    environment, service = "a" * 20, "clear-" + "x" * 26
    made: list[pulumi.Output[str]] = []

    def program() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        for name in (f"{environment}-{service}-clock", "alpha-clear-clock"):
            made.append(role_arn(parent, name, []))

    roles = {role.name: role.inputs for role in simulate(program).of_type("aws:iam/role:Role")}
    long, short = roles[f"{environment}-{service}-clock"], roles["alpha-clear-clock"]
    assert len(long["namePrefix"]) <= 38
    assert "namePrefix" not in short, "a name that fits stays Pulumi's"
