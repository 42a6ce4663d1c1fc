"""What the provider refuses in a preview is known before the first resource is created."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.engines.protocol import Sink, UnitRequest
from orchestrator.errors import EngineUnavailableError, InterruptedRunError, OperationFailedError
from orchestrator.events import Diagnostic, Event
from orchestrator.lifecycle import CreateEnv
from orchestrator.model import Operation, Unit, UnitOutcome
from tests.support.engines import APP, BASE, Workshop
from tests.support.standin.cloud import Cloud, Rules
from tests.support.workspace import Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")
URN = "urn:pulumi:dev::django-base::aws:ec2/vpc:Vpc::dev"
STACK_URN = "urn:pulumi:dev::django-base::pulumi:pulumi:Stack::django-base-dev"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose engine works on AWS, where nothing else is looked at."""
    found = Workspace(tmp_path)
    found.engine.notice = None
    return found


def orchestrator(workspace: Workspace, **options: Any) -> Orchestrator:
    made = workspace.orchestrator(**options)
    object.__setattr__(made.context, "before", lambda _job: None)
    return made


def calls(workspace: Workspace) -> list[tuple[Operation, Unit]]:
    return [(call.operation, call.unit) for call in workspace.engine.calls]


def refusing(urn: str | None, reason: str = "dev: Invalid CIDR") -> Callable[[UnitRequest, Sink], UnitOutcome | None]:
    """A preview that fails with an error of this resource."""

    def script(request: UnitRequest, sink: Sink) -> UnitOutcome | None:
        if request.operation is not Operation.PREVIEW:
            return None
        sink(Diagnostic(unit=request.unit, severity="error", message="Invalid CIDR", urn=urn))
        raise OperationFailedError(f"{request.unit} failed: {reason}")

    return script


def test_new_stacks_are_previewed_once_before_anything_is_created(workspace: Workspace) -> None:
    assert orchestrator(workspace).create_env("alpha", base="dev").exit_code == 0
    assert calls(workspace) == [
        (Operation.PREVIEW, DEV),
        (Operation.PREVIEW, ALPHA),
        (Operation.UP, DEV),
        (Operation.UP, ALPHA),
    ]
    said = [(event.severity, event.message) for event in workspace.events if isinstance(event, Diagnostic)]
    assert said == [("info", "previewing dev and alpha before anything is created")]


def test_only_new_stacks_are_previewed(workspace: Workspace) -> None:
    orchestrator(workspace).create_env("alpha", base="dev")
    workspace.engine.calls.clear()
    assert orchestrator(workspace).create_env(["alpha", "beta"], base="dev").exit_code == 0
    assert sorted(calls(workspace)) == [(Operation.PREVIEW, BETA), (Operation.UP, ALPHA), (Operation.UP, BETA)]
    workspace.engine.calls.clear()
    assert orchestrator(workspace).update_env("beta").exit_code == 0
    assert calls(workspace) == [(Operation.UP, BETA)]


def test_a_refused_resource_ends_the_command_with_everything_unchanged(workspace: Workspace) -> None:
    before = workspace.files()
    workspace.engine.scripts[DEV] = refusing(URN)
    with pytest.raises(OperationFailedError) as caught:
        orchestrator(workspace).create_env("alpha", base="dev")
    assert caught.value.message == "nothing was changed: base/dev failed: dev: Invalid CIDR"
    assert caught.value.hint == (
        "correct the configuration, then run the same command again; --no-check goes on without this preview"
    )
    assert calls(workspace) == [(Operation.PREVIEW, DEV)]
    assert workspace.files() == before
    assert workspace.engine.claimed == {}
    assert workspace.engine.kept == {}


def test_a_refused_environment_is_known_before_its_base_is_created(workspace: Workspace) -> None:
    workspace.engine.scripts[ALPHA] = refusing(URN, "alpha: Invalid image")
    with pytest.raises(OperationFailedError, match="alpha: Invalid image"):
        orchestrator(workspace).create_env("alpha", base="dev")
    assert calls(workspace) == [(Operation.PREVIEW, DEV), (Operation.PREVIEW, ALPHA)]
    assert workspace.engine.kept == {}


def test_all_refusals_are_named_at_once(workspace: Workspace) -> None:
    orchestrator(workspace).create_base("dev")
    for unit in (ALPHA, BETA):
        workspace.engine.scripts[unit] = refusing(URN, "no")
    with pytest.raises(OperationFailedError) as caught:
        orchestrator(workspace).create_env(["alpha", "beta"], base="dev")
    assert caught.value.message == "nothing was changed: app/alpha failed: no; app/beta failed: no"


