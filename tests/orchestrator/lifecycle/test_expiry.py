"""Expiry of environments, pinning, reaping, and locks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.errors import LockOwner, RefusedError, StackLockedError, UnknownStackError, UsageError
from orchestrator.model import Kind, Record, Status, Unit
from tests.support.workspace import BASE_CONFIG, START, TOML, Workspace

DEV = Unit("base", "dev")


def unit(name: str) -> Unit:
    return Unit("app", name)


def record(workspace: Workspace, name: str) -> Record:
    found = workspace.engine.kept[unit(name)].record
    assert found is not None
    return found


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """`alpha`, `beta` and `gamma` live for three days, `delta` never expires."""
    workspace.orchestrator().create_env(["alpha", "beta", "gamma"], base="dev", ttl="3d")
    workspace.orchestrator().create_env("delta", base="dev")
    workspace.engine.calls.clear()
    return workspace


def later(workspace: Workspace, **duration: Any) -> None:
    workspace.now += timedelta(**duration)


def test_an_environment_expires_a_while_after_its_creation(running: Workspace) -> None:
    assert record(running, "alpha").ttl == timedelta(days=3)
    assert timedelta(days=3) <= (record(running, "alpha").expires or START) - START < timedelta(days=3, minutes=1)
    assert record(running, "delta").expires is None


def test_every_update_renews_the_time_to_live(running: Workspace) -> None:
    before = record(running, "alpha").expires
    later(running, days=2)
    running.orchestrator().update_env("alpha")
    assert before is not None
    assert timedelta(days=2) <= (record(running, "alpha").expires or before) - before < timedelta(days=2, minutes=1)


def test_environments_have_the_default_life_of_the_settings(workspace: Workspace) -> None:
    (workspace.root / "orchestrator.toml").write_text(f'{TOML}\n[limits]\ndefault_ttl = "12h"\n')
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.orchestrator().create_env("beta", base="dev", ttl="1h")
    assert (record(workspace, "alpha").ttl, record(workspace, "beta").ttl) == (timedelta(hours=12), timedelta(hours=1))


def test_production_does_not_expire(workspace: Workspace) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: prod\n")
    with pytest.raises(UsageError, match="--ttl cannot be used: dev is production, which does not expire"):
        workspace.orchestrator(allow_prod=True).create_env("alpha", base="dev", ttl="3d")


def test_extending_counts_from_now(running: Workspace) -> None:
    later(running, days=1)
    (life,) = running.orchestrator().extend("delta", "1d12h")
    assert (life.name, life.ttl) == ("delta", timedelta(days=1, hours=12))
    assert record(running, "delta").expires == life.expires
    assert life.expires is not None
    assert timedelta(days=2, hours=12) <= life.expires - START < timedelta(days=2, hours=13)
    assert running.engine.calls == []


def test_only_environments_expire(running: Workspace) -> None:
    with pytest.raises(RefusedError, match="dev is a base: only environments expire"):
        running.orchestrator().pin(["alpha", "dev"])
    assert not record(running, "alpha").pinned
    with pytest.raises(UnknownStackError):
        running.orchestrator().extend("alhpa", "1d")


def test_reap_changes_nothing(running: Workspace) -> None:
    later(running, days=4)
    found = running.orchestrator().reap()
    assert [environment.name for environment in found.expired] == ["alpha", "beta", "gamma"]
    assert running.engine.calls == []


def test_the_job_of_reap_destroys_the_expired_and_continues_after_a_failure(running: Workspace) -> None:
    later(running, days=4)
    running.engine.fails(unit("beta"))
    orchestrator = running.orchestrator()
    found = orchestrator.reap()
    assert found.job is not None
    report = orchestrator.run_job(found.job)
    assert {str(r.unit): r.status for r in report.results} == {
        "app/alpha": Status.SUCCEEDED,
        "app/beta": Status.FAILED,
        "app/gamma": Status.SUCCEEDED,
    }
    assert report.exit_code == 1
    assert sorted(running.engine.kept) == [unit("beta"), unit("delta"), DEV]


def test_pinned_locked_protected_and_production_environments_stay(running: Workspace) -> None:
    running.orchestrator().pin("alpha")
    running.engine.locks[unit("beta")] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=True)
    running.engine.kept[unit("gamma")].protected = ("gamma-first",)
    expired = Record(kind=Kind.PROD, base="dev", expires=START)
    running.engine.has(unit("live"), record=expired)
    later(running, days=4)
    found = running.orchestrator().reap()
    assert (found.expired, found.job) == ((), None)
    assert {left.environment.name: left.why for left in found.left} == {
        "alpha": "it is pinned",
        "beta": "bob@ci (pid 7) works on it",
        "gamma": "gamma-first is protected",
        "live": "it is production",
    }
    running.orchestrator().unpin("alpha")
    assert [environment.name for environment in running.orchestrator().reap().expired] == ["alpha"]


def test_reap_warns_two_days_and_two_hours_ahead(running: Workspace) -> None:
    assert running.orchestrator().reap().soon == ()
    later(running, days=1, hours=1)
    soon = running.orchestrator().reap().soon
    assert [(it.environment.name, it.last_call) for it in soon] == [("alpha", False), ("beta", False), ("gamma", False)]
    later(running, hours=45)
    running.orchestrator().update_env("gamma")
    assert [(it.environment.name, it.last_call) for it in running.orchestrator().reap().soon] == [
        ("alpha", True),
        ("beta", True),
    ]


def test_the_refusal_of_a_full_base_names_environments_to_destroy(running: Workspace) -> None:
    (running.root / "orchestrator.toml").write_text(f"{TOML}\n[limits]\nenvironments_per_base = 4\n")
    running.orchestrator().pin("alpha")
    with pytest.raises(RefusedError) as caught:
        running.orchestrator().create_env("omega", base="dev")
    assert caught.value.message == "the base dev has no room for omega: it holds 4 of 4 environments"
    assert str(caught.value.hint).startswith("destroy beta first (it expires or was used before the others), or raise")
    assert running.orchestrator().create_env("alpha", base="dev").exit_code == 0


def test_only_the_lock_of_a_dead_process_is_removed(running: Workspace) -> None:
    def locked(alive: bool | None) -> None:
        running.engine.locks[unit("alpha")] = LockOwner(username="bob", hostname="ci", pid=7, since=None, alive=alive)

    orchestrator = running.orchestrator()
    assert orchestrator.unlock("alpha") == ()
    locked(True)
    with pytest.raises(StackLockedError, match=r"alpha stays locked: bob@ci .pid 7. works on it"):
        orchestrator.unlock("alpha", force=True)
    locked(None)
    with pytest.raises(StackLockedError, match=r"it is not known whether bob@ci .pid 7. still runs"):
        orchestrator.unlock("alpha")
    assert [str(lock.owner) for lock in orchestrator.unlock("alpha", force=True)] == ["bob@ci (pid 7)"]
    locked(False)
    assert [lock.unit for lock in orchestrator.unlock("alpha")] == [unit("alpha")]
    assert running.engine.locks == {}


def test_extending_an_environment_without_a_record_gives_it_the_record_that_its_stack_shows(
    workspace: Workspace,
) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.has(unit("beta"), references=("organization/django-base/dev",))
    workspace.orchestrator().extend("beta", "1d")
    assert (record(workspace, "beta").base, record(workspace, "beta").ttl) == ("dev", timedelta(days=1))
    workspace.orchestrator().pin("beta")
    assert (record(workspace, "beta").pinned, record(workspace, "beta").ttl) == (True, timedelta(days=1))


def test_a_change_that_was_recorded_meanwhile_is_not_lost(running: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    change: Any = running.engine.change_record

    def slowly(changed: Unit, edit: Any) -> Record:
        monkeypatch.setattr(running.engine, "change_record", change)
        running.orchestrator().pin("alpha")
        return change(changed, edit)

    monkeypatch.setattr(running.engine, "change_record", slowly)
    running.orchestrator().extend("alpha", "9d")
    assert (record(running, "alpha").pinned, record(running, "alpha").ttl) == (True, timedelta(days=9))
