"""A saved plan is carried out exactly, or not at all, on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import run
from orchestrator.model import RunReport, Status
from tests.support.engines import APP, BASE, Workshop


@pytest.fixture(params=["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path / "shop", request.param, monkeypatch.setenv)


def orchestrator(shop: Workshop) -> Orchestrator:
    return Orchestrator(shop.folder, engine=shop.name)


def told(report: RunReport) -> dict[str, tuple[Status, int, int]]:
    return {str(r.unit): (r.status, r.counts.create, r.counts.update) for r in report.results}


def test_a_plan_for_a_new_base_and_environment_is_carried_out(shop: Workshop, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    preview = orchestrator(shop).preview_env("alpha", base="dev", save_plan=plan)
    assert preview.exit_code == 0
    assert sorted(path.name for path in plan.iterdir()) == [
        ".gitignore",
        "app.alpha.pulumi-plan.json",
        "base.dev.pulumi-plan.json",
        "plan.json",
    ]
    assert list(shop.state.rglob("*.json")) == []
    assert "s3cret-value" not in "".join(path.read_text() for path in plan.iterdir())
    report = orchestrator(shop).apply(plan)
    assert [result.status for result in report.results] == [Status.SUCCEEDED, Status.SUCCEEDED]
    topic = next(r for r in orchestrator(shop).engine.resources(APP) if r.name == "topic")
    assert topic.inputs["displayName"] == orchestrator(shop).outputs("dev")["arn"].value


def test_only_its_user_can_read_a_plan_even_in_a_folder_that_was_readable_for_all(
    shop: Workshop, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    plan.mkdir(mode=0o755)
    (plan / "plan.json").touch(mode=0o644)
    assert orchestrator(shop).preview_base("dev", save_plan=plan).exit_code == 0
    assert plan.stat().st_mode & 0o777 == 0o700
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in plan.iterdir()} == {
        ".gitignore": "0o600",
        "base.dev.pulumi-plan.json": "0o600",
        "plan.json": "0o600",
    }


def test_a_plan_is_refused_when_the_program_the_configuration_or_the_state_moved(
    shop: Workshop, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    assert orchestrator(shop).create_env("alpha", base="dev").exit_code == 0
    orchestrator(shop).preview_env("alpha", values={"tags": '{"color": "red"}'}, save_plan=plan)

    program = shop.folder / "app" / "__main__.py"
    text = program.read_text()
    program.write_text(f"{text}\n# changed\n")
    with pytest.raises(RefusedError) as caught:
        orchestrator(shop).apply(plan)
    assert caught.value.message == "the plan no longer fits: __main__.py of the program app changed"
    program.write_text(text)

    document = json.loads((plan / "plan.json").read_text())
    document["units"][0]["config"] = document["units"][0]["config"].replace("red", "blue")
    (plan / "plan.json").write_text(json.dumps(document))
    with pytest.raises(RefusedError, match="fixture-app:tags in the configuration of alpha changed"):
        orchestrator(shop).apply(plan)
    document["units"][0]["config"] = document["units"][0]["config"].replace("blue", "red")
    (plan / "plan.json").write_text(json.dumps(document))

    orchestrator(shop).update_env("alpha", values={"tags": '{"color": "green"}'})
    with pytest.raises(RefusedError, match="the state of alpha changed"):
        orchestrator(shop).apply(plan)


def test_nothing_but_the_plan_is_done(shop: Workshop, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    assert orchestrator(shop).create_env("alpha", base="dev").exit_code == 0
    orchestrator(shop).preview_env("alpha", values={"tags": '{"color": "red"}'}, save_plan=plan)
    other = tmp_path / "other"
    orchestrator(shop).preview_env("alpha", save_plan=other)
    (other / "app.alpha.pulumi-plan.json").rename(
        plan / "app.alpha.pulumi-plan.json"
    )  # a plan in which nothing changes
    report = orchestrator(shop).apply(plan)
    assert report.results[0].status is Status.FAILED
    assert "plan" in str(report.results[0].reason)
    assert str(report.results[0].hint).startswith("preview again with --save-plan")
    assert orchestrator(shop).engine.resources(APP)[-2].inputs.get("tags") in (None, {})


def test_applying_again_continues_where_it_stopped(shop: Workshop, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    assert orchestrator(shop).preview_env("alpha", base="dev", save_plan=plan).exit_code == 0
    kept = (plan / "app.alpha.pulumi-plan.json").read_bytes()
    (plan / "app.alpha.pulumi-plan.json").write_text("{}")
    first = orchestrator(shop).apply(plan)
    assert (first.result(BASE).status, first.result(APP).status) == (Status.SUCCEEDED, Status.FAILED)
    (plan / "app.alpha.pulumi-plan.json").write_bytes(kept)
    left = orchestrator(shop).prepare_apply(plan)
    assert (left.plan.units, left.slots) == ((APP,), {APP: "dev"})
    second = orchestrator(shop).apply(plan)
    assert [(str(r.unit), r.status) for r in second.results] == [("app/alpha", Status.SUCCEEDED)]


def test_a_plan_that_was_carried_out_has_nothing_left_and_is_refused_after_changes(
    shop: Workshop, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    assert orchestrator(shop).preview_env("alpha", base="dev", save_plan=plan).exit_code == 0
    assert orchestrator(shop).apply(plan).exit_code == 0
    job = orchestrator(shop).prepare_apply(plan)
    assert (job.plan.units, job.notes) == ((), ("the plan was carried out completely: there is nothing left to do",))
    assert run(job).exit_code == 0
    orchestrator(shop).update_env("alpha", values={"tags": '{"color": "red"}'})
    with pytest.raises(RefusedError, match="the plan no longer fits") as refused:
        orchestrator(shop).apply(plan)
    assert f"`orchestrator preview-env alpha --base dev --save-plan {plan}`" in str(refused.value.hint)


@pytest.mark.parametrize("killed_in", ["base/dev", "app/alpha"])
def test_apply_continues_with_a_unit_that_was_killed(shop: Workshop, tmp_path: Path, killed_in: str) -> None:
    plan = tmp_path / "plan"
    assert orchestrator(shop).preview_env("alpha", base="dev", save_plan=plan).exit_code == 0
    assert orchestrator(shop).apply(plan).exit_code == 0
    progress = json.loads((plan / "progress.json").read_text())
    assert set(progress) == {"base/dev", "app/alpha"}
    progress[killed_in] = {"done": False}
    (plan / "progress.json").write_text(json.dumps(progress))
    again = orchestrator(shop).apply(plan)
    assert again.exit_code == 0, again.results
    assert {result.status for result in again.results} <= {Status.UNCHANGED}


def test_a_folder_with_other_files_is_refused(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RefusedError, match=r"holds other files, such as mine\.txt"):
        orchestrator(shop).preview_env("alpha", base="dev", save_plan=tmp_path)


def test_a_folder_without_a_plan_is_refused(shop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"there is no plan in .*: it has no plan\.json"):
        orchestrator(shop).apply(tmp_path / "nowhere")
    (tmp_path / "plan.json").write_text('{"version": 99}')
    with pytest.raises(RefusedError, match="has version 99: this program knows 1"):
        orchestrator(shop).apply(tmp_path)
    (tmp_path / "plan.json").write_text('{"version": 1, "engine": 7}')
    with pytest.raises(RefusedError, match=r"the plan .*plan\.json is damaged"):
        orchestrator(shop).apply(tmp_path)
