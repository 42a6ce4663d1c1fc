"""What the dashboard reads, from stacks that the simulation created."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.cli.main import main
from orchestrator.dashboard.gathering import Wanted, gather
from orchestrator.errors import LockOwner, RefusedError
from orchestrator.model import Unit
from tests.orchestrator.dashboard.conftest import with_two_environments
from tests.support.command_line import Here


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    return with_two_environments(tmp_path, capsys)


def test_everything_that_exists_is_in_the_document_and_beside_the_page(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "dashboard"
    answer = here("dashboard", "--out", str(folder))
    assert (answer.code, answer.out) == (0, f"{folder / 'index.html'}\n")
    found = json.loads((folder / "dashboard.json").read_text())
    assert [each["name"] for each in found["deployments"]] == ["dev", "alpha", "beta"]
    dev, alpha, _ = found["deployments"]
    assert dev["environments"] == ["alpha", "beta"]
    assert [release["result"] for release in alpha["releases"]] == ["succeeded"]
    assert alpha["cost"]["dollars"] >= 0
    assert (alpha["drift"], found["orphans"]) == (None, None)
    assert len(found["edges"]) == 2
    assert json.loads(here("dashboard", "--out", str(folder), "--json").out)["deployments"] == found["deployments"]


def test_drift_and_orphans_are_read_only_when_asked_for(here: Here) -> None:
    orchestrator = Orchestrator(here.folder)
    found = gather(orchestrator, Wanted(drift=True))
    assert [each.drift for each in found.deployments] == [[], [], []]
    with pytest.raises(RefusedError, match="this engine has no orphans"):
        gather(orchestrator, Wanted(orphans=True))
    answer = here("dashboard", "--out", str(here.folder / "page"), "--orphans")
    assert answer.code == 1
    assert not (here.folder / "page").exists()


def test_a_damaged_stack_and_a_lock_are_shown(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    orchestrator = Orchestrator(here.folder)
    owner = LockOwner(username="ada", hostname="laptop", pid=7, since=None, alive=None)
    monkeypatch.setattr(orchestrator.engine, "lock_owner", lambda unit: owner if unit == Unit("app", "alpha") else None)
    (state,) = here.folder.glob(".orchestrator/simulation/app/beta.jsonl")
    state.write_text("{")
    _, alpha, beta = gather(orchestrator, Wanted()).deployments
    assert alpha.locks == ["alpha is locked by ada@laptop (pid 7)"]
    assert beta.status == "damaged"
    assert beta.problems
    assert beta.cost is None


def test_the_command_needs_a_folder(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "--project-dir", str(here.folder)]) == 2
    assert "--out" in capsys.readouterr().err
