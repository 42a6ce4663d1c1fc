"""`secrets`: stored, compared, referred to, never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.events import Note
from orchestrator.operations.secrets import (
    Provided,
    PushSecrets,
    SecretEntry,
    Store,
    assignments,
    forget,
    listed,
    push,
    restart,
)
from tests.support.fake_ecs import CLUSTER
from tests.support.moto_clients import MotoClients
from tests.support.operations import OUTPUTS, Heard, target
from tests.support.workspace import Workspace

PARAMETERS = "arn:aws:ssm:us-east-1:123456789012:parameter/alpha/pushed"


@pytest.fixture
def clients() -> Iterator[MotoClients]:
    with mock_aws():
        found = MotoClients()
        found.client("ecs").create_cluster(clusterName=CLUSTER)
        yield found


def stored(clients: MotoClients) -> dict[str, str]:
    return json.loads(clients.client("secretsmanager").get_secret_value(SecretId="alpha/pushed")["SecretString"])


def application(workspace: Workspace, more: str = "") -> AppStack:
    workspace.write("app", "alpha", f"config:\n  django-app:base: dev\n{more}")
    project = workspace.orchestrator().settings.by_key["app"]
    return AppStack("alpha", StackConfig.load(project, "alpha"))


def create_service(clients: MotoClients, secrets: dict[str, str]) -> None:
    ecs = clients.client("ecs")
    container: dict[str, Any] = {
        "name": "gunicorn",
        "image": "registry.example.com/shop:1",
        "memory": 512,
        "secrets": [{"name": name, "valueFrom": reference} for name, reference in secrets.items()],
    }
    ecs.register_task_definition(family="alpha-gunicorn", containerDefinitions=[container])
    ecs.create_service(cluster=CLUSTER, serviceName="alpha-gunicorn", taskDefinition="alpha-gunicorn", desiredCount=1)


def test_the_first_push_creates_a_tagged_secret_and_later_ones_keep_its_values(clients: MotoClients) -> None:
    first = push(PushSecrets(values={"B": "2", "A": "1"}), target(), clients)
    second = push(PushSecrets(values={"A": "one", "B": "2", "C": "3"}), target(), clients)

    assert (first.added, first.changed, first.unchanged) == (("A", "B"), (), ())
    assert (second.added, second.changed, second.unchanged) == (("C",), ("A",), ("B",))
    assert stored(clients) == {"A": "one", "B": "2", "C": "3"}
    described = clients.client("secretsmanager").describe_secret(SecretId="alpha/pushed")
    assert {tag["Key"]: tag["Value"] for tag in described["Tags"]} == {
        "base": "dev",
        "environment": "alpha",
        "kind": "ad-hoc",
        "managed-by": "orchestrator",
    }
    assert second.references == {key: f"{described['ARN']}:{key}::" for key in "ABC"}


def test_the_same_values_again_write_nothing(clients: MotoClients) -> None:
    push(PushSecrets(values={"A": "1"}), target(), clients)
    before = clients.client("secretsmanager").get_secret_value(SecretId="alpha/pushed")["VersionId"]
    assert push(PushSecrets(values={"A": "1"}), target(), clients).unchanged == ("A",)
    assert clients.client("secretsmanager").get_secret_value(SecretId="alpha/pushed")["VersionId"] == before


def test_values_can_be_stored_in_ssm(clients: MotoClients) -> None:
    push(PushSecrets(values={"A": "1", "B": "2"}, store=Store.SSM), target(), clients)
    result = push(PushSecrets(values={"A": "one", "C": "3"}, store=Store.SSM), target(), clients)

    assert (result.added, result.changed, result.name) == (("C",), ("A",), "/alpha/pushed")
    assert result.references == {"A": f"{PARAMETERS}/A", "C": f"{PARAMETERS}/C"}
    found = clients.client("ssm").get_parameters_by_path(Path="/alpha/pushed", WithDecryption=True)["Parameters"]
    assert {(p["Name"], p["Value"], p["Type"]) for p in found} == {
        ("/alpha/pushed/A", "one", "SecureString"),
        ("/alpha/pushed/B", "2", "SecureString"),
        ("/alpha/pushed/C", "3", "SecureString"),
    }
    assert {p["ARN"] for p in found} == {f"{PARAMETERS}/{key}" for key in "ABC"}


@pytest.mark.parametrize("store", Store)
def test_a_dry_run_compares_and_writes_nothing(clients: MotoClients, store: Store) -> None:
    push(PushSecrets(values={"A": "1"}, store=store), target(), clients)
    result = push(PushSecrets(values={"A": "2", "B": "3"}, store=store, dry_run=True), target(), clients)
    again = push(PushSecrets(values={"A": "1"}, store=store), target(), clients)
    assert (result.added, result.changed, tuple(result.references)) == (("B",), ("A",), ("A",))
    assert again.unchanged == ("A",)


def test_services_with_an_older_value_are_named_and_restarted(clients: MotoClients) -> None:
    reference = push(PushSecrets(values={"A": "1"}), target(), clients).references["A"]
    create_service(clients, {"A": reference})
    heard = Heard()
    result = push(PushSecrets(values={"A": "2"}), target(), clients)
    restart(target(), clients, result.stale, heard)
    assert result.stale == ("gunicorn",)
    assert [note.text for note in heard.of(Note)] == ["gunicorn gets new tasks"]


def test_a_restart_of_no_service_does_not_restart_all(clients: MotoClients) -> None:
    heard = Heard()
    restart(target(), clients, (), heard)
    assert heard.events == []


def test_the_configuration_gets_what_it_lacks(clients: MotoClients, workspace: Workspace) -> None:
    result = push(PushSecrets(values={"A": "1", "B": "2"}), target(), clients)
    found = application(workspace, f"  django-app:extra_secrets:\n    A: '{result.references['A']}'\n")
    (assignment,) = assignments(result, found)
    assert (str(assignment), assignment.value) == ("django-app:extra_secrets.B", result.references["B"])


def test_a_variable_that_stood_in_plain_does_so_no_more(clients: MotoClients, workspace: Workspace) -> None:
    result = push(PushSecrets(values={"A": "1"}), target(), clients)
    found = application(workspace, "  django-app:extra_env:\n    A: ''\n    B: x\n")
    assert {str(item): item.value for item in assignments(result, found)} == {
        "django-app:extra_secrets.A": result.references["A"],
        "django-app:extra_env.A": None,
    }


def test_the_list_has_what_runs_and_what_is_configured(clients: MotoClients, workspace: Workspace) -> None:
    create_service(clients, {"SECRET_KEY": "arn:x:SECRET_KEY::"})
    found = application(workspace, "  django-app:extra_secrets:\n    A: 'arn:y:A::'\n    B: null\n")
    assert listed(target(), clients, found) == (
        SecretEntry(key="A", reference="arn:y:A::", services=()),
        SecretEntry(key="SECRET_KEY", reference="arn:x:SECRET_KEY::", services=("gunicorn",)),
    )


def test_what_was_pushed_can_be_forgotten(clients: MotoClients) -> None:
    for store in Store:
        push(PushSecrets(values={f"K{n}": "v" for n in range(12)}, store=store), target(), clients)
    forget(target(), clients)
    forget(target(), clients)
    assert clients.client("secretsmanager").list_secrets()["SecretList"] == []
    assert clients.client("ssm").describe_parameters()["Parameters"] == []


def test_a_secret_with_another_format_is_not_overwritten(clients: MotoClients) -> None:
    clients.client("secretsmanager").create_secret(Name="alpha/pushed", SecretString="hunter2")
    with pytest.raises(OperationFailedError) as caught:
        push(PushSecrets(values={"A": "1"}), target(), clients)
    assert caught.value.message == "the secret alpha/pushed cannot be used: its value is not a JSON object"
    assert caught.value.__context__ is None


def test_a_secret_has_a_maximum_size(clients: MotoClients) -> None:
    push(PushSecrets(values={"A": "x" * 40_000}), target(), clients)
    with pytest.raises(OperationFailedError) as caught:
        push(PushSecrets(values={"B": "x" * 40_000}), target(), clients)
    assert caught.value.message == "the secret alpha/pushed would have 80018 bytes: Secrets Manager takes at most 65536"


@pytest.mark.parametrize(
    ("values", "store", "message"),
    [
        ({}, Store.SSM, "no value is given: there is nothing to store"),
        ({"A": ""}, Store.SECRETS_MANAGER, "A is empty: ECS does not start tasks with empty secrets"),
        ({"A": "", "B": ""}, Store.SSM, "A, B are empty: ECS does not start tasks with empty secrets"),
        ({"A": "hunter2\0"}, Store.SSM, "A contains a NUL character, which no variable can have"),
        (
            {"A": "\ud800"},
            Store.SECRETS_MANAGER,
            "A is not valid text: it contains a lone surrogate (half a character)",
        ),
        (
            {"A": "x", "A=hunter2": "x"},
            Store.SSM,
            "the name of value 2 cannot name a variable: a name has a letter or underscore, then letters, digits and "
            "underscores",
        ),
        ({"A": "x" * 4097}, Store.SSM, "A has 4097 bytes: a parameter takes at most 4096"),
    ],
)
def test_values_that_cannot_be_stored_are_refused(values: dict[str, str], store: Store, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        PushSecrets(values=values, store=store)
    assert caught.value.message == message


def test_empty_values_are_passed_over_and_all_named(clients: MotoClients) -> None:
    result = push(PushSecrets(values={"A": "1", "B": "", "C": ""}), target(), clients)
    assert (result.added, result.empty, tuple(result.references)) == (("A",), ("B", "C"), ("A",))
    assert stored(clients) == {"A": "1"}


OURS = {"A": "1", "DATABASE_URL": "postgres://localhost/x", "DEBUG": "1", "SQS_DEFAULT_QUEUE_URL": "http://localhost"}


def test_variables_of_the_stack_are_refused_before_any_value_is_stored(clients: MotoClients) -> None:
    with pytest.raises(RefusedError) as caught:
        push(PushSecrets(values=OURS), target(), clients)
    assert caught.value.message == (
        "nothing was stored: the stack itself provides DATABASE_URL, DEBUG, SQS_DEFAULT_QUEUE_URL"
    )
    assert "--provided keep" in (caught.value.hint or "")
    assert clients.client("secretsmanager").list_secrets()["SecretList"] == []


def test_variables_of_the_stack_are_kept_or_replaced_when_asked(clients: MotoClients) -> None:
    kept = push(PushSecrets(values=OURS, provided=Provided.KEEP), target(), clients)
    assert (kept.added, kept.provided) == (("A",), ("DATABASE_URL", "DEBUG", "SQS_DEFAULT_QUEUE_URL"))
    assert stored(clients) == {"A": "1"}
    replaced = push(PushSecrets(values=OURS, provided=Provided.REPLACE), target(), clients)
    assert set(replaced.references) == set(OURS)
    assert stored(clients) == OURS


def test_a_dry_run_shows_the_variables_of_the_stack_and_does_not_refuse(clients: MotoClients) -> None:
    result = push(PushSecrets(values=OURS, dry_run=True), target(), clients)
    assert result.provided == ("DATABASE_URL", "DEBUG", "SQS_DEFAULT_QUEUE_URL")


def test_a_variable_that_the_configuration_took_from_the_stack_is_pushed_without_a_question(
    clients: MotoClients, workspace: Workspace
) -> None:
    found = application(workspace, "  django-app:extra_secrets:\n    SECRET_KEY: 'arn:y:SECRET_KEY::'\n")
    result = push(PushSecrets(values={"SECRET_KEY": "x"}), target(), clients, found)
    assert (result.added, result.provided) == (("SECRET_KEY",), ())


def test_production_needs_permission_except_for_a_dry_run(clients: MotoClients) -> None:
    live = target(outputs=replace(OUTPUTS, kind="prod"))
    with pytest.raises(RefusedError, match="nothing was stored: alpha is production"):
        push(PushSecrets(values={"A": "1"}), live, clients)
    assert push(PushSecrets(values={"A": "1"}, dry_run=True), live, clients).added == ("A",)
    assert push(PushSecrets(values={"A": "1"}, allow_prod=True), live, clients).added == ("A",)


def test_no_value_is_in_what_is_shown(clients: MotoClients) -> None:
    request = PushSecrets(values={"A": "hunter2"})
    assert "hunter2" not in repr((request, push(request, target(), clients)))


def test_in_the_simulation_the_calls_are_noted_without_values() -> None:
    simulated = target(notice="simulation")
    clients = for_target(simulated)
    assert clients.simulated
    push(PushSecrets(values={"A": "hunter2"}), simulated, clients)
    assert [f"{call.service}.{call.operation}" for call in clients.calls] == [
        "secretsmanager.GetSecretValue",
        "secretsmanager.CreateSecret",
    ]
    assert "hunter2" not in repr(clients.calls)


def test_the_simulated_list_has_the_secrets_of_the_task_definitions(workspace: Workspace) -> None:
    secret = {
        "name": "SECRET_KEY",
        "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app:SECRET_KEY::",
    }
    alpha = target(notice="simulation", containers={"gunicorn": {"image": "shop:1", "secrets": [secret]}})
    entry = SecretEntry(key="SECRET_KEY", reference=secret["valueFrom"], services=("gunicorn",))
    assert entry in listed(alpha, for_target(alpha), application(workspace))
