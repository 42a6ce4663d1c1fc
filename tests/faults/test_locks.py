"""Locks of engines that died, run in another container, or whose process id is used again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import namespaces
from tests.support.arena import CREATE, TOPICS, UPDATE, Arena, until
from tests.support.standin.cloud import Rules

pytestmark = pytest.mark.engine
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def created_once(arena: Arena) -> bool:
    """Whether no resource was made twice."""
    made = [line["urn"] for line in arena.cloud.log() if line["op"] == "create"]
    return sorted(made) == sorted(set(made))


@pytest.mark.parametrize("inside", [True, False])
def test_an_engine_in_another_container_with_the_same_host_name_keeps_its_lock(arena: Arena, inside: bool) -> None:
    if not namespaces.possible():
        pytest.skip(namespaces.NEEDS)
    container = namespaces.WORDS
    assert arena.run("create-base", "dev").code == 0
    arena.cloud.set_rules(Rules(seconds=15))
    first = arena.start(*CREATE, before=container if inside else ())
    until(lambda: any("chaos-app" in str(path) for path in arena.locks()))
    second = arena.run(*CREATE, before=() if inside else container)
    assert second.code == 1
    assert "alpha is locked" in second.text
    assert "was removed" not in second.text
    if not inside:
        # From within a container nobody can tell; the lock stays and `unlock` says what has to be looked at.
        assert "orchestrator unlock alpha --force" in second.text
        unlocked = arena.run("unlock", "alpha", before=container)
        assert unlocked.code == 1
        assert "whether" in unlocked.text
        assert len(arena.locks()) == 1
    arena.cloud.set_rules(Rules())
    assert arena.end(first).code == 0
    assert arena.broken(TOPICS) == []
    assert created_once(arena)


def test_a_number_that_was_given_again_is_not_the_owner_of_the_lock(arena: Arena) -> None:
    assert arena.run(*CREATE).code == 0
    arena.next_generation()
    arena.cloud.set_rules(Rules(seconds=4))
    process = arena.start(*UPDATE)
    until(lambda: arena.locks() and arena.cloud.log()[-1]["op"] != "read")
    arena.kill(process)
    (lock,) = arena.locks()
    pid = json.loads(lock.read_text())["pid"]
    other = namespaces.reused(pid, lambda: subprocess.Popen(SLEEP))
    if other is None:
        pytest.skip("needs the right to choose process ids")
    try:
        arena.cloud.set_rules(Rules())
        done = arena.run(*UPDATE)
        assert done.code == 0, done.text
        assert f"(pid {pid}" in done.text
        assert "was removed: that process" in done.text
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    assert arena.locks() == []
    assert arena.broken(TOPICS) == []


def test_unlock_with_force_removes_the_lock_of_an_owner_that_cannot_be_checked(arena: Arena) -> None:
    assert arena.run("create-base", "dev").code == 0
    folder = arena.state / ".pulumi" / "locks" / "organization" / "chaos-base" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 7, "username": "ada", "hostname": "elsewhere", "timestamp": "2026-11-01T00:00:00Z"}
    (folder / "1.json").write_text(json.dumps(lock))
    assert arena.run("update-base", "dev").code == 1
    assert arena.run("unlock", "dev").code == 1
    assert arena.run("unlock", "dev", "--force").code == 0
    assert arena.run("update-base", "dev").code == 0
    assert arena.locks() == []
