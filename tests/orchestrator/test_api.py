"""The Python API, as a program uses it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import orchestrator
from orchestrator.api import Orchestrator
from orchestrator.config import settings
from orchestrator.engines.simulation import SimulationEngine
from orchestrator.errors import (
    EngineUnavailableError,
    InterruptedRunError,
    OrchestratorError,
    SettingsError,
    StackLockedError,
    UnknownStackError,
    UsageError,
)
from orchestrator.events import Diagnostic, PlanReady, UnitFinished, UnitStarted
from orchestrator.lifecycle import DestroyEnv
from orchestrator.lifecycle.unit_files import take_lock
from orchestrator.model import Scope, Status, Unit
from orchestrator.operations.events import Note
from tests.support.workspace import START, Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")


def test_the_class_is_the_public_name_of_the_package() -> None:
    assert orchestrator.Orchestrator is Orchestrator
    assert orchestrator.__all__ == ["Orchestrator"]
    with pytest.raises(AttributeError, match=r"^module 'orchestrator' has no attribute 'Orchestrater'$"):
        _ = orchestrator.Orchestrater  # type: ignore[attr-defined]


def test_importing_the_api_loads_neither_pulumi_nor_boto3() -> None:
    code = "import sys, orchestrator.api, orchestrator.lifecycle.registry; print(sorted({'pulumi', 'boto3', 'pydantic'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_the_settings_select_the_engine(workspace: Workspace) -> None:
    assert isinstance(Orchestrator(workspace.root).engine, SimulationEngine)
    assert Orchestrator(str(workspace.root), engine="pulumi").engine.name == "pulumi"
    read = settings.load(workspace.root)
    assert Orchestrator(read).settings is read


def test_an_unknown_engine_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match=r"^unknown engine 'terraform': engines are simulation and pulumi$"):
        Orchestrator(workspace.root, engine="terraform")


def test_a_folder_without_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        Orchestrator(tmp_path)


def test_a_run_is_a_report_and_events(workspace: Workspace) -> None:
    report = workspace.orchestrator(parallel=1).create_env("alpha", base="dev")
    assert [result.unit for result in report.results] == [DEV, ALPHA]
    assert START < report.started < report.ended
    kinds = [type(event) for event in workspace.events if isinstance(event, PlanReady | UnitStarted | UnitFinished)]
    assert kinds == [PlanReady, UnitStarted, UnitFinished, UnitStarted, UnitFinished]
    ready = workspace.events[0]
    assert isinstance(ready, PlanReady)
    assert (ready.units, ready.existing) == ((DEV, ALPHA), frozenset())


def test_the_number_of_existing_resources_is_announced(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.events.clear()
    workspace.orchestrator().update_env("alpha")
    ready, started = workspace.events[0], workspace.events[1]
    assert isinstance(ready, PlanReady)
    assert isinstance(started, UnitStarted)
    assert (ready.units, ready.existing, started.expected) == ((ALPHA,), {DEV, ALPHA}, 3)


def test_the_list_has_each_base_followed_by_its_environments(workspace: Workspace) -> None:
    assert workspace.orchestrator().list() == ()
    workspace.orchestrator().create_env(["beta", "alpha"], base="dev")
    workspace.orchestrator().create_base("ant")
    workspace.engine.has(Unit("app", "lost"), outputs={})
    listed = [(deployment.name, deployment.scope) for deployment in workspace.orchestrator().list()]
    assert listed == [
        ("ant", Scope.BASE),
        ("dev", Scope.BASE),
        ("alpha", Scope.ENVIRONMENT),
        ("beta", Scope.ENVIRONMENT),
        ("lost", Scope.ENVIRONMENT),
    ]


def test_a_deployment_and_its_outputs_can_be_read(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    fresh = workspace.orchestrator()
    assert fresh.show("alpha").url == "https://alpha.example.com"
    assert fresh.show("dev").environments == ("alpha",)
    outputs = fresh.outputs("alpha")
    assert (outputs["environment"].shown(), outputs["password"].shown()) == ("alpha", "[secret]")
    with pytest.raises(UnknownStackError):
        fresh.outputs("beta")


def test_bad_values_are_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError):
        workspace.orchestrator().create_env("alpha", base="dev", values={"a b": 1})
    with pytest.raises(UsageError):
        workspace.orchestrator().create_base("dev", values={"a": object()})
    assert workspace.engine.calls == []


def test_a_run_in_a_thread_can_be_interrupted(workspace: Workspace) -> None:
    begun, _ = workspace.engine.blocks(DEV)
    fresh = workspace.orchestrator()
    threading.Thread(target=lambda: begun.wait(300) and fresh.interrupt(), daemon=True).start()
    report = fresh.create_env("beta", base="dev")
    assert [result.status for result in report.results] == [Status.CANCELLED, Status.CANCELLED]
    assert report.exit_code == 130
    assert not workspace.file("app", "beta").exists()


def test_an_engine_that_is_unavailable_is_an_error_of_every_command(workspace: Workspace) -> None:
    workspace.engine.unavailable = EngineUnavailableError("the backend does not answer")
    for look in (workspace.orchestrator().list, lambda: workspace.orchestrator().show("alpha")):
        with pytest.raises(OrchestratorError, match=r"^the backend does not answer$"):
            look()


class _Leaves:
    """Stands in for `operations.departure.Departure` and notes its calls."""

    def __init__(self, name: str, calls: list[str], meanwhile: Callable[[], None] = lambda: None) -> None:
        self.target = SimpleNamespace(environment=name)
        self._calls, self._meanwhile = calls, meanwhile

    def run_last_command(self, _observer: Any) -> None:
        pass

    def before(self, observer: Any) -> None:
        observer(Note(text=f"the database of {self.target.environment} goes"))
        self._calls.append(f"before {self.target.environment}")
        self._meanwhile()

    def after(self, _observer: Any) -> None:
        self._calls.append(f"after {self.target.environment}")


@pytest.fixture
def on_aws(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`alpha` and `beta` on an engine that works on AWS, and the calls of their departures."""
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    workspace.engine.notice = None
    calls: list[str] = []
    monkeypatch.setattr(
        "orchestrator.operations.departure.find", lambda _context, names: tuple(_Leaves(name, calls) for name in names)
    )
    return calls


