"""Lock owners are identified by boot id, PID namespace, start time and note, never by host name and process id alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.engines import processes
from orchestrator.engines.automation import lock_owners
from orchestrator.engines.automation.lock_owners import Notes
from orchestrator.engines.automation.storage import LocalFiles
from orchestrator.engines.marks import Marks
from orchestrator.engines.processes import Process
from tests.support import namespaces

ROOT = Path(__file__).parents[3]
HOST = socket.gethostname()
SAYS_WHO = (
    "import json, sys, time; from orchestrator.engines import processes; "
    "print(json.dumps([processes.this_process().document(), processes.runs(processes.Process(**"
    "json.loads(sys.argv[1])))]), flush=True); time.sleep(60)"
)
pytestmark = pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="only Linux tells processes apart so")


def gone() -> Process:
    """A process that ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = processes.of_pid(process.pid)
    process.communicate()
    return found


@pytest.fixture
def elsewhere() -> Generator[tuple[Process, bool | None]]:
    """A process in another PID namespace, and what it says of whether this one runs."""
    if not namespaces.possible():
        pytest.skip(namespaces.NEEDS)
    us = json.dumps(processes.this_process().document())
    words = [*namespaces.WORDS, sys.executable, "-c", SAYS_WHO, us]
    started = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert started.stdout is not None
    document, said = json.loads(started.stdout.readline())
    yield Process(**document), said
    started.kill()
    started.communicate()


def test_a_process_runs_until_it_ends() -> None:
    assert processes.runs(processes.this_process()) is True
    assert processes.runs(gone()) is False


def test_a_younger_process_with_the_same_number_is_another_one() -> None:
    us = processes.this_process()
    assert processes.runs(replace(us, started="1")) is False
    assert processes.runs(replace(us, started=None)) is False


def test_a_process_of_another_boot_has_ended_only_where_no_other_machine_writes() -> None:
    before = replace(processes.this_process(), boot="8a1ad1f4-0000-4000-8000-000000000000")
    assert processes.runs(before) is None
    assert processes.runs(before, own_disk=True) is False


def test_a_container_never_treats_a_process_of_another_namespace_as_ended(
    elsewhere: tuple[Process, bool | None],
) -> None:
    there, said_of_us = elsewhere
    assert there.hostname == HOST
    assert there.pid != os.getpid()
    assert said_of_us is None  # a container sees nothing of the machine
    assert processes.runs(there) is (True if processes.sees_all() else None)


def test_the_state_of_an_invisible_namespace_is_unknown(
    elsewhere: tuple[Process, bool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "sees_all", lambda: False)
    assert processes.runs(elsewhere[0]) is None
    assert processes.runs(replace(elsewhere[0], started="1")) is None


def test_a_lock_is_judged_by_the_note_of_its_engine(tmp_path: Path) -> None:
    notes = Notes(LocalFiles(tmp_path))
    dead = gone()
    for process, expected in ((dead, False), (processes.this_process(), True)):
        name = notes.add("p", "dev", process.pid, "up")
        document = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps({**document, **process.document()}))
        assert lock_owners.alive(HOST, process.pid, notes.of("p", "dev"), own_disk=True) is expected
    assert notes.noted() == {("p", "dev")}
    notes.clear("p", "dev")
    assert [note.process.pid for note in notes.of("p", "dev")] == [os.getpid()]


def test_two_containers_that_noted_one_number_leave_each_others_locks_alone(tmp_path: Path) -> None:
    notes = Notes(LocalFiles(tmp_path))
    for namespace in (processes.this_process().namespace, "pid:[1]"):
        name = notes.add("p", "dev", gone().pid, "up")
        document = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps({**document, "pid": 7, "started": "5", "namespace": namespace}))
    found = notes.of("p", "dev")
    assert {note.runs for note in found} <= {False, None}
    if not processes.sees_all():
        assert lock_owners.alive(HOST, 7, found, own_disk=True) is None


