"""Listener slots are never shared, even by two commands at the same time."""

from __future__ import annotations

import pytest

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, run
from orchestrator.lifecycle.listener_slots import LISTENER_RULE, choose, slot_of_rules
from orchestrator.model import Kind, Record, StackResource, StackStatus, StackSummary, Unit
from pulumi_django.rules.priorities import PRIORITIES_PER_SLOT, SLOTS, stable_slot
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


def test_a_claim_on_another_base_takes_no_slot(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.claim(Unit("app", "gamma"), Record(kind=Kind.AD_HOC, base="qa", listener_slot=1, created=START))
    workspace.orchestrator().create_env("beta", base="dev")
    assert slot(workspace, "beta") == 1


@pytest.mark.parametrize(
    ("type_", "priority", "wanted"),
    [
        (LISTENER_RULE, 0, None),
        (LISTENER_RULE, 1, 0),
        (LISTENER_RULE, float(PRIORITIES_PER_SLOT), 0),
        (LISTENER_RULE, PRIORITIES_PER_SLOT + 1, 1),
        (LISTENER_RULE, 10**9, SLOTS - 1),
        (LISTENER_RULE, "1", None),
        (LISTENER_RULE, None, None),
        ("aws:lb/listener:Listener", 1, None),
    ],
)
def test_a_listener_rule_is_in_the_slot_of_its_priority(type_: str, priority: object, wanted: int | None) -> None:
    rule = StackResource(urn="urn:rule", type=type_, name="rule", inputs={"priority": priority})
    assert slot_of_rules([rule]) == wanted


@pytest.mark.parametrize(("known", "wanted"), [(7, 7), (None, stable_slot("beta"))])
def test_a_stack_with_resources_keeps_the_slot_that_it_has_and_no_file_is_needed(
    workspace: Workspace, known: int | None, wanted: int
) -> None:
    record = Record(kind=Kind.AD_HOC, base="dev", listener_slot=known)
    config = StackConfig.load(workspace.context().settings.by_key["app"], "beta")
    summary = StackSummary(unit=BETA, status=StackStatus.READY, resource_count=1, record=record)
    assert choose(config, summary, {}, "dev") == (wanted, False)
