"""Commands at the same time: on one base, one environment, one file, one record."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.config.assignments import parse_assignment
from orchestrator.config.stack_config import GENERATED_MARK
from orchestrator.engines import processes
from orchestrator.errors import RefusedError, StackLockedError
from orchestrator.events import Diagnostic
from orchestrator.lifecycle import CreateBase, CreateEnv, DestroyBase, DestroyEnv, Job, UpdateBase, UpdateEnv, run
from orchestrator.lifecycle.base_marks import GOING, WORKING
from orchestrator.lifecycle.unit_files import take_lock
from orchestrator.model import Kind, Record, RunReport, Status, Unit
from tests.support.waiting import LONG
from tests.support.workspace import Workspace

ALPHA, BETA, DEV = Unit("app", "alpha"), Unit("app", "beta"), Unit("base", "dev")
CASCADE = DestroyBase(names=("dev",), cascade=True)


@pytest.fixture
def based(workspace: Workspace) -> Workspace:
    """A workspace with an existing base."""
    assert workspace.orchestrator().create_base("dev").exit_code == 0
    return workspace


@contextmanager
def at_work(workspace: Workspace, unit: Unit, job: Job) -> Generator[None]:
    """Run the block while the job's operation on the unit runs."""
    begun, go_on = workspace.engine.blocks(unit)
    reports: list[RunReport] = []
    thread = threading.Thread(target=lambda: reports.append(run(job)))
    thread.start()
    assert begun.wait(LONG)
    del workspace.engine.scripts[unit]
    try:
        yield
    finally:
        go_on.set()
        thread.join(LONG)
    assert reports[0].exit_code == 0


def marks(workspace: Workspace) -> list[str]:
    return [mark.name for kind in (WORKING, GOING) for mark in workspace.engine.marks.below(kind)]


def test_a_base_is_not_destroyed_while_an_environment_is_created_on_it(based: Workspace) -> None:
    orchestrator = based.orchestrator()
    destroy, create = orchestrator.prepare(CASCADE), orchestrator.prepare(CreateEnv(names=("beta",), base="dev"))
    with at_work(based, BETA, create):
        with pytest.raises(StackLockedError) as refused:
            run(destroy)
        assert "the base dev was not destroyed: it is locked by " in refused.value.message
        assert "which works on beta" in refused.value.message
        assert refused.value.hint == "wait for it with --wait 10m"
    assert DEV in based.engine.kept
    assert marks(based) == []


def test_no_command_begins_on_a_base_that_another_one_destroys(based: Workspace) -> None:
    assert based.orchestrator().create_env("alpha", base="dev").exit_code == 0
    orchestrator = based.orchestrator()
    late = [
        orchestrator.prepare(request)
        for request in (
            CreateEnv(names=("beta",), base="dev"),
            UpdateEnv(names=("alpha",)),
            UpdateBase(names=("dev",)),
            CreateBase(name="dev"),
        )
    ]
    with at_work(based, ALPHA, orchestrator.prepare(CASCADE)):
        for job in late:
            with pytest.raises(
                StackLockedError, match=r"nothing was started on the base dev: it is locked by .*, which destroys it"
            ):
                run(job)
    assert based.engine.kept == {}
    assert based.engine.claimed == {}
    assert not based.file("app", "beta").exists()


def test_a_command_that_waited_for_a_destroyed_base_is_refused(based: Workspace) -> None:
    patient = based.orchestrator(wait="1m")
    create, destroy = patient.prepare(CreateEnv(names=("beta",), base="dev")), patient.prepare(CASCADE)
    refused: list[RefusedError] = []

    def wait() -> None:
        try:
            run(create)
        except RefusedError as error:
            refused.append(error)

    thread = threading.Thread(target=wait)
    with at_work(based, DEV, destroy):
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(LONG)
    assert [error.message for error in refused] == ["nothing was started: the base dev was destroyed in the meantime"]
    assert based.engine.kept == {}


def same_host(workspace: Workspace, *names: str) -> list[Job]:
    """A job for each environment, all prepared before one runs, with one explicit host."""
    host = (parse_assignment("host=shop.example.com"),)
    return [workspace.orchestrator().prepare(CreateEnv(names=(name,), base="dev", assignments=host)) for name in names]


def test_one_of_two_commands_at_the_same_time_gets_a_host(based: Workspace) -> None:
    first, second = same_host(based, "beta", "gamma")
    with at_work(based, BETA, first):
        with pytest.raises(RefusedError) as refused:
            run(second)
        assert (refused.value.message, refused.value.hint) == (
            "gamma cannot have the host shop.example.com: another command gives it to beta on the base dev",
            "give gamma another host",
        )
        assert len(marks(based)) == 1
    assert set(based.engine.kept) == {DEV, BETA}
    assert not based.file("app", "gamma").exists()


def test_a_host_that_another_command_took_after_the_preparation_is_refused(based: Workspace) -> None:
    first, second = same_host(based, "beta", "gamma")
    assert run(first).exit_code == 0
    with pytest.raises(RefusedError, match=r"gamma cannot have the host shop.example.com: beta on the base dev serves"):
        run(second)
    assert set(based.engine.kept) == {DEV, BETA}


