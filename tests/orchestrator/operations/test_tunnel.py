"""`tunnel`: the way through the bastion to the database, and its problems."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import EngineUnavailableError, OperationFailedError, RefusedError, UsageError
from orchestrator.operations import tunnel
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.session_plugin import PluginCall
from orchestrator.operations.tunnel import OpenTunnel
from pulumi_django.deploying.aws_access import AwsAccess
from tests.support.fake_ecs import FakeAws, arn, container, deployment, service
from tests.support.operations import BASE_OUTPUTS, OUTPUTS, ScriptedClients, target

BASTION = BASE_OUTPUTS["bastion_instance_id"]
ONLINE = {"InstanceInformationList": [{"InstanceId": BASTION, "PingStatus": "Online"}]}
SESSION = {"SessionId": "s-1", "TokenValue": "t0ken", "StreamUrl": "wss://x"}


def account(*, secret: str | None = "alpha-password", ping: Any = ONLINE, **answers: Any) -> FakeAws:
    environment = [{"name": "DB_SECRET_NAME", "value": secret}] if secret else []
    return FakeAws(
        frames=[(0, service(deployment("5"), taskDefinition=arn("task-definition", "alpha-gunicorn:5")))],
        containers=[container("gunicorn", environment=environment)],
        answers={"DescribeInstanceInformation": ping, "StartSession": SESSION, **answers},
    )


@pytest.fixture
def no_plugin_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_plugin, "check", lambda: None)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return port


def test_the_connection_string_has_no_password_and_comes_with_a_command_for_it() -> None:
    access = AwsAccess(region="eu-west-1", profile="shop")
    found = tunnel.locate(OpenTunnel(port=6000), target(aws=access), ScriptedClients(account()))
    assert found.url == "postgresql://alpha-db@localhost:6000/alpha-db?sslmode=require"
    assert found.password_command == (
        "aws secretsmanager get-secret-value --secret-id alpha-password --query SecretString --output text "
        "--region eu-west-1 --profile shop"
    )
    assert found.aws_command == (
        f"aws ssm start-session --target {BASTION} --document-name AWS-StartPortForwardingSession "
        "--parameters portNumber=5432,localPortNumber=6000 --region eu-west-1 --profile shop"
    )


def test_without_a_secret_of_its_own_no_command_is_made_up() -> None:
    found = tunnel.locate(OpenTunnel(), target(), ScriptedClients(account(secret=None)))
    assert found.password_command is None


def test_a_name_that_needs_it_is_quoted_in_the_connection_string() -> None:
    odd = target(outputs=replace(OUTPUTS, database_name="a@b/c"))
    found = tunnel.locate(OpenTunnel(), odd, ScriptedClients(account()))
    assert found.url == "postgresql://a%40b%2Fc@localhost:15432/a%40b%2Fc?sslmode=require"


@pytest.mark.usefixtures("no_plugin_needed")
def test_the_plugin_gets_the_session_and_its_exit_code_is_passed_on(free_port: int) -> None:
    clients = ScriptedClients(account())
    calls: list[PluginCall] = []

    def attach(call: PluginCall) -> int:
        calls.append(call)
        return 3

    found = tunnel.locate(OpenTunnel(port=free_port), target(), clients)
    assert tunnel.run(found, target(), clients, attach=attach).code == 3
    parameters = {"portNumber": ["5432"], "localPortNumber": [str(free_port)]}
    assert clients.aws.called("StartSession") == [
        {"Target": BASTION, "DocumentName": "AWS-StartPortForwardingSession", "Parameters": parameters}
    ]
    assert calls[0].session == SESSION
    assert calls[0].parameters["Parameters"] == parameters
    assert "t0ken" not in " ".join(calls[0].words)


@pytest.mark.usefixtures("no_plugin_needed")
def test_a_port_in_use_is_reported_before_a_session_is_opened() -> None:
    clients = ScriptedClients(account())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = tunnel.locate(OpenTunnel(port=port), target(), clients)
        with pytest.raises(UsageError) as caught:
            tunnel.run(found, target(), clients)
    assert caught.value.message == f"port {port} of this machine cannot be used: Address already in use"
    assert clients.aws.called("StartSession") == []


def test_without_the_plugin_no_session_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    clients = ScriptedClients(account())
    found = tunnel.locate(OpenTunnel(), target(), clients)
    with pytest.raises(EngineUnavailableError, match="session-manager-plugin is not installed"):
        tunnel.run(found, target(), clients)
    assert clients.aws.called("StartSession") == []


def test_a_base_without_a_bastion_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        tunnel.locate(OpenTunnel(), target(base_outputs={}), ScriptedClients(account()))
    assert caught.value.message == "the database of alpha is not reachable: its base dev has no bastion"
    assert caught.value.hint == "create one: `orchestrator update-base dev --set bastion=true`"


def test_an_unreachable_bastion_is_reported_with_its_state() -> None:
    stopped = {"Reservations": [{"Instances": [{"State": {"Name": "stopped"}}]}]}
    clients = ScriptedClients(account(ping={"InstanceInformationList": []}, DescribeInstances=stopped))
    with pytest.raises(OperationFailedError) as caught:
        tunnel.locate(OpenTunnel(), target(), clients)
    assert caught.value.message == f"the bastion {BASTION} of dev cannot be reached: it is stopped"
    assert caught.value.hint == f"start it: `aws ec2 start-instances --instance-ids {BASTION}`"


def test_a_deleted_bastion_is_reported() -> None:
    aws = account(ping={"InstanceInformationList": []})
    aws.errors["DescribeInstances"] = [("InvalidInstanceID.NotFound", "no such instance")]
    with pytest.raises(OperationFailedError, match="it is gone"):
        tunnel.locate(OpenTunnel(), target(), ScriptedClients(aws))


@pytest.mark.parametrize("port", [0, 65536])
def test_an_invalid_port_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"port {port} is not valid: a port is 1 to 65535"):
        OpenTunnel(port=port)


def test_in_the_simulation_the_calls_are_recorded() -> None:
    simulated = target(notice="simulation")
    clients = for_target(simulated)
    assert clients.simulated
    tunnel.run(tunnel.locate(OpenTunnel(), simulated, clients), simulated, clients)
    assert [call.operation for call in clients.calls] == [
        "DescribeInstanceInformation",
        "DescribeServices",
        "DescribeTaskDefinition",
        "StartSession",
    ]
