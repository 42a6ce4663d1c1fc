"""`sleep` and `wake`: environments by configuration, bases by their database server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.model import OutputValue, Record, Unit
from orchestrator.operations import sleep
from orchestrator.operations.aws.clients import RecordingClients
from orchestrator.operations.aws.reach import for_base
from orchestrator.operations.aws.targets import BaseTarget
from orchestrator.operations.events import Note
from orchestrator.operations.sleep import ServerResult, ServerState, Want
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules.kinds import Kind
from tests.support.fake_ecs import FakeClock
from tests.support.moto_clients import MotoClients
from tests.support.operations import BASE_OUTPUTS, OUTPUTS, Heard
from tests.support.workspace import APP_CONFIG, Workspace

INSTANCE = {"database_instance_id": "dev-rds"}
CLUSTER = {"database_cluster_id": "dev-rds"}


@pytest.fixture
def clients() -> Iterator[MotoClients]:
    with mock_aws():
        found = MotoClients()
        rds = found.client("rds")
        rds.create_db_instance(
            DBInstanceIdentifier="dev-rds",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="postgres",
            ManageMasterUserPassword=True,
        )
        rds.create_db_cluster(
            DBClusterIdentifier="dev-rds", Engine="aurora-postgresql", MasterUsername="x", MasterUserPassword="hunter22"
        )
        yield found


def base(outputs: Any = INSTANCE, **more: Any) -> BaseTarget:
    return BaseTarget(
        name="dev", kind=Kind.AD_HOC, notice=None, outputs=outputs, aws=AwsAccess(region="us-east-1"), **more
    )


def exists(workspace: Workspace, *environments: str, kind: Kind = Kind.AD_HOC, **outputs: Any) -> None:
    values = {**BASE_OUTPUTS, "region": "eu-west-1", **(outputs or INSTANCE)}
    workspace.engine.has(
        Unit("base", "dev"),
        outputs={name: OutputValue(value=value) for name, value in values.items()},
        record=Record(kind=kind),
    )
    app = {field.name: OutputValue(value=getattr(OUTPUTS, field.name)) for field in fields(OUTPUTS)}
    for name in environments:
        workspace.engine.has(Unit("app", name), outputs=app, record=Record(kind=kind, base="dev"))
        if not workspace.file("app", name).exists():
            workspace.write("app", name, APP_CONFIG)


def asleep(workspace: Workspace, name: str) -> None:
    workspace.write("app", name, f"{APP_CONFIG}  django-app:asleep: true\n")


# Environments


def test_an_environment_sleeps_and_wakes_by_a_flag_that_leaves_the_file_as_it_was(workspace: Workspace) -> None:
    exists(workspace, "alpha")
    orchestrator = workspace.orchestrator()
    before = workspace.file("app", "alpha").read_text()

    rest = sleep.prepare(orchestrator.context, ("alpha",), Want.SLEEP)
    assert rest.update is not None
    assert orchestrator.run(rest.update).exit_code == 0
    assert workspace.engine.configs[Unit("app", "alpha")].values["django-app:asleep"] is True

    exists(workspace, "alpha")  # with its outputs, which this engine makes anew
    woken = sleep.prepare(orchestrator.context, ("alpha",), Want.WAKE)
    assert woken.update is not None
    assert orchestrator.run(woken.update).exit_code == 0
    assert workspace.file("app", "alpha").read_text() == before


def test_an_environment_that_has_the_requested_state_is_not_changed(workspace: Workspace) -> None:
    exists(workspace, "alpha", "beta")
    asleep(workspace, "beta")
    rest = sleep.prepare(workspace.context(), ("alpha", "beta"), Want.SLEEP)
    assert rest.update is not None
    assert (rest.update.names, rest.settled, rest.bases) == (("alpha",), ("beta",), ())
    assert sleep.prepare(workspace.context(), ("beta",), Want.SLEEP).update is None


# Bases


def test_a_base_with_an_awake_environment_does_not_sleep(workspace: Workspace) -> None:
    exists(workspace, "alpha", "beta", "gamma")
    asleep(workspace, "beta")
    with pytest.raises(RefusedError) as caught:
        sleep.prepare(workspace.context(), ("dev",), Want.SLEEP)
    assert caught.value.message == "the base dev was not put to sleep: alpha, gamma are awake on it"
    assert caught.value.hint == "put them to sleep together: `orchestrator sleep alpha gamma dev`"


def test_a_base_can_sleep_together_with_its_awake_environments(workspace: Workspace) -> None:
    exists(workspace, "alpha", "beta")
    asleep(workspace, "beta")
    rest = sleep.prepare(workspace.context(), ("dev", "alpha"), Want.SLEEP)
    assert rest.update is not None
    assert (rest.update.names, [base.name for base in rest.bases]) == (("alpha",), ["dev"])


def test_a_production_base_needs_permission(workspace: Workspace) -> None:
    exists(workspace, kind=Kind.PROD)
    with pytest.raises(RefusedError, match="nothing was changed: dev is production"):
        sleep.prepare(workspace.context(), ("dev",), Want.SLEEP)
    assert sleep.prepare(workspace.context(), ("dev",), Want.SLEEP, allow_prod=True).bases


def test_a_server_that_is_not_the_bases_own_is_not_changed(workspace: Workspace) -> None:
    exists(workspace, database_host="db.example.com")
    with pytest.raises(RefusedError, match="the base dev has no database server of its own"):
        sleep.prepare(workspace.context(), ("dev",), Want.SLEEP)


def test_a_name_comes_once(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="alpha is given twice"):
        sleep.prepare(workspace.context(), ("alpha", "alpha"), Want.SLEEP)


@pytest.mark.parametrize("outputs", [INSTANCE, CLUSTER])
def test_the_server_is_stopped_and_started_once(clients: MotoClients, outputs: dict[str, str]) -> None:
    results = [sleep.stop(base(outputs), clients), sleep.stop(base(outputs), clients)]
    assert sleep.running(outputs, clients) is False
    results += [sleep.start(base(outputs), clients), sleep.start(base(outputs), clients)]
    assert sleep.running(outputs, clients) is True
    assert [result.state for result in results] == [
        ServerState.STOPPING,
        ServerState.STOPPED,
        ServerState.STARTED,
        ServerState.RUNNING,
    ]


def test_the_restart_after_seven_days_is_reported() -> None:
    stopped = ServerResult(base="dev", server="dev-rds", state=ServerState.STOPPING)
    assert stopped.note == ("AWS starts dev-rds again after 7 days; its storage still costs money")
    assert ServerResult(base="dev", server="dev-rds", state=ServerState.STARTED).note is None


def test_a_changing_server_is_awaited_and_each_state_is_reported() -> None:
    states = ["backing-up", "backing-up", "modifying", "available"]
    clients = _scripted(states)
    heard = Heard()
    assert sleep.stop(base(), clients, heard).state is ServerState.STOPPING
    assert [note.text for note in heard.of(Note)] == [
        "database server dev-rds: backing-up",
        "database server dev-rds: modifying",
    ]


def test_a_server_that_never_gets_ready_is_given_up() -> None:
    with pytest.raises(OperationFailedError) as caught:
        sleep.start(base(), _scripted(["storage-full"]))
    assert caught.value.message == "the database server dev-rds is still storage-full after 30 minutes"


def _scripted(states: list[str]) -> RecordingClients:
    """Clients to which RDS shows one state after the other, the last one for ever."""

    def describe(_: Any) -> dict[str, Any]:
        return {"DBInstances": [{"DBInstanceStatus": states.pop(0) if len(states) > 1 else states[0]}]}

    clients = RecordingClients(AwsAccess(region="us-east-1"), {"rds.DescribeDBInstances": describe})
    clients.clock = FakeClock()
    return clients


def test_waking_an_environment_needs_a_running_server(workspace: Workspace) -> None:
    exists(workspace, "alpha")
    asleep(workspace, "alpha")
    orchestrator = workspace.orchestrator()
    alone = sleep.prepare(orchestrator.context, ("alpha",), Want.WAKE)
    with pytest.raises(RefusedError) as caught:
        sleep.check_servers(orchestrator.context, alone, lambda _: _scripted(["stopped"]))
    assert caught.value.message == "alpha cannot wake: the database server of dev does not run"
    assert caught.value.hint == "wake both: `orchestrator wake dev alpha`"
    sleep.check_servers(orchestrator.context, alone, lambda _: _scripted(["available"]))
    both = sleep.prepare(orchestrator.context, ("dev", "alpha"), Want.WAKE)
    sleep.check_servers(orchestrator.context, both, lambda _: _scripted(["stopped"]))


def test_in_the_simulation_the_calls_are_recorded() -> None:
    simulated = BaseTarget(name="dev", kind=Kind.AD_HOC, notice="simulation", outputs=INSTANCE)
    clients = for_base(simulated)
    assert clients.simulated
    assert sleep.stop(simulated, clients).state is ServerState.STOPPING
    assert [(call.operation, call.parameters) for call in clients.calls] == [
        ("DescribeDBInstances", {"DBInstanceIdentifier": "dev-rds"}),
        ("StopDBInstance", {"DBInstanceIdentifier": "dev-rds"}),
    ]
