"""Nothing is begun that cannot be finished: all programs are rehearsed before anything is touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.cli.main import main
from orchestrator.engines.protocol import Rehearsal
from orchestrator.errors import OperationFailedError
from orchestrator.events import Diagnostic
from orchestrator.lifecycle import CreateEnv, rehearsal
from orchestrator.model import Unit
from tests.support.workspace import Workspace

ROOT = Path(__file__).parents[3]
BASE, APP = Unit("base", "dev"), Unit("app", "alpha")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The projects of this repository, as a fresh clone has them."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "orchestrator.toml", folder)
    shutil.copytree(ROOT / "projects", folder / "projects")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file() and "__pycache__" not in str(file)
    }


def test_a_refusal_is_raised_before_anything_is_touched(workspace: Workspace) -> None:
    before = workspace.files()
    refusal = OperationFailedError("the program of alpha failed: no", "correct it")
    workspace.engine.rehearsals = {BASE: Rehearsal(), APP: Rehearsal(refusal=refusal, traceback="line 3")}
    with pytest.raises(OperationFailedError) as caught:
        workspace.orchestrator().create_env("alpha", base="dev")
    assert caught.value.message == "the program of alpha failed: no"
    file = workspace.file("app", "alpha")
    assert caught.value.hint == f"correct {file} or the program, then run the same command again"
    assert workspace.engine.calls == []
    assert workspace.files() == before
    assert Diagnostic(unit=APP, severity="error", message="line 3") in workspace.events


def test_a_program_that_cannot_be_simulated_is_named_once_and_runs(workspace: Workspace) -> None:
    workspace.engine.rehearsals = {BASE: Rehearsal(skipped="its provider is unknown\nline 2"), APP: Rehearsal()}
    orchestrator = workspace.orchestrator()
    job = orchestrator.prepare(CreateEnv(names=("alpha",), base="dev"))
    note = "dev was not rehearsed: its provider is unknown"
    assert rehearsal.passed(job).notes == (*job.notes, note)
    assert orchestrator.run_job(job).exit_code == 0
    assert len(workspace.engine.calls) == 2
    assert workspace.engine.rehearsed == [(BASE, APP)]


def test_previews_and_destructions_are_not_rehearsed_when_every_value_is_known(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.engine.rehearsed.clear()
    workspace.orchestrator().preview_env("alpha")
    workspace.orchestrator().destroy_env("alpha")
    assert workspace.engine.rehearsed == []


def test_a_wrong_key_of_the_environment_creates_no_base(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(clone)
    code = main(["create-env", "alpha", "--base", "dev", "--set", "sise=large", "--json", "--project-dir", str(clone)])
    printed, errors = capsys.readouterr()
    assert code == 1
    assert "django-app:sise: is not a key here" in errors
    assert "Traceback" not in errors
    assert json.loads(printed)["error"]["code"] == 1
    assert files(clone) == before


def test_a_preview_costs_what_the_environment_costs_then(clone: Path) -> None:
    orchestrator = Orchestrator(clone, engine="simulation")
    report = orchestrator.preview_env("alpha", base="dev")
    planned = {unit.stack: round(cost.after, 2) for unit, cost in orchestrator.plan_costs(report).items()}
    job = orchestrator.prepare(CreateEnv(names=("alpha",), base="dev"))
    ahead = {unit.stack: dollars for unit, dollars in orchestrator.cost_ahead(job).items()}
    assert orchestrator.run_job(job).exit_code == 0
    real = {
        name: round(orchestrator.cost(name)[key].dollars_per_month, 2)
        for name, key in (("dev", "base/dev"), ("alpha", "environment/alpha"))
    }
    assert planned == ahead == real


def test_production_is_created_from_a_fresh_clone(clone: Path) -> None:
    report = Orchestrator(clone, engine="simulation", allow_prod=True).create_env("live", base="prod")
    assert report.exit_code == 0
    assert [result.outputs["kind"].value for result in report.results] == ["prod", "prod"]
