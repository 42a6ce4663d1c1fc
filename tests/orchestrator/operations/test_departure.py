"""The cleanup of an environment that is being destroyed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.operations import departure
from orchestrator.operations.aws.clients import RecordingClients
from orchestrator.operations.aws.simulated import answers
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import scripts
from orchestrator.operations.departure import Departure
from orchestrator.operations.events import Note
from tests.support.operations import BASE_OUTPUTS, OUTPUTS, Heard, target
from tests.support.workspace import Workspace

ALPHA = target(base_outputs={**BASE_OUTPUTS, "database_instance_id": "dev-rds"})


def leaving(who: Target = ALPHA, **changed: Any) -> tuple[Departure, RecordingClients]:
    given = {name.replace("_", ".", 1): (lambda _, value=value: value) for name, value in changed.items()}
    clients = RecordingClients(who.aws, {**answers(who), **given})
    return Departure(who, clients), clients


def called(clients: RecordingClients, operation: str) -> list[Any]:
    return [call.parameters for call in clients.calls if call.operation == operation]


def test_the_database_goes_before_and_the_secrets_after() -> None:
    found, clients = leaving()
    found.before()
    (run,) = called(clients, "RunTask")
    assert run["overrides"]["containerOverrides"][0]["command"] == scripts.psql(scripts.DROP_SQL)
    assert called(clients, "DeleteSecret") == []
    found.after()
    assert called(clients, "DeleteSecret") == [{"SecretId": "alpha/pushed", "ForceDeleteWithoutRecovery": True}]


def test_productions_data_stays() -> None:
    found, clients = leaving(replace(ALPHA, outputs=replace(OUTPUTS, kind="prod")))
    heard = Heard()
    found.before(heard)
    found.after(heard)
    assert [note.text for note in heard.of(Note)] == ["the database alpha-db stays: alpha is production"]
    assert clients.calls == []


def test_a_server_that_sleeps_is_not_asked() -> None:
    found, clients = leaving(rds_DescribeDBInstances={"DBInstances": [{"DBInstanceStatus": "stopped"}]})
    heard = Heard()
    found.before(heard)
    assert [(note.severity, note.text) for note in heard.of(Note)] == [
        ("warning", "the database alpha-db stays: its server does not run")
    ]
    assert called(clients, "RunTask") == []


def test_a_failure_is_reported_and_does_not_stop_the_destroy() -> None:
    found, _ = leaving(ecs_RunTask={"tasks": [], "failures": [{"reason": "RESOURCE:CPU"}]})
    heard = Heard()
    found.before(heard)
    assert [note.text for note in heard.of(Note)] == [
        "the database alpha-db stays: the task database was not run: ECS did not start the task: RESOURCE:CPU"
    ]


def test_an_unfinished_environment_has_nothing_to_clear(workspace: Workspace) -> None:
    assert departure.find(workspace.context(), ("alpha", "nobody")) == ()
