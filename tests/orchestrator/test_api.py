"""The Python API, as a program would use it."""

from __future__ import annotations

import subprocess
import sys
import threading
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
    OrchestratorError,
    SettingsError,
    StackLockedError,
    UnknownStackError,
    UsageError,
)
from orchestrator.events import Diagnostic, PlanReady, UnitFinished, UnitStarted
from orchestrator.lifecycle import DestroyEnv, folder_lock
from orchestrator.model import Scope, Status, Unit
from orchestrator.operations.observer import Note
from tests.support.workspace import START, Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")


def test_the_class_is_the_packages_public_name() -> None:
    assert orchestrator.Orchestrator is Orchestrator
    assert orchestrator.__all__ == ["Orchestrator"]
    with pytest.raises(AttributeError, match=r"^module 'orchestrator' has no attribute 'Orchestrater'$"):
        _ = orchestrator.Orchestrater  # type: ignore[attr-defined]


def test_importing_the_api_loads_neither_pulumi_nor_boto3() -> None:
    code = "import sys, orchestrator.api, orchestrator.lifecycle.registry; print(sorted({'pulumi', 'boto3', 'pydantic'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_the_settings_name_the_engine(workspace: Workspace) -> None:
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


def test_what_exists_already_is_announced_with_its_size(workspace: Workspace) -> None:
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


def test_one_name_can_be_shown_and_its_outputs_read(workspace: Workspace) -> None:
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
    threading.Thread(target=lambda: begun.wait(20) and fresh.interrupt(), daemon=True).start()
    report = fresh.create_env("beta", base="dev")
    assert [result.status for result in report.results] == [Status.CANCELLED, Status.CANCELLED]
    assert report.exit_code == 130
    assert not workspace.file("app", "beta").exists()


def test_what_an_engine_cannot_do_is_an_error_of_every_command(workspace: Workspace) -> None:
    workspace.engine.unavailable = EngineUnavailableError("the backend does not answer")
    for look in (workspace.orchestrator().list, lambda: workspace.orchestrator().show("alpha")):
        with pytest.raises(OrchestratorError, match=r"^the backend does not answer$"):
            look()


class _Leaves:
    """Stands for `operations.departure`: notes what is asked of it."""

    def __init__(self, name: str, said: list[str]) -> None:
        self.target = SimpleNamespace(environment=name)
        self._said = said

    def before(self, observer: Any) -> None:
        observer(Note(text=f"the database of {self.target.environment} goes"))
        self._said.append(f"before {self.target.environment}")

    def after(self, _observer: Any) -> None:
        self._said.append(f"after {self.target.environment}")


def test_what_an_environment_leaves_behind_is_cleared_with_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    workspace.engine.notice = None  # as an engine that works on AWS
    workspace.engine.fails(Unit("app", "beta"))
    said: list[str] = []
    monkeypatch.setattr(
        "orchestrator.operations.departure.find", lambda _api, names: tuple(_Leaves(name, said) for name in names)
    )
    assert workspace.orchestrator().destroy_env(["alpha", "beta"]).exit_code == 1
    assert said == ["before beta", "before alpha", "after alpha"]
    notes = [event.message for event in workspace.events if isinstance(event, Diagnostic)]
    assert notes == ["the database of beta goes", "the database of alpha goes"]


def test_nothing_is_cleared_while_somebody_else_is_at_work_on_the_environment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.engine.notice = None
    said: list[str] = []
    monkeypatch.setattr(
        "orchestrator.operations.departure.find", lambda _api, names: tuple(_Leaves(name, said) for name in names)
    )
    orchestrator = workspace.orchestrator()
    job = orchestrator.prepare(DestroyEnv(names=("alpha",)))
    held = folder_lock.take(orchestrator.settings.state_dir / "locks" / "app.alpha.lock")
    assert held is not None
    with pytest.raises(StackLockedError, match="app/alpha is locked"):
        orchestrator.run_job(job, orchestrator.depart(job))
    held.release()
    assert said == []


def test_what_cannot_be_cleared_keeps_nobody_from_being_destroyed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.engine.notice = None

    def broken(_observer: Any) -> None:
        raise ValueError("no region")

    leaves = SimpleNamespace(target=SimpleNamespace(environment="alpha"), before=broken, after=broken)
    monkeypatch.setattr("orchestrator.operations.departure.find", lambda *_: (leaves,))
    assert workspace.orchestrator().destroy_env("alpha").exit_code == 0
    said = [event.message for event in workspace.events if isinstance(event, Diagnostic)]
    assert said == ["something may be left behind: ValueError: no region"] * 2


def test_a_base_takes_the_databases_of_its_environments_along(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.engine.notice = None
    said: list[str] = []
    monkeypatch.setattr(
        "orchestrator.operations.departure.find", lambda _api, names: tuple(_Leaves(name, said) for name in names)
    )
    assert workspace.orchestrator().destroy_base("dev", cascade=True).exit_code == 0
    assert said == ["after alpha"]
