"""`db shell`: a task for one session that is always stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.errors import OperationFailedError, RefusedError
from orchestrator.operations.aws import session_plugin
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.session_plugin import PluginCall
from orchestrator.operations.database import shell as database_shell
from orchestrator.operations.events import TaskMoved
from tests.support.fake_ecs import FakeAws, FakeTask, Life, arn, deployment, service
from tests.support.operations import Heard, ScriptedClients, target

TASK = f"{1:032x}"
OWN_ROLE = 'sh -c \'PGDATABASE="$APP_DATABASE" PGUSER="$APP_ROLE" PGPASSWORD="$APP_PASSWORD" exec psql\''


@dataclass(kw_only=True)
class ShellAws(FakeAws):
    """Tasks have an agent, which runs a few seconds after the container."""

    agent: float | None = 4

    def _described(self, task: FakeTask) -> dict[str, Any]:
        described = super()._described(task)
        ready = self.agent is not None and self.clock.now() - task.created >= self.agent
        described["containers"][0] |= {
            "name": "database",
            "runtimeId": "runtime-1",
            "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING" if ready else "PENDING"}],
        }
        return described

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        definition = super()._DescribeTaskDefinition(parameters)["taskDefinition"]
        return {"taskDefinition": {**definition, "taskRoleArn": "arn:task"}}


def account(*, exec_enabled: bool = True, life: Life | None = None, **more: Any) -> ShellAws:
    web = service(
        deployment("5"), taskDefinition=arn("task-definition", "alpha-gunicorn:5"), enableExecuteCommand=exec_enabled
    )
    answers: dict[str, Any] = {"ExecuteCommand": {"session": {"sessionId": "s-1", "tokenValue": "t0ken"}}}
    return ShellAws(frames=[(0, web)], lives=[life or Life(ends=9000)], answers=answers, **more)


@pytest.fixture(autouse=True)
def _no_plugin_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_plugin, "check", lambda: None)


def test_psql_runs_as_the_environments_role_in_a_task_that_is_stopped_afterwards() -> None:
    aws, heard = account(), Heard()
    calls: list[PluginCall] = []

    def attach(call: PluginCall) -> int:
        calls.append(call)
        assert aws.called("StopTask") == []
        return 5

    result = database_shell.run(target(), ScriptedClients(aws), heard, attach=attach)
    assert (result.database, result.task, result.code) == ("alpha-db", TASK, 5)
    (run,) = aws.called("RunTask")
    assert (run["taskDefinition"], run["enableExecuteCommand"], run["overrides"]) == (
        "alpha-database",
        True,
        {"containerOverrides": [{"name": "database", "command": ["sleep", "28800"]}], "taskRoleArn": "arn:task"},
    )
    assert [(call["container"], call["command"]) for call in aws.called("ExecuteCommand")] == [("database", OWN_ROLE)]
    assert calls[0].parameters == {"Target": f"ecs:alpha-cluster_{TASK}_runtime-1"}
    assert len(aws.called("StopTask")) == 1
    assert [moved.status for moved in heard.of(TaskMoved)][:3] == ["PROVISIONING", "PENDING", "RUNNING"]


def test_the_task_is_stopped_when_the_session_breaks() -> None:
    aws = account()

    def attach(_: PluginCall) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database_shell.run(target(), ScriptedClients(aws), attach=attach)
    assert len(aws.called("StopTask")) == 1


def test_no_task_starts_while_exec_is_off() -> None:
    aws = account(exec_enabled=False)
    with pytest.raises(RefusedError, match="exec is off, so its roles do not allow sessions"):
        database_shell.run(target(), ScriptedClients(aws))
    assert aws.called("RunTask") == []


def test_a_task_that_ends_before_its_session_is_reported() -> None:
    life = Life(
        starts=None, ends=3, exit_code=None, stop_code="TaskFailedToStart", reason="CannotPullContainerError: x"
    )
    with pytest.raises(OperationFailedError) as caught:
        database_shell.run(target(), ScriptedClients(account(life=life)))
    assert caught.value.message == "the task for the shell never started: CannotPullContainerError: x"
    assert caught.value.hint is not None


def test_an_agent_that_never_runs_is_given_up() -> None:
    aws = account(agent=None)
    with pytest.raises(OperationFailedError, match=f"the agent of task {TASK} did not start within 300 s"):
        database_shell.run(target(), ScriptedClients(aws))
    assert len(aws.called("StopTask")) == 1


def test_in_the_simulation_the_calls_are_recorded() -> None:
    simulated = target(notice="simulation")
    clients = for_target(simulated)
    assert clients.simulated
    database_shell.run(simulated, clients)
    assert [call.operation for call in clients.calls] == [
        "DescribeServices",
        "DescribeTaskDefinition",
        "RunTask",
        "ExecuteCommand",
        "StopTask",
    ]
