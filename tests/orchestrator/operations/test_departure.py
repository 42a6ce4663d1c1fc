"""The cleanup of an environment that is being destroyed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import OperationFailedError
from orchestrator.operations import departure
from orchestrator.operations.aws.clients import RecordingClients
from orchestrator.operations.aws.simulated import answers
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import scripts
from orchestrator.operations.departure import Departure
from orchestrator.operations.events import Note
from tests.support.fake_ecs import FakeAws, Life
from tests.support.operations import BASE_OUTPUTS, OUTPUTS, Heard, ScriptedClients, make_alpha, target
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


def test_the_command_of_on_destroy_runs_first_and_its_failure_stops_the_destruction(workspace: Workspace) -> None:
    make_alpha(workspace)
    file = workspace.file("app", "alpha")
    file.write_text(file.read_text() + "  django-app:on_destroy: [python, manage.py, goodbye]\n")
    aws = FakeAws(lives=[Life(log=[(4, "goodbye")]), Life(exit_code=4)])
    (found,) = departure.find(workspace.context(), ["alpha"], lambda _: ScriptedClients(aws))
    heard = Heard()
    found.run_last_command(heard)
    assert aws.called("RunTask")[0]["taskDefinition"] == "alpha-backend_update"
    assert aws.called("RunTask")[0]["overrides"]["containerOverrides"][0]["command"] == [
        "python",
        "manage.py",
        "goodbye",
    ]
    assert [line.text for line in heard.of(departure.LogLine)] == ["goodbye"]
    with pytest.raises(
        OperationFailedError, match=r"alpha was not destroyed: the command of on_destroy failed: .*exit code 4"
    ):
        found.run_last_command()


def test_without_on_destroy_no_command_runs(workspace: Workspace) -> None:
    make_alpha(workspace)
    (found,) = departure.find(workspace.context(), ["alpha"], lambda _: ScriptedClients(FakeAws()))
    found.run_last_command()
    assert found.last_command is None
