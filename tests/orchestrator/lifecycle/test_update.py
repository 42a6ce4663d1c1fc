"""Updates of bases and environments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import OrchestratorError, SettingsError, UnknownStackError, UsageError
from orchestrator.lifecycle import UpdateBase, UpdateEnv
from orchestrator.model import Kind, Record, RunReport, Status, Unit
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """The base `dev` with `alpha` and `beta` on it."""
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    workspace.engine.calls.clear()
    return workspace


def told(report: RunReport) -> list[tuple[str, str]]:
    return [(str(result.unit), result.status.value) for result in report.results]


def test_an_update_without_changes_is_unchanged(running: Workspace) -> None:
    report = running.orchestrator().update_env("alpha")
    assert told(report) == [("app/alpha", "unchanged")]
    assert (report.command, report.exit_code) == ("update-env", 0)


def test_an_image_is_written_into_the_file_and_the_stack(running: Workspace) -> None:
    report = running.orchestrator().update_env("alpha", images={"backend": "registry.example.com/shop:2"})
    assert told(report) == [("app/alpha", "succeeded")]
    assert running.file("app", "alpha").read_text() == APP_CONFIG.replace("shop:1", "shop:2")
    assert running.engine.configs[ALPHA].values["django-app:backend_image"] == "registry.example.com/shop:2"


def test_several_environments_are_updated_in_one_run(running: Workspace) -> None:
    assert told(running.orchestrator().update_env(["beta", "alpha"], values={"debug": True})) == [
        ("app/alpha", "succeeded"),
        ("app/beta", "succeeded"),
    ]


def test_the_base_of_an_environment_is_only_read(running: Workspace) -> None:
    job = running.orchestrator().prepare(UpdateEnv(names=("alpha",)))
    assert [(step.unit, step.runs) for step in job.steps] == [(DEV, False), (ALPHA, True)]


def test_an_update_keeps_the_record(running: Workspace) -> None:
    before = running.engine.kept[ALPHA].record
    running.orchestrator().update_env("alpha", values={"debug": True})
    assert running.engine.kept[ALPHA].record == before


def test_a_stack_created_by_pulumi_up_gets_a_record(running: Workspace) -> None:
    running.engine.kept[ALPHA].record = None
    running.orchestrator().update_env("alpha")
    assert running.engine.kept[ALPHA].record == Record(kind=Kind.AD_HOC, base="dev", listener_slot=0)


def test_an_update_that_changed_nothing_restores_the_configuration(running: Workspace) -> None:
    running.engine.raises(ALPHA, SettingsError("bakend_image is not a key here"))
    report = running.orchestrator().update_env("alpha", values={"bakend_image": "x"})
    assert told(report) == [("app/alpha", "failed")]
    assert running.file("app", "alpha").read_text() == APP_CONFIG


def test_an_update_that_failed_halfway_keeps_the_new_configuration(running: Workspace) -> None:
    running.engine.fails(ALPHA, after=["alpha-third"])
    running.orchestrator().update_env("alpha", images={"backend": "registry.example.com/shop:2"})
    assert running.file("app", "alpha").read_text() == APP_CONFIG.replace("shop:1", "shop:2")


def test_a_base_is_updated_alone_or_with_its_environments(running: Workspace) -> None:
    alone = running.orchestrator().update_base("dev", values={"database.storage_gib": 30})
    assert told(alone) == [("base/dev", "succeeded")]
    together = running.orchestrator(parallel=1).update_base("dev", with_envs=True)
    assert told(together) == [("base/dev", "unchanged"), ("app/alpha", "unchanged"), ("app/beta", "unchanged")]
    assert running.engine.began[1:] == ["up base/dev", "up app/alpha", "up app/beta"]


def test_environments_wait_for_their_base(running: Workspace) -> None:
    running.engine.fails(DEV)
    report = running.orchestrator().update_base("dev", with_envs=True)
    assert [result.status for result in report.results] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (UpdateEnv(names=("gamma",)), UnknownStackError, "there is no environment 'gamma'"),
        (UpdateEnv(names=("dev",)), UnknownStackError, "there is no environment 'dev': dev is a base"),
        (UpdateBase(names=("alpha",)), UnknownStackError, "there is no base 'alpha': alpha is an environment"),
        (UpdateEnv(names=("alpha", "alpha")), UsageError, "alpha is given twice: give it once"),
        (UpdateEnv(names=("Alpha!",)), UsageError, None),
    ],
)
def test_unknown_and_bad_names_are_refused(
    running: Workspace, request_: UpdateEnv | UpdateBase, error: type[OrchestratorError], message: str | None
) -> None:
    with pytest.raises(error) as caught:
        running.orchestrator().prepare(request_)
    assert message is None or caught.value.message == message
    assert running.engine.calls == []


def test_an_environment_without_its_base_is_refused(running: Workspace) -> None:
    del running.engine.kept[DEV]
    with pytest.raises(UnknownStackError) as caught:
        running.orchestrator().prepare(UpdateEnv(names=("alpha",)))
    assert caught.value.message == "the base dev of the environment alpha no longer exists"


def test_a_kind_changed_in_the_file_of_a_base_is_refused(running: Workspace) -> None:
    running.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: prod\n")
    with pytest.raises(OrchestratorError, match=r"^the base dev is ad-hoc: its kind cannot become prod$"):
        running.orchestrator().prepare(UpdateBase(names=("dev",)))


def test_an_update_by_another_user_keeps_the_owner(running: Workspace) -> None:
    record = running.engine.kept[BETA].record
    assert record is not None
    running.engine.kept[BETA].record = replace(record, owner="Grace")
    running.orchestrator().update_env("beta")
    assert running.engine.kept[BETA].record == replace(record, owner="Grace")


def test_names_of_bases_are_checked_before_any_is_read(running: Workspace) -> None:
    with pytest.raises(UsageError, match="dev is given twice: give it once"):
        running.orchestrator().update_base(["dev", "dev"])
    with pytest.raises(UsageError, match="'Dev!' cannot name a base"):
        running.orchestrator().update_base("Dev!")
    assert running.engine.calls == []


def test_progress_expects_resources_only_of_stacks_that_have_some(running: Workspace) -> None:
    job = running.orchestrator().prepare(UpdateEnv(names=("alpha", "beta")))
    stacks = {ALPHA: replace(job.stacks[ALPHA], resource_count=3), BETA: replace(job.stacks[BETA], resource_count=0)}
    assert replace(job, stacks=stacks).resource_counts() == {ALPHA: 3}