@pytest.mark.parametrize("urn", [None, STACK_URN])
def test_a_failure_that_is_no_refusal_of_a_resource_is_reported_and_the_run_goes_on(
    workspace: Workspace, urn: str | None
) -> None:
    """The rehearsal has run the program already. A preview lacks the outputs of stacks in another backend, for example."""
    workspace.engine.scripts[DEV] = refusing(urn)
    assert orchestrator(workspace).create_env("alpha", base="dev").exit_code == 0
    assert (Operation.UP, ALPHA) in calls(workspace)
    said = [event.message for event in workspace.events if isinstance(event, Diagnostic)]
    assert "the preview could not check dev: base/dev failed: dev: Invalid CIDR" in said


def test_without_credentials_nothing_is_begun(workspace: Workspace) -> None:
    hint = "log in (`aws sso login`, or set AWS_PROFILE), then run the command again"
    workspace.engine.raises(DEV, EngineUnavailableError("base/dev failed: AWS rejected the credentials", hint))
    with pytest.raises(OperationFailedError) as caught:
        orchestrator(workspace).create_env("alpha", base="dev")
    assert caught.value.message == "nothing was changed: base/dev failed: AWS rejected the credentials"
    assert str(caught.value.hint).startswith("log in (`aws sso login`")
    assert calls(workspace) == [(Operation.PREVIEW, DEV)]


@pytest.mark.parametrize("reason", ["no check", "simulation", "saved plan"])
def test_nothing_is_previewed_twice_or_in_vain(workspace: Workspace, reason: str) -> None:
    if reason == "simulation":
        workspace.engine.notice = "fake: nothing is created anywhere"
    created = orchestrator(workspace, check=reason != "no check")
    if reason == "saved plan":
        created.run_job(replace(created.prepare(CreateEnv(names=("alpha",), base="dev")), command="apply"))
    else:
        created.create_env("alpha", base="dev")
    assert calls(workspace) == [(Operation.UP, DEV), (Operation.UP, ALPHA)]


def test_an_interrupted_preview_changes_nothing(workspace: Workspace) -> None:
    made = orchestrator(workspace)

    def script(request: UnitRequest, _sink: Sink) -> UnitOutcome | None:
        made.context.interrupter()
        raise InterruptedRunError(f"{request.unit} was interrupted")

    workspace.engine.scripts[DEV] = script
    with pytest.raises(InterruptedRunError, match="interrupted: nothing was changed"):
        made.create_env("alpha", base="dev")
    assert calls(workspace) == [(Operation.PREVIEW, DEV)]
    assert workspace.engine.kept == {}


def test_an_unfinished_base_is_previewed_with_its_new_environment(workspace: Workspace) -> None:
    workspace.engine.fails(DEV, after=["vpc"])
    assert orchestrator(workspace, check=False).create_env("alpha", base="dev").exit_code == 1
    workspace.engine.calls.clear()
    assert orchestrator(workspace).create_env("alpha", base="dev").exit_code == 0
    assert calls(workspace)[:2] == [(Operation.PREVIEW, DEV), (Operation.PREVIEW, ALPHA)]


class Real:
    """The real engine on the fixture projects, with a cloud that refuses inputs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workshop = Workshop(folder, "pulumi", monkeypatch.setenv)
        self.cloud = Cloud(self.workshop.cloud_file)
        self.events: list[Event] = []

    def create(self) -> None:
        made = Orchestrator(self.workshop.folder, engine=self.workshop.another(), observer=self.events.append)
        object.__setattr__(made.context, "before", lambda _job: None)
        job = made.prepare(CreateEnv(names=("alpha",), base="dev"))
        report = made.run_job(job)
        assert report.exit_code == 0, report

    def state(self) -> list[Path]:
        return [file for file in self.workshop.state.rglob("*.json*") if "/stacks/" in str(file)]


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    return Real(tmp_path, monkeypatch)


@pytest.mark.engine
@pytest.mark.parametrize(("name", "unit"), [("second", BASE), ("last", APP)])
def test_the_provider_refuses_before_the_first_create(real: Real, name: str, unit: Unit) -> None:
    real.cloud.set_rules(Rules(refuse={f"check:{name}": "must not be empty"}))
    with pytest.raises(OperationFailedError) as caught:
        real.create()
    assert caught.value.message.startswith(f"nothing was changed: {unit.stack} failed: {name}: ")
    assert "must not be empty" in caught.value.message
    assert real.workshop.cloud() == []
    assert real.state() == []
    real.cloud.set_rules(Rules())
    real.create()
    assert real.workshop.cloud() == ["first", "last", "second", "topic"]


@pytest.mark.engine
def test_an_environment_is_previewed_against_its_existing_base(real: Real) -> None:
    real.workshop.run(BASE)
    real.cloud.set_rules(Rules(refuse={"check:topic": "too long"}))
    with pytest.raises(OperationFailedError, match="alpha failed: topic: "):
        real.create()
    assert real.workshop.cloud() == ["first", "second"]
    real.cloud.set_rules(Rules())
    real.create()
    assert [event for event in real.events if isinstance(event, Diagnostic) and event.severity == "warning"] == []
