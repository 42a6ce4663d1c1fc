"""The cloud refuses to create or delete each resource in turn; the same command then finishes."""

from __future__ import annotations

import pytest

from tests.support.arena import CREATE, DESTROY, TOPICS, Arena

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("name", TOPICS)
def test_a_refused_resource_is_named_and_the_same_command_makes_the_rest(arena: Arena, name: str) -> None:
    arena.refuse(**{f"create_{name}": "AccessDenied: not today"})
    failed = arena.run(*CREATE)
    assert failed.code == 1
    assert f"failed: {name}: AccessDenied: not today" in failed.text
    assert "run the same command again: it continues" in failed.text
    assert arena.broken(arena.cloud.names()) == []
    arena.refuse()
    assert arena.run(*CREATE).code == 0
    assert arena.broken(TOPICS) == []
    made = [line["urn"] for line in arena.cloud.log() if line["op"] == "create"]
    assert sorted(made) == sorted(set(made))

    arena.refuse(**{f"delete_{name}": "DependencyViolation: in use"})
    failed = arena.run(*DESTROY)
    assert failed.code == 1
    assert f"failed: {name}: " in failed.text
    assert "DependencyViolation: in use" in failed.text
    assert name in arena.cloud.names()
    assert arena.broken(arena.cloud.names()) == []
    arena.refuse()
    assert arena.run(*DESTROY).code == 0
    assert arena.broken([]) == []
    deleted = [line["urn"] for line in arena.cloud.log() if line["op"] == "delete"]
    assert sorted(deleted) == sorted(made)


def test_an_update_that_is_refused_half_way_is_finished_by_the_same_command(arena: Arena) -> None:
    assert arena.run(*CREATE).code == 0
    arena.next_generation()
    arena.refuse(update_three="Throttling: slow down")
    failed = arena.run("update-base", "dev", "--with-envs")
    assert failed.code == 1
    assert "three: " in failed.text
    assert "Throttling: slow down" in failed.text
    arena.refuse()
    assert arena.run("update-base", "dev", "--with-envs").code == 0
    assert arena.broken(TOPICS) == []
    assert "unchanged" in arena.run("update-base", "dev", "--with-envs").text
