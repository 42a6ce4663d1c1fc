"""State that is damaged, lost, newer than this program, or cannot be written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.arena import CREATE, DESTROY, TOPICS, UPDATE, Arena, until
from tests.support.standin.cloud import Rules

pytestmark = pytest.mark.engine

NOT_ROOT = "needs root, to mount a small file system"


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def nothing(_content: bytes) -> bytes:
    return b""


def of_the_future(content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "version": 99}).encode()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (half, "the state of alpha is damaged: its checkpoint does not have the format of Pulumi"),
        (nothing, "the state of alpha is damaged: its checkpoint does not have the format of Pulumi"),
        (of_the_future, "the state of alpha has version 99, and this program supports 3 and 4"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_named_and_all_others_still_work(
    arena: Arena, damage: Any, problem: str
) -> None:
    assert arena.run(*CREATE).code == 0
    file = arena.checkpoint_file("chaos-app", "alpha")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    shown = arena.run("list")
    assert shown.code == 0
    assert "damaged" in shown.text
    assert "dev" in shown.text
    assert arena.run("show", "dev").code == 0
    assert arena.run("update-base", "dev").code == 0
    for words in (("update-env", "alpha"), ("destroy-env", "alpha"), ("create-env", "alpha")):
        refused = arena.run(*words)
        assert refused.code == 1
        assert problem in refused.text
        assert "hint" in refused.text
    destroyed = arena.run(*DESTROY)
    assert destroyed.code == 1
    assert file.read_bytes() == damage(whole)
    assert arena.cloud.names() == TOPICS
    file.write_bytes(whole)
    assert arena.run(*DESTROY).code == 0
    assert arena.broken([]) == []


def test_without_its_tags_an_environment_is_listed_updated_and_destroyed(arena: Arena) -> None:
    assert arena.run(*CREATE).code == 0
    tags = list(arena.state.rglob("*.pulumi-tags"))
    assert len(tags) == 2
    for file in tags:
        file.unlink()
    shown = json.loads(arena.run("list", "--json").text)
    assert "alpha" in json.dumps(shown)
    assert arena.run("show", "alpha").code == 0
    assert arena.run("update-env", "alpha").code == 0
    assert list(arena.state.rglob("alpha.pulumi-tags"))
    assert arena.run(*DESTROY).code == 0
    assert arena.broken([]) == []


@pytest.mark.parametrize("text", ["", "{", '{"version": 99, "tags": null}', "[]"])
def test_unreadable_tags_are_reported_and_deleted_tags_count_as_lost(arena: Arena, text: str) -> None:
    assert arena.run("create-base", "dev").code == 0
    (file,) = arena.state.rglob("*.pulumi-tags")
    file.write_text(text, encoding="utf-8")
    assert "dev" in arena.run("list").text
    refused = arena.run("destroy-base", "dev")
    assert refused.code == 1
    assert "dev failed: the stack's tags cannot be read" in refused.text
    assert "delete the stack's .pulumi-tags file" in refused.text
    file.unlink()
    assert arena.run("destroy-base", "dev").code == 0
    assert arena.broken([]) == []


@pytest.mark.parametrize(
    ("passphrase", "told"),
    [
        (
            "another",
            r"secrets.* cannot be read: (the passphrase is wrong|the stack was created with another passphrase)",
        ),
        (None, r"secrets.* cannot be read: no passphrase is set"),
    ],
)
def test_without_the_right_passphrase_nothing_is_touched(arena: Arena, passphrase: str | None, told: str) -> None:
    assert arena.run(*CREATE).code == 0
    arena.next_generation()
    right = arena.env.pop("PULUMI_CONFIG_PASSPHRASE")
    if passphrase:
        arena.env["PULUMI_CONFIG_PASSPHRASE"] = passphrase
    before = arena.cloud.log()
    for words in (UPDATE, ("update-env", "alpha"), DESTROY):
        refused = arena.run(*words)
        assert refused.code == 1
        assert re.search(told, refused.text), refused.text
    assert arena.run("list").code == 0
    assert arena.cloud.log() == before
    arena.env["PULUMI_CONFIG_PASSPHRASE"] = right
    assert arena.run(*UPDATE).code == 0
    assert arena.broken(TOPICS) == []


@pytest.fixture
def small(tmp_path: Path, address: str) -> Generator[Arena]:
    """An arena whose state is on a small file system of its own."""
    state = tmp_path / "small"
    state.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip(NOT_ROOT)
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(state)]
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip(NOT_ROOT)
    arena = Arena(tmp_path, address, state=state)
    yield arena
    arena.settle()
    subprocess.run(["umount", "--lazy", str(state)], check=True)


def test_a_full_disk_is_reported_and_the_same_command_finishes_when_there_is_room(small: Arena) -> None:
    assert small.run("create-base", "dev").code == 0
    small.cloud.set_rules(Rules(seconds=4))
    process = small.start(*CREATE)
    until(lambda: small.checkpoint("chaos-app", "alpha") and "one" in small.cloud.names())
    filler = small.state / "filler"
    fill(filler)
    failed = small.end(process, 400)
    assert failed.code == 1
    assert "alpha failed: the state could not be written" in failed.text
    small.cloud.set_rules(Rules())
    before = small.cloud.log()
    full = small.run(*CREATE)
    assert full.code == 1
    assert f"the state cannot be written: No space left on device ({small.state})" in full.text
    assert small.cloud.log() == before
    filler.unlink()
    assert small.run(*CREATE).code == 0
    assert small.broken(TOPICS) == []


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def test_a_state_that_becomes_read_only_loses_nothing(small: Arena) -> None:
    assert small.run("create-base", "dev").code == 0
    small.cloud.set_rules(Rules(seconds=4))
    process = small.start(*CREATE)
    until(lambda: small.checkpoint("chaos-app", "alpha") and "one" in small.cloud.names())
    subprocess.run(["mount", "-o", "remount,ro", str(small.state)], check=True)
    failed = small.end(process, 400)
    assert failed.code == 1
    assert "alpha failed: the state could not be written" in failed.text
    small.cloud.set_rules(Rules())
    assert small.run("list").code == 0
    again = small.run(*CREATE)
    assert again.code == 1
    assert f"the state cannot be written: Read-only file system ({small.state}/" in again.text
    subprocess.run(["mount", "-o", "remount,rw", str(small.state)], check=True)
    assert small.run(*CREATE).code == 0
    assert small.broken(TOPICS) == []