def warnings(workspace: Workspace) -> list[str]:
    return [event.message for event in workspace.events if isinstance(event, Diagnostic)]


def test_destroying_an_environment_removes_its_database_before_and_its_secrets_after(
    workspace: Workspace, on_aws: list[str]
) -> None:
    workspace.engine.fails(Unit("app", "beta"))
    assert workspace.orchestrator().destroy_env(["alpha", "beta"]).exit_code == 1
    assert on_aws == ["before beta", "before alpha", "after alpha"]
    assert warnings(workspace) == ["the database of beta goes", "the database of alpha goes"]


def test_a_prepared_job_removes_them_too(workspace: Workspace, on_aws: list[str]) -> None:
    orchestrator = workspace.orchestrator()
    assert orchestrator.run_job(orchestrator.prepare(DestroyEnv(names=("alpha",)))).exit_code == 0
    assert on_aws == ["before alpha", "after alpha"]


@pytest.mark.parametrize("notice", ["nothing is created anywhere", None])
def test_an_update_and_the_simulation_remove_nothing(
    workspace: Workspace, on_aws: list[str], notice: str | None
) -> None:
    workspace.engine.notice = notice
    if notice is None:
        assert workspace.orchestrator().update_env("alpha").exit_code == 0
    else:
        assert workspace.orchestrator().destroy_env("alpha").exit_code == 0
    assert on_aws == []


def test_nothing_is_removed_while_another_command_works_on_the_environment(
    workspace: Workspace, on_aws: list[str]
) -> None:
    orchestrator = workspace.orchestrator()
    job = orchestrator.prepare(DestroyEnv(names=("alpha",)))
    held = take_lock(orchestrator.settings.state_dir / "locks" / "app.alpha.lock")
    assert held is not None
    with pytest.raises(StackLockedError, match="alpha is locked"):
        orchestrator.run_job(job)
    held.release()
    assert on_aws == []


@pytest.mark.parametrize("by_signal", [True, False])
def test_an_interrupt_while_databases_are_dropped_destroys_no_stack(
    workspace: Workspace, on_aws: list[str], monkeypatch: pytest.MonkeyPatch, by_signal: bool
) -> None:
    fresh = workspace.orchestrator()
    interrupt = (lambda: signal.raise_signal(signal.SIGINT)) if by_signal else fresh.interrupt
    leaves = _Leaves("alpha", on_aws, interrupt)
    monkeypatch.setattr("orchestrator.operations.departure.find", lambda *_: (leaves,))
    with pytest.raises(InterruptedRunError, match=r"^no unit was started: the run was interrupted$"):
        fresh.destroy_env("alpha")
    assert on_aws == ["before alpha"]
    assert ALPHA in workspace.engine.kept
    assert not (workspace.root / ".orchestrator" / "locks").exists(), "no lock is left"


def test_a_failure_to_remove_them_is_a_warning_and_the_environment_is_destroyed(
    workspace: Workspace, on_aws: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any) -> Any:
        raise ValueError("no region")

    environment = SimpleNamespace(environment="alpha")
    leaves = SimpleNamespace(target=environment, run_last_command=lambda _observer: None, before=broken, after=broken)
    monkeypatch.setattr("orchestrator.operations.departure.find", lambda *_: (leaves,))
    assert workspace.orchestrator().destroy_env("alpha").exit_code == 0
    assert warnings(workspace) == ["something may be left behind: ValueError: no region"] * 2
    monkeypatch.setattr("orchestrator.operations.departure.find", broken)
    assert workspace.orchestrator().destroy_env("beta").exit_code == 0
    assert len(warnings(workspace)) == 3
    assert on_aws == []


def test_the_databases_of_environments_go_with_the_server_of_their_base(
    workspace: Workspace, on_aws: list[str]
) -> None:
    assert workspace.orchestrator().destroy_base("dev", cascade=True).exit_code == 0
    assert sorted(on_aws) == ["after alpha", "after beta"]
