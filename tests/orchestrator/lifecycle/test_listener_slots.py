"""Listener slots are never shared, even by two commands at the same time."""

from __future__ import annotations

import pytest

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, run
from orchestrator.model import Kind, Record, Unit
from tests.support.workspace import START, TOML, Workspace

ALPHA, BETA, DEV = Unit("app", "alpha"), Unit("app", "beta"), Unit("base", "dev")


def slot(workspace: Workspace, name: str) -> int | None:
    record = workspace.engine.kept[Unit("app", name)].record
    return record.listener_slot if record else None


def test_a_slot_that_was_taken_in_the_meantime_is_replaced_under_the_lock(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    job = workspace.orchestrator().prepare(CreateEnv(names=("beta",), base="dev"))
    assert job.records[BETA].listener_slot == 1  # alpha's configuration has 0
    other = Record(kind=Kind.AD_HOC, base="dev", listener_slot=1)
    workspace.engine.while_held = lambda: workspace.engine.has(Unit("app", "gamma"), record=other)
    assert run(job).exit_code == 0
    assert workspace.engine.held == ["slots-dev"]
    assert slot(workspace, "beta") == 2
    assert workspace.engine.configs[BETA].values["django-app:listener_slot"] == 2
    assert "django-app:listener_slot: 2\n" in workspace.file("app", "beta").read_text()


def test_a_stack_that_is_about_to_be_created_has_its_slot_already(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.claim(Unit("app", "gamma"), Record(kind=Kind.AD_HOC, base="dev", listener_slot=1, created=START))
    workspace.orchestrator().create_env("beta", base="dev")
    assert slot(workspace, "beta") == 2


def test_an_old_claim_no_longer_counts(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    old = START.replace(hour=7)
    workspace.engine.claim(Unit("app", "gamma"), Record(kind=Kind.AD_HOC, base="dev", listener_slot=1, created=old))
    workspace.orchestrator().create_env("beta", base="dev")
    assert slot(workspace, "beta") == 1


def test_a_claim_is_removed_when_nothing_was_created(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.raises(BETA, RuntimeError("no"))
    assert workspace.orchestrator().create_env("beta", base="dev").exit_code == 1
    assert workspace.engine.claimed == {}


def test_the_slot_of_a_renamed_stack_is_rebuilt_from_its_listener_rules(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.has(Unit("app", "renamed"), references=("organization/django-base/dev",), priorities=(51, 60))
    assert workspace.orchestrator().registry().slots_taken("dev")[1] == "renamed"
    workspace.orchestrator().create_env("beta", base="dev")
    assert slot(workspace, "beta") == 2


def test_the_refusal_of_a_full_load_balancer_has_its_numbers(workspace: Workspace) -> None:
    (workspace.root / "orchestrator.toml").write_text(f"{TOML}\n[limits]\nrules_per_load_balancer = 5\n")
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.engine.kept[ALPHA].priorities = (1, 2, 3)
    with pytest.raises(RefusedError) as caught:
        workspace.orchestrator().prepare(CreateEnv(names=("beta",), base="dev"))
    assert caught.value.message == "the load balancer of dev has 3 of 5 listener rules: 3 more would be needed"
    assert workspace.orchestrator().create_env("alpha", base="dev").exit_code == 0
