"""Previews show all changes and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.stack_config import ConfigSnapshot, read_snapshot
from orchestrator.engines.protocol import Sink, UnitRequest
from orchestrator.errors import LockOwner, UsageError
from orchestrator.lifecycle import PreviewBase, PreviewEnv
from orchestrator.lifecycle.job import to_wire
from orchestrator.model import UNKNOWN, ChangeCounts, Operation, OutputValue, Status, Unit, UnitOutcome
from tests.support.workspace import Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


def test_a_preview_before_anything_exists_chains_the_bases_outputs(workspace: Workspace) -> None:
    before = workspace.files()
    report = workspace.orchestrator().preview_env("alpha", base="dev")
    assert [(result.unit, result.status, result.counts.create) for result in report.results] == [
        (DEV, Status.SUCCEEDED, 3),
        (ALPHA, Status.SUCCEEDED, 3),
    ]
    assert workspace.engine.began == ["preview base/dev", "preview app/alpha"]
    assert workspace.engine.calls[0].upstream_outputs == {}
    assert workspace.engine.calls[1].upstream_outputs == {
        "organization/django-base/dev": {
            "contract_version": 1,
            "kind": "ad-hoc",
            "base_stack_name": "dev",
            "domain_name": "example.com",
            "unknown_yet": UNKNOWN,
            "password": {SIGNATURE: SECRET, "value": "hunter2"},
        }
    }
    assert (workspace.engine.kept, workspace.files()) == ({}, before)


def test_a_preview_on_an_existing_base_leaves_the_base_to_its_stack(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.calls.clear()
    workspace.orchestrator().preview_env("alpha", base="dev")
    assert workspace.engine.began == ["preview app/alpha"]
    assert workspace.engine.calls[0].upstream_outputs == {}
    assert workspace.engine.calls[0].record is None


def test_a_preview_of_a_new_environment_reads_a_scratch_configuration(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    before = workspace.files()
    seen: list[tuple[Path, ConfigSnapshot, dict[str, str]]] = []

    def look(request: UnitRequest, _sink: Sink) -> UnitOutcome:
        assert request.config_file is not None
        project = workspace.engine.projects["app"]
        seen.append((request.config_file, read_snapshot(project, "beta", request.config_file), workspace.files()))
        return UnitOutcome(counts=ChangeCounts(create=1))

    workspace.engine.scripts[BETA] = look
    workspace.orchestrator().preview_env("beta", base="dev", images={"backend": "shop:7"})
    [(file, snapshot, during)] = seen
    assert snapshot.wire() == {
        "aws:region": "eu-west-1",
        "django-app:backend_image": "shop:7",
        "django-app:base": "dev",
        "django-app:listener_slot": "1",
    }
    assert file.name == "Pulumi.beta.yaml"
    assert not file.exists()
    assert during == workspace.files() == before


def test_a_preview_without_changes_to_a_file_reads_the_file_itself(workspace: Workspace) -> None:
    workspace.orchestrator().preview_base("dev")
    assert [(call.operation, call.config_file) for call in workspace.engine.calls] == [(Operation.PREVIEW, None)]


def test_a_changed_value_is_previewed_and_not_written(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    before = workspace.files()
    report = workspace.orchestrator().preview_env("alpha", values={"web.desired_count": 3})
    assert report.result(ALPHA).counts == ChangeCounts(update=1, same=2)
    assert workspace.files() == before
    assert "django-app:web" not in workspace.engine.kept[ALPHA].config


def test_a_failed_preview_of_the_base_skips_the_environment(workspace: Workspace) -> None:
    workspace.engine.raises(DEV, UsageError("no"))
    report = workspace.orchestrator().preview_env("alpha", base="dev")
    assert [result.status for result in report.results] == [Status.FAILED, Status.SKIPPED]


def test_a_locked_stack_can_be_previewed(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.locks[DEV] = LockOwner(username="bob", hostname="ci", pid=1, since=None, alive=True)
    assert workspace.orchestrator().preview_base("dev").exit_code == 0


@pytest.mark.parametrize("request_", [PreviewEnv(name="A"), PreviewBase(name="A"), PreviewEnv(name="alpha", base="A")])
def test_bad_names_are_refused(workspace: Workspace, request_: PreviewEnv | PreviewBase) -> None:
    with pytest.raises(UsageError, match=r"^'A' cannot name "):
        workspace.orchestrator().prepare(request_)


def test_values_that_json_cannot_hold_are_unknown() -> None:
    assert to_wire({"odd": OutputValue(value=object())}) == {"odd": UNKNOWN}
