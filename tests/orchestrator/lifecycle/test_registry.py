"""Bases and environments that exist, with and without records."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.errors import RefusedError, UnknownStackError
from orchestrator.lifecycle.listener_slots import free_slot
from orchestrator.lifecycle.registry import Registry, asleep_and_maintenance
from orchestrator.model import Kind, OutputValue, Record, Scope, StackStatus, Unit
from pulumi_django.rules.priorities import SLOTS, stable_slot
from tests.support.fake_engine import UPDATED
from tests.support.workspace import APP_CONFIG, Workspace

DEV, QA, ALPHA, BETA = Unit("base", "dev"), Unit("base", "qa"), Unit("app", "alpha"), Unit("app", "beta")
ON_DEV = Record(kind=Kind.AD_HOC, base="dev", listener_slot=4)


def registry(workspace: Workspace) -> Registry:
    return workspace.orchestrator().registry()


def test_nothing_exists_at_first(workspace: Workspace) -> None:
    assert registry(workspace).bases == {}
    assert registry(workspace).environments == {}


def test_records_name_the_base_of_each_environment(workspace: Workspace) -> None:
    created = datetime(2026, 11, 1, tzinfo=UTC)
    workspace.engine.has(DEV, record=Record(kind=Kind.AD_HOC, created=created))
    workspace.engine.has(QA, record=Record(kind=Kind.PROD))
    workspace.engine.has(BETA, record=ON_DEV)
    workspace.engine.has(ALPHA, record=ON_DEV)
    found = registry(workspace)
    assert found.base("dev").environments == ("alpha", "beta")
    assert found.base("dev").record == Record(kind=Kind.AD_HOC, created=created)
    assert found.base("qa").environments == ()
    assert found.base("qa").record.kind is Kind.PROD
    alpha = found.environment("alpha")
    assert (alpha.scope, alpha.record, alpha.recorded) == (Scope.ENVIRONMENT, ON_DEV, True)
    assert (alpha.url, alpha.resource_count, alpha.last_update) == ("https://alpha.example.com", 3, UPDATED)


def test_outputs_replace_a_missing_record(workspace: Workspace) -> None:
    outputs = {"base_stack_name": OutputValue(value="dev"), "kind": OutputValue(value="prod")}
    workspace.engine.has(DEV, outputs={"kind": OutputValue(value="prod")})
    workspace.engine.has(BETA, outputs=outputs)
    found = registry(workspace)
    assert found.environment("beta").record == Record(kind=Kind.PROD, base="dev")
    assert not found.environment("beta").recorded
    assert found.base("dev").record.kind is Kind.PROD
    assert found.base("dev").environments == ("beta",)


@pytest.mark.parametrize(
    ("config", "states"),
    [
        ("", (False, None)),
        ("  django-app:asleep: true\n", (True, None)),
        ('  django-app:asleep: "True"\n', (True, None)),
        ("  django-app:maintenance: {}\n", (False, "on")),
        ("  django-app:maintenance:\n    page: closed\n", (False, "on")),
        ('  django-app:maintenance:\n    since: "2026-11-01T10:00"\n', (False, "2026-11-01T10:00")),
    ],
)
def test_the_configuration_of_an_environment_says_whether_it_sleeps_and_since_when_it_is_in_maintenance(
    workspace: Workspace, config: str, states: tuple[bool, str | None]
) -> None:
    workspace.engine.has(DEV)
    workspace.engine.has(ALPHA, record=ON_DEV)
    workspace.write("app", "alpha", APP_CONFIG + config)
    projects = tuple(workspace.orchestrator().settings.projects)
    found = registry(workspace)
    assert asleep_and_maintenance(found.environment("alpha"), projects) == states
    assert asleep_and_maintenance(found.base("dev"), projects) == (False, None)


def test_references_replace_missing_outputs(workspace: Workspace) -> None:
    workspace.engine.has(DEV)
    workspace.engine.has(BETA, outputs={}, references=("organization/django-base/dev", "organization/other/x"))
    assert registry(workspace).environment("beta").record.base == "dev"


def test_the_configuration_replaces_record_outputs_and_references(workspace: Workspace) -> None:
    workspace.engine.has(ALPHA, outputs={})
    assert registry(workspace).environment("alpha").record == Record(kind=Kind.AD_HOC, base="dev")


def test_a_stack_that_reads_another_base_than_the_one_in_its_record_is_on_both(workspace: Workspace) -> None:
    workspace.engine.has(DEV)
    workspace.engine.has(QA)
    workspace.engine.has(BETA, record=ON_DEV, references=("organization/django-base/qa",))
    found = registry(workspace)
    assert found.environment("beta").bases == {"dev", "qa"}
    assert found.base("dev").environments == found.base("qa").environments == ("beta",)


def test_a_broken_configuration_hides_nothing(workspace: Workspace) -> None:
    workspace.write("app", "alpha", "config: [")
    workspace.engine.has(ALPHA, outputs={})
    assert registry(workspace).environment("alpha").record.base is None


def test_stacks_of_projects_outside_the_graph_do_not_count(workspace: Workspace) -> None:
    workspace.engine.has(DEV)
    workspace.engine.kept[Unit("former", "dev")] = workspace.engine.kept[DEV]
    assert list(registry(workspace).bases) == ["dev"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (StackStatus.READY, StackStatus.READY),
        (StackStatus.FAILED, StackStatus.FAILED),
        (StackStatus.DAMAGED, StackStatus.DAMAGED),
    ],
)
def test_the_status_is_that_of_the_stack(workspace: Workspace, status: StackStatus, shown: StackStatus) -> None:
    workspace.engine.has(DEV, status=status)
    assert registry(workspace).base("dev").status is shown


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("deb", "there is no base 'deb'", "did you mean dev?"),
        ("zz", "there is no base 'zz'", "the names are dev, qa"),
        ("alpha", "there is no base 'alpha': alpha is an environment", "the names are dev, qa"),
    ],
)
def test_the_error_for_an_unknown_base_names_the_known_ones(
    workspace: Workspace, name: str, message: str, hint: str
) -> None:
    for unit in (DEV, QA, ALPHA):
        workspace.engine.has(unit)
    with pytest.raises(UnknownStackError) as caught:
        registry(workspace).base(name)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_hint_names_twelve_of_hundreds(workspace: Workspace) -> None:
    for number in range(60):
        workspace.engine.has(Unit("app", f"env-{number:02}"))
    with pytest.raises(UnknownStackError) as caught:
        registry(workspace).environment("zz")
    names = ", ".join(f"env-{number:02}" for number in range(12))
    assert caught.value.hint == f"the names are {names} and 48 more: see `orchestrator list`"


def test_an_unknown_environment_on_an_empty_backend(workspace: Workspace) -> None:
    with pytest.raises(UnknownStackError) as caught:
        registry(workspace).environment("alpha")
    assert (caught.value.message, caught.value.hint) == ("there is no environment 'alpha'", "nothing exists yet")


def test_a_name_of_both_a_base_and_an_environment_means_the_environment(workspace: Workspace) -> None:
    workspace.engine.has(DEV)
    workspace.engine.has(Unit("app", "dev"))
    found = registry(workspace)
    assert found.named("dev").scope is Scope.ENVIRONMENT
    assert found.named("environment/dev").scope is Scope.ENVIRONMENT
    assert found.named("base/dev").scope is Scope.BASE
    with pytest.raises(UnknownStackError, match=r"^there is no base or environment 'des'$"):
        found.named("des")


def test_taken_slots_come_from_records_configurations_and_names(workspace: Workspace) -> None:
    workspace.write("app", "reserved", "config:\n  django-app:base: dev\n  django-app:listener_slot: '7'\n")
    workspace.write("app", "elsewhere", "config:\n  django-app:base: qa\n  django-app:listener_slot: 8\n")
    workspace.write("app", "broken", "config: [")
    workspace.write("app", "bare", "config:\n  django-app:base: dev\n  django-app:listener_slot: 9\n")
    workspace.engine.has(DEV)
    workspace.engine.has(BETA, record=ON_DEV)
    workspace.engine.has(Unit("app", "bare"))
    workspace.engine.has(Unit("app", "hashed"), references=("organization/django-base/dev",))
    assert registry(workspace).slots_taken("dev") == {
        0: "alpha",
        4: "beta",
        7: "reserved",
        9: "bare",
        stable_slot("hashed"): "hashed",
    }


def test_the_lowest_free_slot_is_chosen() -> None:
    assert free_slot([], "dev") == 0
    assert free_slot([0, 1, 3], "dev") == 2


def test_a_base_without_a_free_slot_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        free_slot(range(SLOTS), "dev")
    assert caught.value.message == "the base dev has no listener slot left: all 999 are taken"
