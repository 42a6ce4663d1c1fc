"""Plans that agents and the live page carry out: their names, and what makes them void."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, DestroyBase, DestroyEnv
from orchestrator.lifecycle.reviewed_plans import AGAIN, DestructionPlan, SavedPlans, states_of
from orchestrator.model import Scope, Unit
from tests.support.workspace import Workspace

ALPHA, DEV = Unit("app", "alpha"), Unit("base", "dev")


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """The base `dev` with `alpha` on it."""
    workspace.orchestrator().create_env("alpha", base="dev")
    return workspace


def reviewed(workspace: Workspace, request: DestroyEnv | DestroyBase, name: str = "alpha") -> DestructionPlan:
    return DestructionPlan.of(name, request, workspace.orchestrator().prepare(request))


def test_the_plan_of_a_destruction_holds_its_request_and_the_state_of_each_stack_that_goes(running: Workspace) -> None:
    request = DestroyBase(names=("dev",), cascade=True)
    plan = reviewed(running, request, "dev")
    assert (plan.name, plan.request) == ("dev", request)
    assert plan.states == {unit: running.engine.fingerprint(unit) for unit in (ALPHA, DEV)}
    assert None not in plan.states.values()


def test_a_base_that_a_job_only_reads_is_not_part_of_the_review(running: Workspace) -> None:
    job = running.orchestrator().prepare(CreateEnv(names=("beta",), base="dev"))
    assert DEV in {step.unit for step in job.steps}
    assert states_of(job) == {Unit("app", "beta"): None}


def test_the_name_of_a_destruction_follows_from_its_content(running: Workspace) -> None:
    request = DestroyEnv(names=("alpha",))
    plan = reviewed(running, request)
    assert plan.identity == reviewed(running, request).identity
    name, _, digest = plan.identity.rpartition("-")
    assert (name, len(digest)) == ("destroy-alpha", 12)
    others = [
        reviewed(running, request, "beta"),
        DestructionPlan(name="alpha", request=DestroyBase(names=("alpha",)), states=plan.states),
        DestructionPlan(name="alpha", request=DestroyEnv(names=("beta",)), states=plan.states),
        DestructionPlan(name="alpha", request=request, states={ALPHA: "another"}),
        DestructionPlan(name="alpha", request=request, states={}),
    ]
    assert len({other.identity for other in [plan, *others]}) == 6


def test_a_destruction_is_carried_out_only_in_the_state_that_was_reviewed(running: Workspace) -> None:
    request = DestroyEnv(names=("alpha",))
    plan = reviewed(running, request)
    plan.check(running.orchestrator().prepare(request))
    running.orchestrator().update_env("alpha", values={"extra_env.A": "b"})
    with pytest.raises(RefusedError) as refused:
        plan.check(running.orchestrator().prepare(request))
    assert refused.value.message == "the plan no longer fits: alpha changed since the preview"
    assert refused.value.hint == AGAIN


def test_a_destruction_that_takes_other_stacks_than_the_reviewed_one_is_refused(running: Workspace) -> None:
    plan = reviewed(running, DestroyEnv(names=("alpha",)))
    with pytest.raises(RefusedError) as refused:
        plan.check(running.orchestrator().prepare(DestroyBase(names=("dev",), cascade=True)))
    assert refused.value.message == "the plan no longer fits: dev changed since the preview"


def test_a_saved_plan_is_found_by_its_name_until_a_newer_preview_replaces_it(tmp_path: Path) -> None:
    plans = SavedPlans(folder=tmp_path)
    folder = plans.folder_of(Scope.ENVIRONMENT, "alpha-2")
    assert folder == tmp_path / "environment-alpha-2"
    folder.mkdir()
    (folder / "plan.json").write_text("{}", encoding="utf-8")
    identity = plans.identity(folder)
    assert plans.find(identity) == folder
    (folder / "plan.json").write_text('{"newer": true}', encoding="utf-8")
    with pytest.raises(RefusedError, match=f"^a newer preview has replaced the plan {identity}$"):
        plans.find(identity)
    assert plans.find(plans.identity(folder)) == folder


@pytest.mark.parametrize("name", ["", "alpha", "environment-beta-0123456789ab", "../environment-alpha-0123456789ab"])
def test_a_name_without_a_plan_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "environment-beta").mkdir()
    with pytest.raises(RefusedError) as refused:
        SavedPlans(folder=tmp_path).find(name)
    assert (refused.value.message, refused.value.hint) == (f"there is no plan {name}", AGAIN)
