"""`Orchestrator.operations`: every operation by names and plain values, in the simulation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.errors import RefusedError, UsageError
from orchestrator.model import Kind, OutputValue, Record
from orchestrator.operations.aws import reach
from orchestrator.operations.deploy import DeployResult
from orchestrator.operations.events import TaskMoved
from orchestrator.operations.execute import ShellResult
from orchestrator.operations.facade import Operations
from orchestrator.operations.run import CommandResult
from orchestrator.operations.secrets import Provided, Store
from orchestrator.operations.sleep import ServerState
from orchestrator.operations.tunnel import Tunnel
from tests.support.fake_ecs import FakeAws, Life, arn, container, deployment, service
from tests.support.operations import ALPHA, BASE_OUTPUTS, DEV, Heard, ScriptedClients, make_alpha
from tests.support.workspace import Workspace

WEB = service(deployment("5"), taskDefinition=arn("task-definition", "alpha-gunicorn:5"))


@pytest.fixture
def simulated(workspace: Workspace) -> Workspace:
    """Alpha on dev, whose server RDS knows, in a simulation."""
    make_alpha(workspace)
    workspace.engine.notice = "simulation"
    return workspace


def with_server(workspace: Workspace) -> None:
    outputs = {name: OutputValue(value=value) for name, value in {**BASE_OUTPUTS, "region": "eu-west-1"}.items()}
    outputs["database_instance_id"] = OutputValue(value="dev-rds")
    workspace.engine.has(DEV, outputs=outputs, record=Record(kind=Kind.AD_HOC))


def made(operations: Operations) -> list[str]:
    return [call.operation for call in operations.calls]


def test_the_module_of_the_api_does_not_load_boto3() -> None:
    code = "import sys, orchestrator.api; assert not {'boto3', 'orchestrator.operations.facade'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_operations_of_an_orchestrator_are_one_object(simulated: Workspace) -> None:
    orchestrator = simulated.orchestrator()
    assert orchestrator.operations is orchestrator.operations


def test_deploy_updates_the_stack_and_calls_are_those_of_its_hooks(simulated: Workspace) -> None:
    operations = simulated.orchestrator().operations
    result = operations.deploy("alpha", {"backend": "registry.example.com/shop:2"}, values={"web.desired_count": 2})
    assert isinstance(result, DeployResult)
    assert (result.exit_code, simulated.engine.began) == (0, ["up app/alpha"])
    text = simulated.file("app", "alpha").read_text()
    assert "registry.example.com/shop:2" in text
    assert "desired_count: 2" in text


def test_a_job_is_carried_out_by_the_orchestrator_whose_observer_gets_its_events(simulated: Workspace) -> None:
    simulated.orchestrator().operations.deploy("alpha", {"backend": "registry.example.com/shop:2"})
    assert any(type(event).__name__ == "UnitFinished" for event in simulated.events)


@pytest.mark.parametrize("command", [["python", "manage.py", "check"], "python manage.py check"])
def test_run_takes_words_or_one_string(simulated: Workspace, command: Any) -> None:
    operations, heard = simulated.orchestrator().operations, Heard()
    result = operations.run("alpha", command, timeout="5m", observer=heard)
    assert isinstance(result, CommandResult)
    assert (result.command, result.code) == (("python", "manage.py", "check"), 0)
    assert [moved.status for moved in heard.of(TaskMoved)] == ["PROVISIONING", "STOPPED"]
    assert "RunTask" in made(operations)


def test_calls_are_those_of_the_latest_operation(simulated: Workspace) -> None:
    operations = simulated.orchestrator().operations
    operations.run("alpha", "true")
    operations.ps("alpha")
    assert "RunTask" not in made(operations)
    assert "DescribeServices" in made(operations)


def test_logs_ps_open_exec_and_tunnel_return_their_results(simulated: Workspace) -> None:
    operations = simulated.orchestrator().operations
    assert list(operations.logs("alpha", "web", since="10m", grep="ERROR")) == []
    assert [state.name for state in operations.ps("alpha", ["web", "beat"]).services] == ["gunicorn", "beat"]
    assert operations.open("alpha", "/admin/").url == "https://alpha.example.com/admin/"
    shell = operations.find_shell("alpha", "python manage.py shell")
    assert shell.command == "python manage.py shell"
    ended = operations.exec("alpha")
    assert isinstance(ended, ShellResult)
    assert (ended.shell.command, made(operations)[-1]) == ("bash", "ExecuteCommand")
    opened: list[Tunnel] = []
    assert operations.tunnel("alpha", 6000, opened=opened.append).code == 0
    assert opened == [operations.find_tunnel("alpha", 6000)]


def test_sleep_stops_the_server_after_its_environments_and_wake_starts_it_before(simulated: Workspace) -> None:
    with_server(simulated)
    operations = simulated.orchestrator().operations
    asleep = operations.sleep(["alpha", "dev"])
    assert (asleep.exit_code, asleep.servers[0].state) == (0, ServerState.STOPPING)
    assert "asleep: true" in simulated.file("app", "alpha").read_text()
    assert made(operations)[-1] == "StopDBInstance"
    make_alpha(simulated)
    with_server(simulated)
    assert operations.sleep("alpha").settled == ("alpha",)
    awake = operations.wake(["alpha", "dev"])
    assert (awake.exit_code, awake.servers[0].state) == (0, ServerState.RUNNING)
    assert "asleep" not in simulated.file("app", "alpha").read_text()


def test_a_failed_update_leaves_the_server_running(simulated: Workspace) -> None:
    with_server(simulated)
    simulated.engine.fails(ALPHA)
    result = simulated.orchestrator().operations.sleep(["alpha", "dev"])
    assert (result.exit_code, result.servers) == (1, ())


def test_scale_takes_numbers(simulated: Workspace) -> None:
    operations = simulated.orchestrator().operations
    result = operations.scale("alpha", {"web": 3})
    assert ([str(item.count) for item in result.services], result.report.exit_code) == (["3"], 0)
    assert "desired_count: 3" in simulated.file("app", "alpha").read_text()


DATABASES: dict[str, tuple[Callable[[Operations], Any], tuple[str, ...]]] = {
    "create": (lambda it: it.databases.create("alpha"), ("created",)),
    "drop": (lambda it: it.databases.drop("alpha"), ("dropped",)),
    "reset": (lambda it: it.databases.reset("alpha", seed="true"), ("dropped", "created", "released", "seeded")),
    "dump": (lambda it: it.databases.dump("alpha"), ("dumped",)),
    "restore": (lambda it: it.databases.restore("alpha", "s3://assets/x", release=False), ("emptied", "filled")),
}


@pytest.mark.parametrize("name", DATABASES)
def test_an_operation_on_the_database_runs_a_task(simulated: Workspace, name: str) -> None:
    operation, done = DATABASES[name]
    operations = simulated.orchestrator().operations
    assert operation(operations).done == done
    assert "RunTask" in made(operations)


def test_a_clone_names_its_source(simulated: Workspace) -> None:
    with pytest.raises(UsageError, match="alpha cannot be a copy of itself"):
        simulated.orchestrator().operations.databases.clone("alpha", "alpha")


def test_a_refused_confirmation_deletes_nothing(simulated: Workspace) -> None:
    def refuse() -> None:
        raise RefusedError("no")

    operations = simulated.orchestrator().operations
    with pytest.raises(RefusedError):
        operations.databases.drop("alpha", confirm=refuse)
    assert operations.calls == ()


def test_pushed_secrets_come_to_the_containers_by_an_update(simulated: Workspace) -> None:
    operations = simulated.orchestrator().operations
    result = operations.secrets.push("alpha", {"STRIPE_KEY": "hunter2"})
    assert result.report is not None
    assert (result.report.exit_code, result.stored.added) == (0, ("STRIPE_KEY",))
    assert "STRIPE_KEY" in simulated.file("app", "alpha").read_text()
    assert "hunter2" not in repr(operations.calls) + repr(result) + simulated.file("app", "alpha").read_text()
    make_alpha(simulated)
    assert [entry.key for entry in operations.secrets.list("alpha")] == ["STRIPE_KEY"]


def test_a_dry_run_of_secrets_changes_nothing(simulated: Workspace) -> None:
    result = simulated.orchestrator().operations.secrets.push("alpha", {"A": "x"}, store="ssm", dry_run=True)
    assert (result.report, result.stored.store, result.stored.added) == (None, Store.SSM, ("A",))
    assert simulated.engine.began == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"store": "vault"}, "store 'vault' is unknown: it is secretsmanager or ssm"),
        ({"provided": "x"}, f"provided 'x' is unknown: it is {' or '.join(Provided)}"),
    ],
)
def test_an_unknown_choice_is_refused(simulated: Workspace, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        simulated.orchestrator().operations.secrets.push("alpha", {"A": "x"}, **more)
    assert caught.value.message == message


def test_doctor_smoke_and_idle(simulated: Workspace) -> None:
    operations = simulated.orchestrator().operations
    assert next(check.name for check in operations.doctor()) == "settings"
    assert {check.verdict.value for check in operations.smoke("alpha", patience="1s")} == {"n/a"}
    assert operations.idle("1h").update is None


def test_an_interrupt_asks_what_becomes_of_the_task(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.errors import InterruptedRunError
    from orchestrator.operations.aws.clients import WakefulClock
    from orchestrator.operations.run import OnInterrupt

    make_alpha(workspace)
    aws = FakeAws(lives=[Life(ends=1e9)], containers=[container("gunicorn")], frames=[(0, WEB)])
    clients = ScriptedClients(aws)
    monkeypatch.setattr(ScriptedClients, "clock", WakefulClock())
    monkeypatch.setattr(reach, "for_target", lambda _target: clients)
    operations = workspace.orchestrator().operations
    asked: list[str] = []

    def hear(event: Any) -> None:
        if isinstance(event, TaskMoved):
            operations.interrupt()

    def decide(task: str) -> OnInterrupt:
        asked.append(task)
        return OnInterrupt.LEAVE

    with pytest.raises(InterruptedRunError, match="still runs"):
        operations.run("alpha", "true", observer=hear, decide=decide)
    assert len(asked) == 1
