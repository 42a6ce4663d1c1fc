"""Destruction: its order, and the files and stacks that stay."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import (
    LockOwner,
    OrchestratorError,
    RefusedError,
    StackLockedError,
    UnknownStackError,
    UnreadableStateError,
)
from orchestrator.lifecycle import DestroyBase, DestroyEnv, destroy, git, run
from orchestrator.model import ChangeOp, Kind, Operation, Record, RunReport, Scope, StackStatus, Status, Unit
from tests.support.workspace import APP_CONFIG, Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """The base `dev` with `alpha` and `beta` on it."""
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    workspace.engine.calls.clear()
    return workspace


def told(report: RunReport) -> list[tuple[str, str]]:
    return [(str(result.unit), result.status.value) for result in report.results]


def refused(workspace: Workspace, request: DestroyEnv | DestroyBase) -> OrchestratorError:
    before = workspace.files()
    with pytest.raises(OrchestratorError) as caught:
        workspace.orchestrator().prepare(request)
    assert (workspace.files(), workspace.engine.calls) == (before, [])
    return caught.value


def test_an_environment_is_destroyed_and_its_base_stays(running: Workspace) -> None:
    report = running.orchestrator().destroy_env("alpha")
    assert told(report) == [("app/alpha", "succeeded")]
    assert report.result(ALPHA).counts.delete == 3
    assert sorted(running.engine.kept) == [BETA, DEV]
    assert running.engine.calls[0].operation is Operation.DESTROY


def test_the_names_are_what_the_user_should_type(running: Workspace) -> None:
    job = running.orchestrator().prepare(DestroyEnv(names=("beta", "alpha")))
    assert job.confirm == ("beta", "alpha")
    assert [(step.unit, step.scope, step.exists) for step in job.steps] == [
        (BETA, Scope.ENVIRONMENT, True),
        (ALPHA, Scope.ENVIRONMENT, True),
    ]


def test_a_generated_file_is_removed_and_a_file_of_the_user_stays(running: Workspace) -> None:
    assert running.file("app", "beta").exists()
    running.orchestrator().destroy_env(["alpha", "beta"])
    assert running.file("app", "alpha").exists()
    assert not running.file("app", "beta").exists()


def test_a_generated_file_that_goes_meanwhile_does_no_harm(running: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(_folder: Path, _pattern: str) -> frozenset[str]:
        running.file("app", "beta").unlink()
        return frozenset()

    monkeypatch.setattr(git, "tracked", remove)
    assert told(running.orchestrator().destroy_env("beta")) == [("app/beta", "succeeded")]


def test_a_generated_file_that_was_checked_in_stays(committed: Workspace) -> None:
    committed.orchestrator().create_env("beta", base="dev")
    subprocess.run(["git", "add", "."], cwd=committed.root, check=True)
    committed.orchestrator().destroy_env("beta")
    assert committed.file("app", "beta").exists()


def test_a_cascade_reads_each_state_once_and_asks_git_once(
    committed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"env{number}" for number in range(6)]
    assert committed.orchestrator().create_env(names, base="dev").exit_code == 0
    read: list[Unit] = []
    asked: list[str] = []
    resources, tracked = committed.engine.resources, git.tracked
    monkeypatch.setattr(committed.engine, "resources", lambda unit: (read.append(unit), resources(unit))[1])
    monkeypatch.setattr(git, "tracked", lambda *folder: (asked.append(str(folder)), tracked(*folder))[1])
    assert committed.orchestrator(parallel=1).destroy_base("dev", cascade=True).exit_code == 0
    assert sorted(read) == sorted({*read})
    assert len(asked) == 1
    assert not any(committed.file("app", name).exists() for name in names)


def test_creating_destroying_and_creating_again_leaves_git_clean(committed: Workspace) -> None:
    for _ in range(2):
        assert committed.orchestrator().create_env(["alpha", "beta"], base="dev").exit_code == 0
        assert committed.orchestrator().destroy_base("dev", cascade=True).exit_code == 0
    status = subprocess.run(
        ["git", "status", "--short"], cwd=committed.root, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_a_base_with_environments_is_refused_with_their_names(running: Workspace) -> None:
    error = refused(running, DestroyBase(names=("dev",)))
    assert isinstance(error, RefusedError)
    assert (error.message, error.hint) == (
        "the base dev was not destroyed: the environments alpha, beta are on it",
        "destroy them first, or use --cascade",
    )


def test_an_environment_that_only_reads_the_base_counts_too(running: Workspace) -> None:
    running.orchestrator().destroy_env(["alpha", "beta"])
    running.engine.calls.clear()
    running.engine.has(Unit("app", "manual"), outputs={}, references=("organization/django-base/dev",))
    error = refused(running, DestroyBase(names=("dev",)))
    assert (error.message, error.hint) == (
        "the base dev was not destroyed: the environment manual is on it",
        "destroy it first, or use --cascade",
    )


@pytest.mark.parametrize("cascade", [False, True])
@pytest.mark.parametrize("status", [StackStatus.UNREADABLE, StackStatus.DAMAGED, StackStatus.READY])
def test_an_environment_whose_record_cannot_be_read_may_be_on_the_base(
    running: Workspace, status: StackStatus, cascade: bool
) -> None:
    running.orchestrator().destroy_env(["alpha", "beta"])
    running.engine.calls.clear()
    running.engine.has(Unit("app", "manual"), outputs={}, status=status, record_lost=True)
    error = refused(running, DestroyBase(names=("dev",), cascade=cascade))
    assert isinstance(error, RefusedError)
    assert (error.message, error.hint) == (
        "the base dev was not destroyed: manual may be on it, because its record cannot be read",
        "make the state and the tags of it readable, or set `base` in its configuration",
    )


def test_an_environment_whose_configuration_names_another_base_is_not_on_this_one(running: Workspace) -> None:
    running.orchestrator().destroy_env(["alpha", "beta"])
    running.write("app", "manual", APP_CONFIG.replace("base: dev", "base: qa"))
    running.engine.has(Unit("app", "manual"), outputs={}, status=StackStatus.UNREADABLE, record_lost=True)
    assert running.orchestrator().destroy_base("dev").exit_code == 0


def test_an_environment_that_became_unreadable_after_the_preparation_keeps_the_base(running: Workspace) -> None:
    running.orchestrator().destroy_env(["alpha", "beta"])
    job = running.orchestrator().prepare(DestroyBase(names=("dev",)))
    running.engine.has(Unit("app", "manual"), outputs={}, status=StackStatus.UNREADABLE, record_lost=True)
    with pytest.raises(RefusedError, match="manual may be on it"):
        run(job)
    assert DEV in running.engine.kept


def test_nothing_is_destroyed_while_the_stacks_of_a_project_cannot_be_listed(running: Workspace) -> None:
    running.engine.closed_projects["app"] = UnreadableStateError("the state cannot be read: Permission denied (apps)")
    error = refused(running, DestroyBase(names=("dev",)))
    assert error.message == "the state cannot be read: Permission denied (apps)"


def test_cascade_destroys_in_the_exact_reverse_of_creation(running: Workspace) -> None:
    job = running.orchestrator(parallel=1).prepare(DestroyBase(names=("dev",), cascade=True))
    assert [step.unit for step in job.steps] == [BETA, ALPHA, DEV]
    assert job.notes == (
        "the environment alpha is on the base dev: it is destroyed first",
        "the environment beta is on the base dev: it is destroyed first",
    )
    assert told(run(job)) == [
        ("app/beta", "succeeded"),
        ("app/alpha", "succeeded"),
        ("base/dev", "succeeded"),
    ]
    assert running.engine.kept == {}


def test_a_base_stays_when_one_of_its_environments_cannot_be_destroyed(running: Workspace) -> None:
    running.engine.fails(ALPHA, "the bucket is not empty")
    report = running.orchestrator().destroy_base("dev", cascade=True)
    assert told(report) == [("app/beta", "succeeded"), ("app/alpha", "failed"), ("base/dev", "skipped")]
    assert DEV in running.engine.kept
    assert running.file("app", "alpha").exists()


def test_an_environment_on_two_bases_is_destroyed_before_both(running: Workspace) -> None:
    running.engine.has(Unit("base", "qa"))
    running.engine.kept[ALPHA].references = ("organization/django-base/qa",)
    job = running.orchestrator().prepare(DestroyBase(names=("qa",), cascade=True))
    assert job.plan.waits_for[Unit("base", "qa")] == (ALPHA,)
    both = running.orchestrator().prepare(DestroyBase(names=("qa", "dev"), cascade=True))
    assert both.plan.waits_for[Unit("base", "qa")] == (ALPHA,)
    assert both.plan.waits_for[DEV] == (ALPHA, BETA)


def test_unknown_names_are_errors(running: Workspace) -> None:
    error = refused(running, DestroyEnv(names=("alpha", "alhpa")))
    assert isinstance(error, UnknownStackError)
    assert (error.message, error.hint) == ("there is no environment 'alhpa'", "did you mean alpha?")
    assert isinstance(refused(running, DestroyBase(names=("alpha",))), UnknownStackError)
    assert refused(running, DestroyEnv(names=())).exit_code == 2


def test_a_name_that_could_not_be_given_today_can_still_be_destroyed(running: Workspace) -> None:
    odd = Unit("app", "Old_Name")
    running.engine.has(odd, record=Record(kind=Kind.AD_HOC, base="dev"))
    assert told(running.orchestrator().destroy_env("Old_Name")) == [("app/Old_Name", "succeeded")]


def test_a_locked_environment_is_refused(running: Workspace) -> None:
    running.engine.locks[BETA] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=True)
    error = refused(running, DestroyBase(names=("dev",), cascade=True))
    assert isinstance(error, StackLockedError)
    assert error.message == "beta is locked by bob@ci (pid 7): only one operation at a time can run on a stack"
    assert error.hint == "wait for it with --wait 10m"


def test_the_lock_of_a_dead_process_is_left_to_the_engine(running: Workspace) -> None:
    running.engine.locks[BETA] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=False)
    assert told(running.orchestrator().destroy_env("beta")) == [("app/beta", "succeeded")]


def test_a_failed_destroy_is_finished_by_the_next(running: Workspace) -> None:
    running.engine.fails(ALPHA)
    first = running.orchestrator().destroy_env("alpha")
    assert first.result(ALPHA).status is Status.FAILED
    assert told(running.orchestrator().destroy_env("alpha")) == [("app/alpha", "succeeded")]


def test_a_cascade_asks_once_for_the_readers_of_all_stacks(running: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[Unit]] = []
    readers = running.engine.readers
    monkeypatch.setattr(running.engine, "readers", lambda units: asked.append(list(units)) or readers(units))
    running.orchestrator().prepare(DestroyBase(names=("dev",), cascade=True))
    assert asked == [[ALPHA, BETA, DEV]]


@pytest.mark.parametrize(
    ("protected", "reason"),
    [
        (("alpha-first",), "alpha cannot be destroyed: alpha-first is protected"),
        (("alpha-first", "alpha-second"), "alpha cannot be destroyed: alpha-first, alpha-second are protected"),
    ],
)
def test_a_preview_of_a_destruction_names_what_is_protected(
    running: Workspace, protected: tuple[str, ...], reason: str
) -> None:
    job = running.orchestrator().prepare(DestroyEnv(names=("alpha",)))
    running.engine.kept[ALPHA].protected = protected
    (result,) = destroy.dry_run(job).results
    assert (result.status, result.reason) == (Status.FAILED, reason)
    assert {change.op for change in result.changes} == {ChangeOp.DELETE}
    running.engine.kept[ALPHA].protected = ()
    (result,) = destroy.dry_run(job).results
    assert (result.status, result.reason, result.hint) == (Status.SUCCEEDED, None, None)
    assert result.counts.delete == len(result.changes) > 0