def test_commands_with_different_hosts_run_at_the_same_time(based: Workspace) -> None:
    first, second = (based.orchestrator().prepare(CreateEnv(names=(name,), base="dev")) for name in ("beta", "gamma"))
    with at_work(based, BETA, first):
        assert run(second).exit_code == 0


def test_an_environment_created_after_the_preparation_keeps_its_base(based: Workspace) -> None:
    destroy = based.orchestrator().prepare(CASCADE)
    assert based.orchestrator().create_env("beta", base="dev").exit_code == 0
    with pytest.raises(RefusedError) as refused:
        run(destroy)
    assert refused.value.message == "the base dev was not destroyed: beta was created on it in the meantime"
    assert refused.value.hint == "run the command again: it checks what exists now"
    assert set(based.engine.kept) == {DEV, BETA}


@pytest.mark.parametrize(
    "request_", [CreateEnv(names=("beta",), base="dev"), UpdateEnv(names=("alpha",)), UpdateBase(names=("dev",))]
)
def test_a_job_prepared_before_its_base_was_destroyed_is_refused(based: Workspace, request_: CreateEnv) -> None:
    assert based.orchestrator().create_env("alpha", base="dev").exit_code == 0
    job = based.orchestrator().prepare(request_)
    assert based.orchestrator().destroy_base("dev", cascade=True).exit_code == 0
    with pytest.raises(RefusedError, match="nothing was started: the base dev was destroyed in the meantime"):
        run(job)
    assert based.engine.kept == {}


def test_readers_are_checked_again_right_before_the_base_is_destroyed(based: Workspace) -> None:
    assert based.orchestrator().create_env("alpha", base="dev").exit_code == 0
    destroy = based.orchestrator().prepare(CASCADE)
    begun, go_on = based.engine.blocks(ALPHA)
    reports: list[RunReport] = []
    thread = threading.Thread(target=lambda: reports.append(run(destroy)))
    thread.start()
    assert begun.wait(LONG)
    del based.engine.scripts[ALPHA]
    based.engine.outsiders[DEV] = ("elsewhere/prod",)  # a bare `pulumi up`
    go_on.set()
    thread.join(LONG)
    assert reports[0].result(DEV).status is Status.FAILED
    assert reports[0].result(DEV).reason == "dev was not destroyed: elsewhere/prod reads its outputs"
    assert DEV in based.engine.kept


def test_a_claim_of_another_command_keeps_the_base(based: Workspace) -> None:
    destroy = based.orchestrator().prepare(CASCADE)
    based.engine.claim(BETA, Record(kind=Kind.AD_HOC, base="dev", listener_slot=1, created=based.now))
    with pytest.raises(StackLockedError, match="another command is about to create beta on it"):
        run(destroy)


def test_a_command_that_cannot_begin_leaves_the_claim_of_another_command(based: Workspace) -> None:
    orchestrator = based.orchestrator()
    first, second = (orchestrator.prepare(CreateEnv(names=("beta",), base="dev")) for _ in range(2))
    with at_work(based, BETA, first):
        claim = based.engine.claimed[BETA]
        with pytest.raises(StackLockedError):
            run(second)
        assert based.engine.claimed[BETA] == claim
    assert based.engine.claimed == {}


def test_a_partly_destroyed_base_is_completed_before_it_is_read(based: Workspace) -> None:
    assert based.orchestrator().create_env("alpha", base="dev").exit_code == 0
    based.engine.kept[DEV].going = True
    with pytest.raises(RefusedError) as refused:
        based.orchestrator().update_env("alpha")
    assert refused.value.message == "nothing was started on the base dev: it is partly destroyed"
    assert refused.value.hint == "complete it first: `orchestrator create-base dev`"
    job = based.orchestrator().prepare(CreateEnv(names=("beta",), base="dev"))
    assert job.notes == ("the base dev is incomplete: it is completed first",)
    assert run(job).exit_code == 0
    assert not based.engine.kept[DEV].going


def test_the_marks_of_dead_processes_do_not_count(based: Workspace) -> None:
    dead = replace(processes.this_process(), started="1").document()
    for kind in (WORKING, GOING):
        name = f"marks/{kind}/dev/x.json"
        based.engine.marks.set(f"{kind}/dev/x", {})
        shelf = based.engine.shelf.files
        shelf[name] = shelf[name].replace(processes.this_process().started.encode(), dead["started"].encode())  # type: ignore[union-attr]
    assert based.orchestrator().create_env("beta", base="dev").exit_code == 0
    assert based.orchestrator().destroy_base("dev", cascade=True).exit_code == 0
    assert based.engine.kept == {}


