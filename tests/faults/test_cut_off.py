"""Operations that were cut off: a base without outputs, a base that is half destroyed, a plan that is half applied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.arena import CREATE, DESTROY, TOPICS, Arena, until
from tests.support.standin.cloud import Rules

pytestmark = pytest.mark.engine

SLOW_END = """
import time
done = pulumi.Output.all(first.arn).apply(lambda _: time.sleep(60))
pulumi.export("end", done)
"""
BASE_TOPICS = ["first", "left", "right"]


def statuses(arena: Arena) -> dict[str, str]:
    shown = json.loads(arena.run("list", "--json").results)
    return {item["name"]: item["status"] for item in shown["deployments"]}


def cut_off_before_its_outputs(arena: Arena) -> None:
    """Create a base whose engine dies after its last resource and before its outputs."""
    program = arena.program("base")
    whole = program.read_text(encoding="utf-8")
    # Outputs are registered when all of them are known: the resources are there by then.
    program.write_text(whole + SLOW_END.replace("first.arn", "first.arn, left.arn, right.arn"), encoding="utf-8")
    program.write_text(
        program.read_text().replace('aws.sns.Topic("left"', 'left = aws.sns.Topic("left"')
        .replace('aws.sns.Topic("right"', 'right = aws.sns.Topic("right"')
    )  # fmt: skip
    process = arena.start("create-base", "dev")

    def all_made() -> bool:
        latest = arena.checkpoint("chaos-base", "dev") or {}
        kept = [r for r in latest.get("resources") or () if r["type"] == "aws:sns/topic:Topic"]
        return len(kept) == len(BASE_TOPICS) and not latest.get("pending_operations")

    until(all_made)
    arena.kill(process)
    program.write_text(whole, encoding="utf-8")


@pytest.mark.parametrize("unlocked", [False, True])
def test_a_base_without_outputs_is_not_ready_and_is_completed_by_the_same_command(arena: Arena, unlocked: bool) -> None:
    cut_off_before_its_outputs(arena)
    latest = arena.checkpoint("chaos-base", "dev") or {}
    root = next(r for r in latest["resources"] if r["type"] == "pulumi:pulumi:Stack")
    assert not root.get("outputs")
    if unlocked:
        assert arena.pulumi("base", "cancel", "--yes", "--stack", "dev").code == 0
    assert statuses(arena) == {"dev": "incomplete"}
    done = arena.run(*CREATE)
    assert done.code == 0, done.text
    assert "the base dev is incomplete: it is completed first" in done.text
    assert statuses(arena) == {"dev": "ready", "alpha": "ready"}
    assert arena.broken(TOPICS) == []


def test_a_base_that_is_half_destroyed_is_completed_before_anything_is_created_on_it(arena: Arena) -> None:
    assert arena.run("create-base", "dev").code == 0
    arena.cloud.set_rules(Rules(seconds=3))
    process = arena.start("destroy-base", "dev")
    until(lambda: arena.cloud.names() != BASE_TOPICS)
    arena.kill(process)
    arena.cloud.set_rules(Rules())
    assert statuses(arena) == {"dev": "incomplete"}
    done = arena.run(*CREATE)
    assert done.code == 0, done.text
    assert "the base dev is incomplete: it is completed first" in done.text
    assert arena.broken(TOPICS) == []


@pytest.fixture
def plan(arena: Arena, tmp_path: Path) -> str:
    folder = str(tmp_path / "plan")
    assert arena.run("preview-env", "alpha", "--base", "dev", "--save-plan", folder).code == 0
    return folder


@pytest.mark.parametrize("topic", ["first", "left", "one", "three"])
def test_apply_after_a_kill_continues_and_finishes(arena: Arena, plan: str, topic: str) -> None:
    arena.cloud.set_rules(Rules(seconds=1.5))
    process = arena.start("apply", plan, "--yes")
    until(lambda: topic in arena.cloud.names())
    arena.kill(process)
    arena.cloud.set_rules(Rules())
    again = arena.run("apply", plan, "--yes")
    assert again.code == 0, again.text
    assert arena.broken(TOPICS) == []
    assert statuses(arena) == {"dev": "ready", "alpha": "ready"}


def test_applying_a_finished_plan_changes_nothing(arena: Arena, plan: str) -> None:
    assert arena.run("apply", plan, "--yes").code == 0
    before = arena.cloud.log()
    again = arena.run("apply", plan, "--yes")
    assert again.code == 0, again.text
    assert "the plan was carried out completely: there is nothing left to do" in again.text
    assert arena.cloud.log() == before


def test_a_plan_that_was_carried_out_is_refused_when_something_moved_since(arena: Arena, plan: str) -> None:
    assert arena.run("apply", plan, "--yes").code == 0
    arena.next_generation()
    assert arena.run("update-env", "alpha").code == 0
    refused = arena.run("apply", plan, "--yes")
    assert refused.code == 1
    assert "the plan no longer fits: " in refused.text
    command = refused.text.partition("orchestrator preview-env ")[2].partition("`")[0]
    assert arena.run("preview-env", *command.split()).code == 0
    assert arena.run("apply", plan, "--yes").code == 0
    assert arena.run(*DESTROY).code == 0
