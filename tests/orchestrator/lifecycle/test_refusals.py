"""Refusals before anything is changed."""

from __future__ import annotations

import pytest

from orchestrator.errors import LockOwner, OrchestratorError, RefusedError, StackLockedError
from orchestrator.events import Diagnostic
from orchestrator.lifecycle import CreateEnv, DestroyBase, DestroyEnv, Request, UpdateEnv, refusals
from orchestrator.model import Kind, Record, StackSummary, Unit
from tests.support.workspace import BASE_CONFIG, Workspace

DEV, ALPHA = Unit("base", "dev"), Unit("app", "alpha")


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """The base `dev` with `alpha` on it."""
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.engine.calls.clear()
    return workspace


def refused(workspace: Workspace, request: Request, **options: bool) -> OrchestratorError:
    before = workspace.files()
    with pytest.raises(OrchestratorError) as caught:
        workspace.orchestrator(**options).prepare(request)
    assert (workspace.files(), workspace.engine.calls) == (before, [])
    return caught.value


def test_protected_resources_are_listed_before_anything_is_destroyed(running: Workspace) -> None:
    running.engine.kept[DEV].protected = ("dev-first", "dev-second")
    error = refused(running, DestroyBase(names=("dev",), cascade=True))
    assert isinstance(error, RefusedError)
    assert error.message == (
        "nothing was changed: protected resources would be destroyed: dev: dev-first (Thing), dev-second (Thing)"
    )


def test_a_note_lists_the_resources_that_a_destroy_leaves_in_aws(running: Workspace) -> None:
    running.engine.kept[ALPHA].retained = ("alpha-second",)
    job = running.orchestrator().prepare(DestroyEnv(names=("alpha",)))
    assert job.notes == ("alpha leaves resources in AWS (retained on delete): alpha-second (Thing)",)


def test_a_reader_of_a_known_project_is_named_as_everywhere(running: Workspace) -> None:
    running.engine.outsiders[DEV] = ("django-app/manual",)
    assert refused(running, DestroyBase(names=("dev",), cascade=True)).message == (
        "dev was not destroyed: manual reads its outputs"
    )


def test_a_stack_outside_the_graph_that_reads_the_base_stops_its_destruction(running: Workspace) -> None:
    running.engine.outsiders[DEV] = ("reports/nightly",)
    error = refused(running, DestroyBase(names=("dev",), cascade=True))
    assert (error.message, error.hint) == (
        "dev was not destroyed: reports/nightly reads its outputs",
        "destroy it first",
    )


def test_production_is_changed_only_with_permission(workspace: Workspace) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: prod\n")
    error = refused(workspace, CreateEnv(names=("alpha",), base="dev"))
    assert (error.message, error.hint) == (
        "nothing was changed: alpha and dev are production",
        "check the preview, then add --allow-prod",
    )
    allowed = workspace.orchestrator(allow_prod=True)
    assert allowed.create_env("alpha", base="dev").exit_code == 0
    workspace.engine.calls.clear()
    assert refused(workspace, UpdateEnv(names=("alpha",))).message == "nothing was changed: alpha is production"
    assert refused(workspace, DestroyEnv(names=("alpha",))).message == "nothing was changed: alpha is production"
    assert workspace.orchestrator().preview_env("alpha").exit_code == 0


def test_an_environment_on_a_production_base_that_is_only_read_is_production_itself(workspace: Workspace) -> None:
    workspace.engine.has(DEV, record=Record(kind=Kind.PROD))
    assert refused(workspace, CreateEnv(names=("alpha",), base="dev")).message.startswith(
        "nothing was changed: alpha is production"
    )


def test_the_engine_admits_the_stacks_before_anything_is_changed(running: Workspace) -> None:
    running.engine.refuses = RefusedError(
        "alpha was not changed: it is in the AWS account 1, and the credentials are for 2"
    )
    assert "AWS account" in refused(running, UpdateEnv(names=("alpha",))).message
    assert running.engine.admitted == ((ALPHA,), (DEV,))


def test_a_command_that_waits_continues_as_soon_as_the_lock_is_gone(
    running: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.engine.locks[ALPHA] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=True)
    looks: list[int] = []
    stacks = running.engine.stacks

    def frees_itself() -> tuple[StackSummary, ...]:
        looks.append(1)
        if len(looks) > 1:
            running.engine.locks.clear()
        return stacks()

    monkeypatch.setattr(running.engine, "stacks", frees_itself)
    assert running.orchestrator(wait="1m").update_env("alpha").exit_code == 0
    said = [event.message for event in running.events if isinstance(event, Diagnostic)]
    assert said == ["waiting: alpha is locked by bob@ci (pid 7): only one operation at a time can run on a stack"]


def test_waiting_has_an_end(running: Workspace) -> None:
    running.engine.locks[ALPHA] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=True)
    with pytest.raises(StackLockedError, match="alpha is locked by bob@ci"):
        running.orchestrator(wait="1s").update_env("alpha")


def test_the_lock_of_a_dead_engine_on_a_base_that_is_only_read_is_removed(running: Workspace) -> None:
    running.engine.locks[DEV] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=False)
    running.orchestrator().preview_env("alpha")
    assert DEV in running.engine.locks
    assert running.orchestrator().update_env("alpha").exit_code == 0
    assert running.engine.locks == {}
    said = [event.message for event in running.events if isinstance(event, Diagnostic)]
    assert said == ["the lock of bob@ci (pid 7) was removed: that process has ended"]


def test_a_load_balancer_takes_rules_until_it_is_full() -> None:
    refusals.if_load_balancer_full("dev", used=90, needed=10, quota=100)
    refusals.if_load_balancer_full("dev", used=101, needed=0, quota=100)
    with pytest.raises(RefusedError, match="has 90 of 100 listener rules: 11 more would be needed"):
        refusals.if_load_balancer_full("dev", used=90, needed=11, quota=100)
