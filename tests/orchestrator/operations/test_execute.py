"""`exec`: the choice of a task, the requirements, the calls of AWS and the plugin."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import EngineUnavailableError, OperationFailedError, RefusedError, UsageError
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.session_plugin import INSTALL_HINT, PluginCall
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.events import Note
from orchestrator.operations.execute import OpenShell, Shell, locate, run
from pulumi_django.deploying.aws_access import AwsAccess
from tests.support.fake_ecs import REGION, FakeAws, arn, container, deployment, running, service
from tests.support.operations import Heard, ScriptedClients, target

ROLE = "arn:aws:iam::123456789012:role/alpha-task-1234567"
ACTIONS = (
    "ssmmessages:CreateControlChannel, ssmmessages:CreateDataChannel, ssmmessages:OpenControlChannel, "
    "ssmmessages:OpenDataChannel"
)
PLUGIN = """\
#!{python}
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("{version}")
else:
    told = {{"argv": sys.argv[1:], "session": json.loads(os.environ[sys.argv[1]])}}
    open({record!r}, "w").write(json.dumps(told))
    sys.exit({code})
"""


def account(*tasks: dict[str, Any], exec_enabled: bool = True, desired: int = 1, **more: Any) -> FakeAws:
    frame = service(
        deployment("5", desiredCount=desired),
        taskDefinition=arn("task-definition", "alpha-gunicorn:5"),
        enableExecuteCommand=exec_enabled,
    )
    return FakeAws(frames=[(0, frame)], running=list(tasks), **more)


def found(
    aws: FakeAws, request: OpenShell | None = None, on: Target | None = None, heard: Heard | None = None
) -> Shell:
    return locate(request or OpenShell(), on or target(), ScriptedClients(aws), heard or Heard())


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a plugin of a version that records its input and ends with an exit code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(version: str = "1.2.707.0", code: int = 0) -> Path:
        record, program = tmp_path / "told.json", folder / "session-manager-plugin"
        program.write_text(PLUGIN.format(python=sys.executable, version=version, record=str(record), code=code))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return record

    return install


# which task


def test_a_healthy_task_of_the_newest_version_is_picked() -> None:
    aws = account(
        running(1, "5", healthStatus="UNHEALTHY"),
        running(2, "4", healthStatus="HEALTHY"),
        running(3, "5", healthStatus="HEALTHY"),
        running(4, "5"),
        running(5, "5", healthStatus="HEALTHY", desiredStatus="STOPPED"),
        running(6, "5", healthStatus="HEALTHY", lastStatus="PENDING"),
    )
    assert found(aws).task == f"{3:032x}"


def test_without_health_checks_the_newest_task_of_the_newest_version_is_chosen() -> None:
    assert found(account(running(1, "5"), running(2, "5"), running(3, "4"))).task == f"{2:032x}"


def test_only_unhealthy_tasks_are_reported() -> None:
    heard = Heard()
    assert found(account(running(1, "5", healthStatus="UNHEALTHY")), heard=heard).task == f"{1:032x}"
    assert [note.text for note in heard.of(Note)] == [f"task {1:032x} is unhealthy, like all others"]


def test_a_task_can_be_named_by_the_beginning_of_its_id() -> None:
    first = running(1, "5", taskArn=arn("task", "alpha-cluster/abc123"))
    aws = account(first, running(2, "5", healthStatus="HEALTHY"))
    assert found(aws, OpenShell(task="abc")).task == "abc123"
    with pytest.raises(UsageError) as caught:
        found(aws, OpenShell(task="xyz"))
    assert caught.value.message == "alpha-gunicorn has no running task xyz"
    assert caught.value.hint == f"it has {2:032x}, abc123"


@pytest.mark.parametrize(
    ("desired", "asleep", "message", "hint"),
    [
        (1, True, "no task of alpha-gunicorn runs: alpha is asleep", "wake it: `orchestrator wake alpha`"),
        (
            0,
            False,
            "no task of alpha-gunicorn runs: its desired count is 0",
            "run one: `orchestrator scale alpha gunicorn=1`",
        ),
        (
            2,
            False,
            "no task of alpha-gunicorn runs, but its desired count is 2",
            "find the reason: `orchestrator ps alpha` and `orchestrator logs alpha --service gunicorn --previous`",
        ),
    ],
)
def test_without_a_running_task_the_reason_and_a_hint_are_reported(
    desired: int, asleep: bool, message: str, hint: str
) -> None:
    with pytest.raises(OperationFailedError) as caught:
        found(account(desired=desired), on=target(asleep=asleep))
    assert (caught.value.message, caught.value.hint) == (message, hint)


# what has to be right


def test_the_aws_command_does_the_same() -> None:
    on = target(aws=AwsAccess(region=REGION, profile="shop"))
    shell = found(account(running(1, "5")), OpenShell(command=("python", "manage.py", "shell", "-c", "print(1)")), on)
    assert shell.command == "python manage.py shell -c 'print(1)'"
    assert shell.aws_command == (
        f"aws ecs execute-command --region us-east-1 --profile shop --cluster alpha-cluster --task {1:032x} "
        """--container gunicorn --interactive --command 'python manage.py shell -c '"'"'print(1)'"'"''"""
    )


def test_a_service_without_exec_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        found(account(running(1, "5"), exec_enabled=False))
    assert caught.value.message == "no command can be run in alpha-gunicorn: exec is not enabled on the service"
    assert caught.value.hint == "enable it: `orchestrator update-env alpha --set exec_enabled=true`"


def test_a_task_from_before_exec_was_enabled_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        found(account(running(1, "5", enableExecuteCommand=False)))
    assert caught.value.message == (
        f"no command can be run in alpha-gunicorn: task {1:032x} was started before exec was enabled"
    )
    assert caught.value.hint == (
        "start a new one: `aws ecs update-service --cluster alpha-cluster --service alpha-gunicorn --force-new-deployment`"
    )


def without_agent(**more: Any) -> dict[str, Any]:
    agent = {"name": "ExecuteCommandAgent", "lastStatus": "STOPPED", "reason": "Received container exited event"}
    return running(1, "5", containers=[{"name": "gunicorn", "runtimeId": "r", "managedAgents": [agent]}], **more)


def test_a_role_that_forbids_the_agent_is_named_with_what_it_lacks() -> None:
    decisions = [
        {"EvalActionName": "ssmmessages:CreateControlChannel", "EvalDecision": "implicitDeny"},
        {"EvalActionName": "ssmmessages:CreateDataChannel", "EvalDecision": "allowed"},
    ]
    definition = {"containerDefinitions": [container("gunicorn")], "taskRoleArn": ROLE}
    aws = account(
        without_agent(),
        answers={
            "SimulatePrincipalPolicy": {"EvaluationResults": decisions},
            "DescribeTaskDefinition": {"taskDefinition": definition},
        },
    )
    with pytest.raises(RefusedError) as caught:
        found(aws)
    assert caught.value.message == (
        f"no command can be run in alpha-gunicorn: the agent in task {1:032x} is stopped (Received container exited "
        "event): the task role alpha-task-1234567 does not allow ssmmessages:CreateControlChannel"
    )
    (asked,) = aws.called("SimulatePrincipalPolicy")
    assert asked["PolicySourceArn"] == ROLE


def test_a_task_without_role_cannot_have_a_shell() -> None:
    with pytest.raises(RefusedError, match=rf"the task role \(none\) does not allow {ACTIONS}$"):
        found(account(without_agent()))


def test_without_permission_for_roles_the_agent_is_still_reported() -> None:
    aws = account(
        without_agent(),
        answers={"DescribeTaskDefinition": {"taskDefinition": {"taskRoleArn": ROLE, "containerDefinitions": []}}},
        errors={"SimulatePrincipalPolicy": [("AccessDenied", "no")]},
    )
    with pytest.raises(RefusedError) as caught:
        found(aws)
    assert caught.value.message.endswith(f"the agent in task {1:032x} is stopped (Received container exited event)")
    assert (
        caught.value.hint
        == "the agent of a new task takes a few seconds; otherwise check that the subnets can reach ssmmessages"
    )


def test_all_missing_requirements_are_reported_at_once(plugin: Any) -> None:
    assert callable(plugin)  # not installed
    with pytest.raises(RefusedError) as caught:
        run(OpenShell(), target(), ScriptedClients(account(running(1, "5"), exec_enabled=False)))
    assert caught.value.message == (
        "no command can be run in alpha-gunicorn: exec is not enabled on the service; "
        "session-manager-plugin is not installed"
    )
    assert caught.value.hint == f"enable it: `orchestrator update-env alpha --set exec_enabled=true`; {INSTALL_HINT}"


# the session


def test_the_plugin_carries_the_session_and_its_token_is_in_no_argument(plugin: Any) -> None:
    record = plugin(code=3)
    aws = account(running(1, "5"))
    on = target(aws=AwsAccess(region=REGION, profile="shop"))
    result = run(OpenShell(command=("bash", "-l")), on, ScriptedClients(aws))
    assert result.code == 3
    assert aws.called("ExecuteCommand") == [
        {
            "cluster": "alpha-cluster",
            "task": f"{1:032x}",
            "container": "gunicorn",
            "command": "bash -l",
            "interactive": True,
        }
    ]
    told = json.loads(record.read_text())
    assert told["session"] == {"sessionId": "ecs-1", "streamUrl": "wss://example.com", "tokenValue": "t0ken"}
    assert told["argv"] == [
        "AWS_SSM_START_SESSION_RESPONSE",
        "us-east-1",
        "StartSession",
        "shop",
        json.dumps({"Target": f"ecs:alpha-cluster_{1:032x}_runtime-1"}),
        "https://ecs.us-east-1.amazonaws.com",
    ]
    assert "AWS_SSM_START_SESSION_RESPONSE" not in os.environ


def test_a_token_is_not_in_the_text_of_a_call() -> None:
    call = PluginCall(session={"tokenValue": "t0ken"}, region="r", parameters={}, endpoint="e")
    assert "t0ken" not in f"{call!r} {call.words}"


def test_an_agent_that_is_not_connected_is_one_sentence(plugin: Any) -> None:
    plugin()
    aws = account(running(1, "5"), errors={"ExecuteCommand": [("TargetNotConnectedException", "internal error")]})
    with pytest.raises(OperationFailedError) as caught:
        run(OpenShell(), target(), ScriptedClients(aws))
    assert caught.value.message == (f"no command can be run in task {1:032x}: its agent is not connected")


def test_a_denied_execute_command_is_reported(plugin: Any) -> None:
    plugin()
    aws = account(running(1, "5"), errors={"ExecuteCommand": [("AccessDeniedException", "ada is not authorized")]})
    with pytest.raises(OperationFailedError, match=r"^AWS does not allow ExecuteCommand: ada is not authorized$"):
        run(OpenShell(), target(), ScriptedClients(aws))


@pytest.mark.parametrize(
    ("version", "what"),
    [
        (None, "session-manager-plugin is not installed"),
        ("1.2.463.0", "session-manager-plugin is too old: it is version 1.2.463.0, and 1.2.497 or newer is required"),
        ("", "session-manager-plugin is too old: it is version (unknown), and 1.2.497 or newer is required"),
    ],
)
def test_without_a_usable_plugin_nothing_is_opened(plugin: Any, version: str | None, what: str) -> None:
    if version is not None:
        plugin(version)
    aws = account(running(1, "5"))
    with pytest.raises(EngineUnavailableError) as caught:
        run(OpenShell(), target(), ScriptedClients(aws))
    assert (caught.value.message, caught.value.hint) == (f"sessions cannot be opened: {what}", INSTALL_HINT)
    assert not aws.called("ExecuteCommand")


def test_a_plugin_that_cannot_start_is_reported(plugin: Any, tmp_path: Path) -> None:
    plugin()
    (tmp_path / "bin" / "session-manager-plugin").write_text("not a program")
    assert str(session_plugin.problem()).startswith("session-manager-plugin does not answer (")


def test_in_the_simulation_it_opens_nothing_and_needs_no_plugin(plugin: Any) -> None:
    assert callable(plugin)
    simulated = target(notice="simulation: nothing is created in AWS")
    clients = for_target(simulated)
    assert clients.simulated
    assert run(OpenShell(service="beat"), simulated, clients).code == 0
    assert [call.operation for call in clients.calls] == [
        "DescribeServices",
        "ListTasks",
        "DescribeTasks",
        "ExecuteCommand",
    ]
    assert clients.calls[-1].parameters["container"] == "beat"