def test_a_lock_without_a_note_is_dead_only_where_all_processes_are_visible_and_no_other_machine_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = gone().pid
    for sees, own_disk, expected in ((True, True, False), (True, False, None), (False, True, None)):
        monkeypatch.setattr(processes, "sees_all", lambda sees=sees: sees)
        assert lock_owners.alive(HOST, number, [], own_disk=own_disk) is expected
        assert lock_owners.alive(HOST, os.getpid(), [], own_disk=own_disk) is expected  # none of Pulumi's
    assert lock_owners.alive("elsewhere", number, [], own_disk=True) is None


def test_a_damaged_lock_is_dead_only_where_no_noted_engine_runs_and_no_other_machine_writes(tmp_path: Path) -> None:
    notes = Notes(LocalFiles(tmp_path))
    notes.add("p", "dev", os.getpid(), "up")
    running = notes.of("p", "dev")
    assert lock_owners.unnamed(running, own_disk=True).alive is True
    assert lock_owners.unnamed([replace(running[0], runs=None)], own_disk=True).alive is None
    assert lock_owners.unnamed([replace(running[0], runs=False)], own_disk=True).alive is False
    assert lock_owners.unnamed([], own_disk=True).alive is False
    assert lock_owners.unnamed([], own_disk=False).alive is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', '{"hostname": 1, "username": 2, "pid": 3}'])
def test_a_note_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / lock_owners.FOLDER / "p" / "dev" / "1-x.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert Notes(LocalFiles(tmp_path)).of("p", "dev") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pulumi --non-interactive up --yes --stack dev --message rm", ("up", "dev")),
        ("pulumi --non-interactive stack rm --yes dev", ("rm", "dev")),
        ("pulumi --non-interactive stack import --file f --stack dev", ("import", "dev")),
        ("pulumi --non-interactive preview --stack up", None),
        ("pulumi --non-interactive stack tag rm key --stack dev", None),
        ("pulumi --non-interactive config rm key --stack dev", None),
        ("pulumi version", None),
    ],
)
def test_commands_that_lock_a_stack_are_recognized(words: str, expected: tuple[str, str] | None) -> None:
    assert lock_owners.operation_of(words.split()) == expected


@pytest.mark.parametrize(
    ("type_", "own"), [("ext4", True), ("overlay", True), ("nfs4", False), ("virtiofs", False), ("fuse.sshfs", False)]
)
def test_a_shared_disk_is_not_our_own(tmp_path: Path, type_: str, own: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {tmp_path} rw shared:1 - {type_} x rw\n")
    assert processes.on_own_disk(tmp_path / "state", mounts) is own
    assert processes.on_own_disk(Path("/srv"), mounts) is True


def test_a_mark_ends_with_its_process(tmp_path: Path) -> None:
    marks = Marks(LocalFiles(tmp_path), "marks")
    marks.set("working/dev/1", {"units": ["app/alpha"]})
    (mark,) = marks.below("working/dev")
    assert (mark.name, mark.runs, mark.says) == ("working/dev/1", True, {"units": ["app/alpha"]})
    file = tmp_path / "marks" / "working" / "dev" / "1.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "process": gone().document()}))
    assert marks.below("working/dev") == ()
    assert not file.exists()


def test_a_mark_of_a_process_that_cannot_be_checked_expires_after_hours(tmp_path: Path) -> None:
    marks = Marks(LocalFiles(tmp_path), "marks")
    marks.set("working/dev/1", {})
    file = tmp_path / "marks" / "working" / "dev" / "1.json"
    document = json.loads(file.read_text())
    document["process"]["namespace"] = "pid:[1]"
    other = {**document["process"], "boot": None}
    file.write_text(json.dumps({**document, "process": other}))
    assert [mark.runs for mark in marks.below("working/dev")] == [None]
    file.write_text(json.dumps({**document, "process": other, "since": "2026-01-01T00:00:00+00:00"}))
    assert marks.below("working/dev") == ()
