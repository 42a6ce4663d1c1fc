"""Several orchestrators on one environment at once: nothing is created twice, and waiting commands succeed."""

from __future__ import annotations

import json

import pytest

from tests.support.arena import CREATE, TOPICS, UPDATE, Arena

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("crowd", [2, 8])
def test_all_waiting_commands_succeed_and_create_nothing_twice(arena: Arena, crowd: int) -> None:
    running = [arena.start(*CREATE, "--wait", "10m") for _ in range(crowd)]
    done = [arena.end(process, 900) for process in running]
    assert [one.code for one in done] == [0] * crowd, "\n".join(one.text for one in done)
    assert arena.broken(TOPICS) == []
    made = [line["urn"] for line in arena.cloud.log() if line["op"] == "create"]
    assert sorted(made) == sorted(set(made))


@pytest.mark.parametrize("crowd", [2, 8])
def test_a_command_that_does_not_wait_names_the_running_one_and_the_next_run_finishes(arena: Arena, crowd: int) -> None:
    assert arena.run(*CREATE).code == 0
    arena.next_generation()
    running = [arena.start(*UPDATE) for _ in range(crowd)]
    done = [arena.end(process, 900) for process in running]
    assert {one.code for one in done} <= {0, 1}
    for one in done:
        assert (one.code == 0) == ("locked" not in one.text), one.text
    assert arena.run(*UPDATE).code == 0
    assert arena.broken(TOPICS) == []


def test_two_environments_that_are_created_at_once_get_slots_of_their_own(arena: Arena) -> None:
    assert arena.run("create-base", "dev").code == 0
    names = ("alpha", "beta", "gamma")
    for name in names[1:]:
        arena.config("app", name).write_text(arena.config("app", "alpha").read_text())
    running = [arena.start("create-env", name, "--base", "dev", "--wait", "10m") for name in names]
    done = [arena.end(process, 900) for process in running]
    assert [one.code for one in done] == [0, 0, 0], "\n".join(one.text for one in done)
    slots: list[str] = []
    for file in arena.state.rglob("*.pulumi-tags"):
        tags = json.loads(file.read_text())["tags"]
        slots += [tags["orchestrator:listener-slot"]] if "orchestrator:listener-slot" in tags else []
    assert len(slots) == len(set(slots)) == 3