def test_unlock_with_force_removes_the_mark_of_an_unknown_process(based: Workspace) -> None:
    based.engine.marks.set(f"{WORKING}/dev/x", {"units": ["app/beta"]})
    shelf, name = based.engine.shelf.files, f"marks/{WORKING}/dev/x.json"
    shelf[name] = shelf[name].replace(b'"boot": "', b'"boot": "other')
    based.engine.shelf.own_disk = False
    with pytest.raises(StackLockedError) as refused:
        based.orchestrator().destroy_base("dev")
    assert refused.value.hint == (
        "wait for it with --wait 10m; if that process has ended: `orchestrator unlock dev --force`"
    )
    with pytest.raises(StackLockedError, match="it is not known whether"):
        based.orchestrator().unlock("dev")
    based.orchestrator().unlock("dev", force=True)
    assert based.orchestrator().destroy_base("dev").exit_code == 0


# configuration files


def test_create_writes_a_file_that_was_removed_after_its_preparation(based: Workspace) -> None:
    assert based.orchestrator().create_env("beta", base="dev").exit_code == 0
    text = based.file("app", "beta").read_text()
    assert text.startswith(GENERATED_MARK)
    create = based.orchestrator().prepare(CreateEnv(names=("beta",), base="dev"))
    assert based.orchestrator().destroy_env("beta").exit_code == 0
    assert not based.file("app", "beta").exists()
    assert run(create).exit_code == 0
    assert based.file("app", "beta").read_text() == text
    assert based.engine.configs[BETA].values["django-app:base"] == "dev"


def test_create_and_destroy_never_have_the_same_file_at_the_same_time(based: Workspace) -> None:
    assert based.orchestrator().create_env("beta", base="dev").exit_code == 0
    orchestrator = based.orchestrator()
    create, destroy = (
        orchestrator.prepare(request)
        for request in (CreateEnv(names=("beta",), base="dev"), DestroyEnv(names=("beta",)))
    )
    for first, second in ((create, destroy), (destroy, create)):
        with at_work(based, BETA, first), pytest.raises(StackLockedError, match="beta is locked"):
            run(second)
        assert based.file("app", "beta").exists() == (BETA in based.engine.kept)


def test_values_that_another_command_set_after_the_preparation_are_kept(based: Workspace) -> None:
    based.write("app", "alpha", based.file("app", "alpha").read_text() + "  django-app:color: red # ours\n")
    assert based.orchestrator().create_env("alpha", base="dev").exit_code == 0
    first = based.orchestrator().prepare(
        CreateEnv(names=("alpha",), base="dev", images={"backend": "registry.example.com/shop:2"})
    )
    assert based.orchestrator().update_env("alpha", values={"color": "blue"}).exit_code == 0
    assert run(first).exit_code == 0
    values = based.engine.configs[ALPHA].values
    assert values["django-app:color"] == "blue"
    assert values["django-app:backend_image"] == "registry.example.com/shop:2"
    assert "# ours" in based.file("app", "alpha").read_text()


def test_no_lock_stays_in_the_folder(based: Workspace) -> None:
    assert based.orchestrator().create_env("beta", base="dev").exit_code == 0
    assert sorted(os.listdir(based.root / ".orchestrator")) == [".gitignore", "runs"]


# records


def test_a_pin_during_an_update_is_kept(based: Workspace) -> None:
    assert based.orchestrator().create_env("alpha", base="dev", ttl="1d").exit_code == 0
    update = based.orchestrator().prepare(UpdateEnv(names=("alpha",)))
    based.orchestrator().pin("alpha")
    based.orchestrator().extend("alpha", "9d")
    assert run(update).exit_code == 0
    request = based.engine.calls[-1]
    assert request.record_before is not None
    assert request.record is not None
    assert not request.record_before.pinned
    kept = based.engine.kept[ALPHA].record
    assert kept is not None
    assert kept.pinned
    assert kept.ttl == timedelta(days=9)
    assert kept.expires is not None
    assert kept.expires > based.now + timedelta(days=8)


def test_a_command_with_time_waits_for_another_one_on_its_base_and_says_so_once(based: Workspace) -> None:
    create = based.orchestrator().prepare(CreateEnv(names=("beta",), base="dev"))
    destroy = based.orchestrator(wait="1m").prepare(CASCADE)
    refused: list[str] = []

    def destroyed() -> None:
        with pytest.raises(RefusedError) as caught:
            run(destroy)
        refused.append(caught.value.message)

    waiting = threading.Thread(target=destroyed)
    with at_work(based, BETA, create):
        waiting.start()
        while not (said := [it for it in based.events if isinstance(it, Diagnostic) and "waiting: " in it.message]):
            time.sleep(0.05)
    waiting.join()
    assert [(event.severity, event.unit) for event in said] == [("info", None)]
    assert said[0].message.startswith("waiting: the base dev was not destroyed: it is locked by ")
    assert refused == ["the base dev was not destroyed: beta was created on it in the meantime"]


def test_a_lock_that_another_process_has_leaves_no_open_file(tmp_path: Path) -> None:
    file = tmp_path / "locks" / "app.alpha.lock"
    held = take_lock(file)
    assert held is not None
    before = len(os.listdir("/proc/self/fd"))
    assert take_lock(file) is None
    assert len(os.listdir("/proc/self/fd")) == before
    held.release()
    assert not file.exists()
    again = take_lock(file)
    assert again is not None
    again.release()
