"""Clocks that jump: records, locks and checkpoints from the future and from long ago."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys

import pytest

from tests.support.arena import CREATE, DESTROY, UPDATE, Arena

pytestmark = pytest.mark.engine

TIMES = ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday"]


def redate(arena: Arena, moment: str) -> None:
    """As if tags and checkpoints had been written at that time."""
    for file in arena.state.rglob("*.pulumi-tags"):
        document = json.loads(file.read_text())
        document["tags"] |= {"orchestrator:created": moment}
        file.write_text(json.dumps(document))
    for file in (arena.state / ".pulumi" / "stacks").rglob("*.json"):
        document = json.loads(file.read_text())
        document["checkpoint"]["latest"]["manifest"]["time"] = moment if "T" in moment else "2001-02-03T04:05:06Z"
        file.write_text(json.dumps(document))


@pytest.mark.parametrize("moment", TIMES)
def test_records_and_checkpoints_of_any_time_are_shown_updated_and_destroyed(arena: Arena, moment: str) -> None:
    assert arena.run(*CREATE, "--ttl", "3d").code == 0
    redate(arena, moment)
    for words in (("list",), ("list", "--json"), ("show", "alpha"), ("reap",), UPDATE, DESTROY):
        assert arena.run(*words).code == 0
    assert arena.broken([]) == []


@pytest.mark.parametrize("moment", TIMES)
def test_a_lock_of_any_time_is_judged_by_its_owner_and_not_by_its_age(arena: Arena, moment: str) -> None:
    assert arena.run("create-base", "dev").code == 0
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = arena.state / ".pulumi" / "locks" / "organization" / "chaos-base" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    program = arena.folder / "pulumi"
    shutil.copy(str(shutil.which("sleep")), program)
    running = subprocess.Popen([str(program), "600"])
    lock = {"pid": running.pid, "username": "ada", "hostname": socket.gethostname(), "timestamp": moment}
    (folder / "1.json").write_text(json.dumps(lock))
    refused = arena.run("update-base", "dev")
    assert refused.code == 1
    assert f"dev is locked by ada@{socket.gethostname()} (pid {running.pid}" in refused.text
    running.kill()
    running.wait()
    (folder / "1.json").write_text(json.dumps({**lock, "pid": gone.pid}))
    assert arena.run("update-base", "dev").code == 0
    assert arena.locks() == []
