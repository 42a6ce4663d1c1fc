"""The records of runs: what is in them, how long they stay, and that they never stop a run."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from orchestrator import lifecycle
from orchestrator.config import documents
from orchestrator.engines import processes
from orchestrator.errors import RefusedError
from orchestrator.events import Diagnostic, Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.lifecycle import CreateBase, run_record
from orchestrator.lifecycle.run_record import KEPT, MOST_BYTES, MOST_CHARACTERS, RunRecord
from orchestrator.model import ChangeOp, Operation, OutputValue, Status, Unit, UnitResult
from orchestrator.rendering import document
from orchestrator.web import run_lines
from orchestrator.web.run_lines import Lines
from tests.support.command_line import Here
from tests.support.workspace import Workspace

ALPHA = Unit("app", "alpha")
TOPIC = ResourceEvent(
    unit=ALPHA, urn="urn:1", type="aws:sns/topic:Topic", name="topic", op=ChangeOp.CREATE, phase="done"
)
RESULT = UnitResult(
    unit=ALPHA,
    operation=Operation.UP,
    status=Status.FAILED,
    reason="the quota is used up",
    outputs={"password": OutputValue(value="hunter2", secret=True), "url": OutputValue(value="https://a.example.com")},
)
EVENTS: tuple[Event, ...] = (
    PlanReady(operation=Operation.UP, units=(ALPHA,), existing=frozenset()),
    UnitStarted(unit=ALPHA, operation=Operation.UP, expected=7),
    TOPIC,
    Diagnostic(unit=None, severity="warning", message="slow"),
    Diagnostic(unit=ALPHA, severity="info", message="said"),
    UnitFinished(result=RESULT),
)


def begun(**more: Any) -> dict[str, Any]:
    values = {"command": "create-env", "engine": "simulation", "operation": "up", "operator": "ada", "names": ["alpha"]}
    head = {"event": "begun", "time": datetime.now(UTC), "version": 1, "process": processes.this_process()}
    return {**head, **values, **more}


def lines(folder: Path) -> list[list[dict[str, Any]]]:
    """The lines of each record, oldest first."""
    files = sorted((folder / "runs").glob("*.jsonl"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def here_lines(here: Here) -> list[dict[str, Any]]:
    return lines(here.folder / ".orchestrator")[-1]


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(tmp_path, capsys)


def test_a_run_records_its_command_its_events_and_its_result(here: Here) -> None:
    assert here("create-env", "alpha", "--base", "dev").code == 0
    first, *events, last = here_lines(here)
    assert (first["event"], first["command"], first["names"]) == ("begun", "create-env", ["dev", "alpha"])
    assert first["process"] == processes.this_process().document()
    assert [each["event"] for each in events if each["event"] != "resource"] == ["plan", *["started", "finished"] * 2]
    assert {each["name"] for each in events if each["event"] == "resource"} >= {"first", "topic"}
    assert (last["event"], last["exit_code"]) == ("ended", 0)


def test_every_line_has_the_type_that_the_live_page_reads_and_the_values_of_the_events_file(tmp_path: Path) -> None:
    record = RunRecord(tmp_path / "runs", begun())
    for event in EVENTS:
        record.write(event)
    record.end(1, "failed", "again")
    (file,) = (tmp_path / "runs").iterdir()
    typed = [documents.decoded(Lines, line) for line in file.read_bytes().splitlines()]  # pyright: ignore[reportArgumentType]
    assert {type(line) for line in typed} == set(get_args(Lines)), "every kind of line was written"
    assert isinstance(typed[0], run_lines.Begun)
    for line, event in zip(lines(tmp_path)[0][1:-1], EVENTS, strict=True):
        published = document.event(event, datetime.now(UTC))
        assert {k: v for k, v in line.items() if k != "time"} == {k: published[k] for k in line if k != "time"}


def test_a_record_has_no_outputs(tmp_path: Path) -> None:
    record = RunRecord(tmp_path / "runs", begun())
    record.write(UnitFinished(result=RESULT))
    record.end(1)
    (file,) = (tmp_path / "runs").iterdir()
    assert "hunter2" not in file.read_text()
    assert "a.example.com" not in file.read_text()


def test_only_its_user_reads_a_record(here: Here) -> None:
    old = os.umask(0)
    try:
        assert here("create-base", "dev").code == 0
    finally:
        os.umask(old)
    folder = here.folder / ".orchestrator" / "runs"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_resources_that_do_not_change_are_left_out(here: Here) -> None:
    here("create-env", "alpha", "--base", "dev")
    assert here("update-env", "alpha").code == 0
    assert [each["event"] for each in here_lines(here)] == ["begun", "plan", "started", "finished", "ended"]


def test_a_failed_run_records_its_reason(workspace: Workspace) -> None:
    workspace.engine.fails(ALPHA, "no capacity", after=["alpha-first"])
    workspace.orchestrator().create_env("alpha", base="dev")
    *_, finished, ended = lines(workspace.root / ".orchestrator")[-1]
    assert (finished["status"], finished["reason"]) == ("failed", "app/alpha failed: no capacity")
    assert (ended["event"], ended["exit_code"]) == ("ended", 1)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RefusedError("the base goes", "wait"), 1, "the base goes"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("1 / 0"), 1, "ZeroDivisionError: this is a bug in the orchestrator"),
    ],
)
def test_a_run_that_an_error_ends_records_it(
    error: BaseException, code: int, message: str, workspace: Workspace
) -> None:
    def fail(_observer: object) -> None:
        raise error

    orchestrator = workspace.orchestrator()
    job = orchestrator.prepare(CreateBase(name="dev"))
    with pytest.raises(type(error)):
        lifecycle.run(job, first=fail)
    ended = lines(workspace.root / ".orchestrator")[-1][-1]
    assert (ended["event"], ended["exit_code"], ended["message"]) == ("ended", code, message)


def test_messages_before_the_first_unit_and_after_the_last_are_recorded(workspace: Workspace) -> None:
    def tell(text: str) -> Diagnostic:
        return Diagnostic(unit=None, severity="info", message=text)

    job = workspace.orchestrator().prepare(CreateBase(name="dev"))
    lifecycle.run(
        job,
        first=lambda observer: observer(tell("the database is dropped")),
        last=lambda _report, observer: observer(tell("the secrets are deleted")),
    )
    found = [each["message"] for each in lines(workspace.root / ".orchestrator")[-1] if each["event"] == "message"]
    assert found == ["the database is dropped", "the secrets are deleted"]
    assert [event.message for event in workspace.events if isinstance(event, Diagnostic)] == found


def test_the_newest_records_stay_and_those_of_running_processes(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    running = RunRecord(folder, begun())
    (kept,) = folder.iterdir()
    dead = processes.of_pid(ended_process())
    for number in range(KEPT + 5):
        RunRecord(folder, begun(names=[str(number)], process=dead)).end(0)
    names = [found[0]["names"][0] for found in lines(tmp_path)]
    assert names == ["alpha", *(str(number) for number in range(5, KEPT + 5))], "alpha still runs"
    running.end(0)
    RunRecord(folder, begun(process=dead)).end(0)
    assert not kept.exists()
    assert len([*folder.iterdir()]) == KEPT


def test_damaged_records_and_left_over_files_go_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for number in range(KEPT):
        (folder / f"20200101T000000{number:06}-7-00000000.jsonl").write_bytes(b"\xff{")
    left_over = folder / ".20200101T000000000000-7-00000000.jsonl.tmp"
    left_over.write_bytes(b"")
    os.utime(left_over, (0, 0))
    (folder / "notes.txt").write_bytes(b"mine")
    RunRecord(folder, begun()).end(0)
    assert not left_over.exists()
    assert (folder / "notes.txt").exists()
    assert len([*folder.glob("*.jsonl")]) == KEPT


def test_a_record_at_its_limit_gets_only_results(tmp_path: Path) -> None:
    record = RunRecord(tmp_path / "runs", begun())
    text = Diagnostic(unit=None, severity="info", message="x" * 10_000)
    for _ in range(MOST_BYTES // 1000):
        record.write(text)
    record.write(UnitFinished(result=RESULT))
    record.end(0)
    (found,) = lines(tmp_path)
    assert len(found[1]["message"]) == MOST_CHARACTERS
    assert [each["event"] for each in found[-3:]] == ["message", "finished", "ended"]
    assert found[-3]["message"] == "only results follow: the record of this run has 2 MiB"
    (file,) = (tmp_path / "runs").iterdir()
    assert file.stat().st_size < MOST_BYTES + 10_000


def test_text_that_is_not_unicode_is_recorded(tmp_path: Path) -> None:
    record = RunRecord(tmp_path / "runs", begun())
    record.write(Diagnostic(unit=None, severity="error", message="caf\udce9"))
    record.end(0)
    assert lines(tmp_path)[0][1]["message"] == "caf?"


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    record = RunRecord(tmp_path / "runs", begun())
    threads = [threading.Thread(target=lambda: [record.write(TOPIC) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record.end(0)
    record.write(TOPIC)
    record.end(1)
    (found,) = lines(tmp_path)
    assert len(found) == 1 + 8 * 200 + 1
    assert found[-1]["exit_code"] == 0


def test_two_runs_at_once_have_a_record_each(tmp_path: Path) -> None:
    one, two = (RunRecord(tmp_path / "runs", begun(names=[name])) for name in ("one", "two"))
    for record in (one, two, one):
        record.write(TOPIC)
    two.end(0)
    one.end(1)
    found = {each[0]["names"][0]: (len(each), each[-1]["exit_code"]) for each in lines(tmp_path)}
    assert found == {"one": (4, 1), "two": (3, 0)}


@pytest.mark.parametrize("verbose", [False, True])
def test_without_a_place_for_its_record_a_run_goes_on_and_says_so_only_with_verbose(verbose: bool, here: Here) -> None:
    (here.folder / ".orchestrator").mkdir()
    (here.folder / ".orchestrator" / "runs").write_text("in the way", encoding="utf-8")
    answer = here("create-base", "dev", *(["--verbose"] if verbose else []))
    assert answer.code == 0
    assert answer.err.count("the events of this run are not recorded: ") == verbose


def test_a_full_disk_ends_the_record_and_not_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = run_record._write

    def full(descriptor: int, content: bytes) -> None:
        if b'"finished"' in content:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(descriptor, content)

    monkeypatch.setattr(run_record, "_write", full)
    caplog.set_level("DEBUG", "orchestrator")
    report = workspace.orchestrator().create_env("alpha", base="dev")
    assert report.exit_code == 0
    assert lines(workspace.root / ".orchestrator") == [], "a record without its result would say that the run goes on"
    (said,) = [text for text in caplog.messages if "recorded" in text]
    assert said == "the events of this run are no longer recorded: No space left on device"


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
