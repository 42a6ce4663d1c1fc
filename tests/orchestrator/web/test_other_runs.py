"""Runs of other processes on the live page: real processes, kills, damaged and hidden records; in Chromium too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.config import documents
from orchestrator.engines import processes
from orchestrator.engines.processes import Process
from orchestrator.web.other_runs import OtherRuns
from tests.orchestrator.web.conftest import PATIENCE, TOKEN, Serve, Served
from tests.support.command_line import Here

HELD = """
import sys, time
from pathlib import Path

from orchestrator.api import Orchestrator
from orchestrator.events import ResourceEvent

folder, gate, allow, method, *names = sys.argv[1:]


def hold(event):
    if isinstance(event, ResourceEvent):
        while not Path(gate).exists():
            time.sleep(0.02)


orchestrator = Orchestrator(folder, observer=hold, allow_prod=allow == "prod")
options = {"base": "dev"} if method == "create_env" else {"kind": "prod"}
sys.exit(getattr(orchestrator, method)(names[0], **options).exit_code)
"""
Found = tuple[str, Any]


class Held:
    """A run in a process of its own that waits after its first resource."""

    def __init__(self, folder: Path, name: str, method: str = "create_env", allow: str = "") -> None:
        self._gate = folder / f"gate-{name}"
        words = [sys.executable, "-c", HELD, str(folder), str(self._gate), allow, method, name]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)

    def release(self) -> None:
        """Let the run end."""
        self._gate.touch()
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, errors

    def kill(self) -> None:
        """Kill the process, as `kill -9` does."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def held(here: Here) -> Iterator[Callable[..., Held]]:
    """Start runs; those that a test leaves are killed."""
    started: list[Held] = []

    def start(name: str, *more: str) -> Held:
        started.append(Held(here.folder, name, *more))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def until(stream: Iterator[Found], kind: str, **values: Any) -> Any:
    """The next message of a kind with these values."""
    for found, content in stream:
        if found == kind and all(content.get(key) == value for key, value in values.items()):
            return content
    raise AssertionError(f"the stream ended without {kind} {values}")


def test_a_run_of_another_process_is_shown_with_its_events_and_its_end(serve: Serve, held: Callable[..., Held]) -> None:
    stream = serve().events()
    run = held("gamma")
    begun = until(stream, "other", name="gamma")
    assert (begun["action"], begun["state"]) == ("create-env", "running")
    assert f"(pid {run.process.pid})" in begun["process"]
    events = [until(stream, "run", id=begun["id"])["event"] for _ in range(3)]
    assert [each["event"] for each in events] == ["plan", "started", "resource"]
    assert until(stream, "dashboard")["deployments"], "the state is read again when a run begins"
    run.release()
    finished = [until(stream, "run", id=begun["id"])["event"] for _ in range(3)][-1]
    assert (finished["event"], finished["stack"], finished["status"]) == ("finished", "gamma", "succeeded")
    assert until(stream, "other", id=begun["id"])["state"] == "succeeded"
    for kind, content in stream:
        if kind == "dashboard" and "gamma" in [each["name"] for each in content["deployments"]]:
            break


def test_a_page_that_opens_later_gets_the_events_in_their_order(serve: Serve, held: Callable[..., Held]) -> None:
    served = serve()
    held("gamma")
    begun = until(served.events(), "other", name="gamma")
    first = [until(stream, "run", id=begun["id"]) for stream in [served.events()] for _ in range(3)]
    assert [each["event"]["event"] for each in first] == ["plan", "started", "resource"]
    assert [each["number"] for each in first] == [2, 3, 4], "a page that connects again knows which events it has"


def test_a_killed_run_is_cut_off(serve: Serve, held: Callable[..., Held]) -> None:
    served = serve()
    stream = served.events()
    run = held("gamma")
    begun = until(stream, "other", name="gamma")
    until(stream, "run", id=begun["id"])
    run.kill()
    ended = until(stream, "other", id=begun["id"], state="cut off")
    assert ended["message"] == "its process ended without a result"
    assert until(served.events(), "other", id=begun["id"])["state"] == "cut off", "also for a page that opens later"


def test_two_runs_at_once_keep_their_own_events(serve: Serve, held: Callable[..., Held]) -> None:
    stream = serve().events()
    one, two = held("gamma"), held("delta")
    names: dict[str, str] = {}
    units: dict[str, set[str]] = {}
    for kind, content in stream:
        if kind == "other" and content["name"] in ("gamma", "delta"):
            names[content["id"]] = content["name"]
        if kind == "run" and content["id"] in names and "stack" in content["event"]:
            units.setdefault(names[content["id"]], set()).add(content["event"]["stack"])
        if len(units) == 2:
            break
    assert units == {"gamma": {"gamma"}, "delta": {"delta"}}
    two.release()
    assert until(stream, "other", state="succeeded")["name"] == "delta"
    one.release()
    assert until(stream, "other", state="succeeded")["name"] == "gamma"


def test_a_command_in_another_terminal_is_shown(here: Here, serve: Serve) -> None:
    stream = serve().events()
    words = ["destroy-env", "beta", "--yes", "--project-dir", str(here.folder)]
    ended = subprocess.run([sys.executable, "-m", "orchestrator", *words], capture_output=True, check=False)
    assert ended.returncode == 0
    assert until(stream, "other", action="destroy-env", state="succeeded")["name"] == "beta"


def test_the_page_shows_its_own_runs_as_actions_only_and_another_page_shows_them_too(here: Here, serve: Serve) -> None:
    own, other = serve("--allow-actions"), serve()
    stream = own.events()
    action = own.act(action="destroy", name="environment/beta", typed="beta").json()
    assert own.until_ended(action)["state"] == "succeeded"
    assert until(other.events(), "other", action="destroy-env", state="succeeded")["name"] == "beta"
    words = ["destroy-env", "alpha", "--yes", "--project-dir", str(here.folder)]
    subprocess.run([sys.executable, "-m", "orchestrator", *words], capture_output=True, check=True)
    assert until(stream, "other", action="destroy-env")["name"] == "alpha", "the record of beta is older"


def test_events_of_production_are_shown_and_stay_read_only(here: Here, serve: Serve, held: Callable[..., Held]) -> None:
    (here.folder / "base" / "Pulumi.prod.yaml").write_text("config:\n  fixture-base:kind: prod\n")
    served = serve("--allow-actions")
    stream = served.events()
    run = held("prod", "create_base", "prod")
    begun = until(stream, "other", name="prod")
    assert until(stream, "run", id=begun["id"])["event"]["event"] == "plan"
    run.release()
    assert until(stream, "other", id=begun["id"], state="succeeded")
    refused = served.act(action="destroy", name="base/prod", typed="prod")
    assert (refused.code, refused.json()["error"]["message"]) == (409, "prod is production")


# records


class Told:
    """A live page that notes its messages."""

    def __init__(self) -> None:
        self.messages: list[Found] = []
        self.refreshed = 0

    def publish(self, kind: str, content: Any) -> None:
        self.messages.append((kind, content))

    def refresh(self) -> None:
        self.refreshed += 1

    def take(self) -> list[Found]:
        found, self.messages = self.messages, []
        return found


class Records:
    """A folder of records, and what a page hears of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.live = folder / "runs", Told()
        self.folder.mkdir()
        self._runs: OtherRuns | None = None

    def file(self, number: int = 1) -> Path:
        return self.folder / f"20261120T090000{number:06}-7-0000000{number}.jsonl"

    def write(self, content: bytes, number: int = 1) -> Path:
        file = self.file(number)
        with file.open("ab") as record:
            record.write(content)
        return file

    def look(self) -> list[Found]:
        if self._runs is None:
            live: Any = self.live
            self._runs = OtherRuns(self.folder, live)
        self._runs.look()
        return self.live.take()

    def opened(self) -> list[Found]:
        """What a page gets that opens now."""
        assert self._runs is not None
        return [(kind, json.loads(text)) for kind, text in self._runs.messages()]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path)


@pytest.fixture
def other() -> Iterator[Process]:
    """A process that runs."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield processes.of_pid(process.pid)
    process.communicate(timeout=PATIENCE)


def line(event: str, **values: Any) -> bytes:
    return msgspec.json.encode({"event": event, "time": datetime.now(UTC), **values}) + b"\n"


def begun(process: Process, **more: Any) -> bytes:
    values = {"command": "create-env", "engine": "simulation", "operation": "up", "operator": "ada", "names": ["alpha"]}
    return line("begun", **{"version": 1, "process": process, **values, **more})


def said(text: str) -> bytes:
    return line("message", project=None, stack=None, severity="info", message=text)


def test_a_line_counts_when_it_is_whole(records: Records, other: Process) -> None:
    whole = begun(other)
    records.write(whole[:40])
    assert records.look() == []
    records.write(whole[40:] + said("one")[:-1])
    assert [kind for kind, _ in records.look()] == ["other"]
    records.write(b"\n" + said("two"))
    assert [content["event"]["message"] for _, content in records.look()] == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{\n", "line 1: line 1, column 2: it is not JSON"),
        (b"\xff\xfe\n", "line 1: "),
        (b"[" * 5000 + b"\n", "line 1: it is nested more than 100 levels deep"),
        (b'{"event": "begun"}\n', "line 1: $: object missing required field"),
        (b'{"event": "exploded"}\n', "line 1: $.event: invalid value 'exploded'"),
        (said("no beginning"), "line 1: a record begins with `begun`, once"),
        (begun(replace(processes.this_process(), pid=1), version=2), "line 1: $.version: invalid enum value 2"),
        (b"x" * (5 * 1024**2), "it has more than 4 MiB"),
    ],
)
def test_a_damaged_record_is_named_and_hidden_and_the_others_are_shown(
    content: bytes, words: str, records: Records, other: Process
) -> None:
    file = records.write(content, 1)
    records.write(begun(other), 2)
    found = records.look()
    assert [content["id"] for kind, content in found if kind == "other"] == [records.file(2).name]
    ((problem,),) = [content["problems"] for kind, content in found if kind == "hidden"]
    assert problem.startswith(file.name)
    assert words in problem
    assert records.opened()[0] == ("hidden", {"problems": [problem]})
    assert records.look() == [], "it is said once"
    file.unlink()
    assert records.look() == [("hidden", {"problems": []})]


def test_a_damaged_line_is_named_and_skipped(records: Records, other: Process) -> None:
    file = records.write(begun(other) + b"{\n" + said("after") + line("ended", exit_code=0, message=None, hint=None))
    found = records.look()
    assert [content["event"]["message"] for kind, content in found if kind == "run"] == ["after"]
    assert [content["state"] for kind, content in found if kind == "other"] == ["running", "succeeded"]
    ((problem,),) = [content["problems"] for kind, content in found if kind == "hidden"]
    assert problem.startswith(f"{file.name}, line 2: ")
    assert problem.endswith("; the line is skipped")


def test_a_record_that_became_shorter_is_read_no_further(records: Records, other: Process) -> None:
    file = records.write(begun(other) + said("one"))
    records.look()
    file.write_bytes(b"")
    assert records.look() == [("hidden", {"problems": [f"{file.name}: it became shorter; its run is read no further"]})]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_a_record_that_is_no_file_is_named(make: Callable[[Path], None], records: Records) -> None:
    make(records.file())
    ((kind, content),) = records.look()
    assert kind == "hidden"
    assert "not a file" in content["problems"][0]


def test_files_with_other_names_are_left_out(records: Records) -> None:
    (records.folder / "notes.jsonl").write_bytes(b"{")
    (records.folder / ".20261120T090000000001-7-00000001.jsonl.tmp").write_bytes(b"{")
    assert records.look() == []


def test_a_record_that_permissions_hide_is_named_and_read_when_they_allow_it(
    records: Records, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = records.write(begun(other))
    with monkeypatch.context() as denied:
        denied.setattr(documents.os, "open", _denied)
        assert records.look() == [("hidden", {"problems": [f"{file.name} is hidden: Permission denied"]})]
    assert [kind for kind, _ in records.look()] == ["other", "hidden"]


def test_a_folder_that_permissions_hide_is_said(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    records.look()
    with monkeypatch.context() as denied:
        denied.setattr(os, "listdir", _denied)
        text = "runs of other processes are hidden: .orchestrator/runs: Permission denied"
        assert records.look() == [("hidden", {"problems": [text]})]
    assert records.look() == [("hidden", {"problems": []})]


def _denied(*_arguments: Any) -> Any:
    raise PermissionError(13, "Permission denied")


def test_without_records_nothing_is_said(tmp_path: Path) -> None:
    live: Any = Told()
    OtherRuns(tmp_path / "runs", live).look()
    assert live.messages == []


def test_a_record_that_was_removed_leaves_the_page(records: Records, other: Process) -> None:
    file = records.write(begun(other))
    records.look()
    file.unlink()
    assert records.look() == [("gone", {"id": file.name})]
    assert records.opened() == []


def test_the_process_of_an_earlier_boot_has_ended(records: Records, other: Process) -> None:
    records.write(begun(replace(other, boot="11111111-2222-3333-4444-555555555555")))
    states = [content["state"] for look in range(2) for kind, content in records.look() if kind == "other"]
    assert states == ["running", "cut off"]


def test_a_run_on_a_disk_that_machines_share_is_unknown_and_still_followed(
    records: Records, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "on_own_disk", lambda _folder: False)
    records.write(begun(replace(other, hostname="build-7", boot="11111111-2222-3333-4444-555555555555")))
    records.look()
    ((_, found),) = records.look()
    assert (found["state"], found["message"]) == ("unknown", "this machine cannot tell whether its process still runs")
    records.write(said("it goes on") + line("ended", exit_code=130, message=None, hint=None))
    assert [kind for kind, _ in records.look()] == ["run", "other"]
    assert records.opened()[0][1]["state"] == "interrupted"


def test_a_flood_of_events_does_not_cut_off_the_pages(records: Records, other: Process) -> None:
    records.write(begun(other) + said("x") * 5000)
    sent = [content for kind, content in records.look() if kind == "run"]
    assert [each["number"] for each in sent] == [*range(4802, 5002)], "the newest 200"
    assert len(records.opened()) == 1 + 200


# the page


@pytest.fixture
def page(browser: Any, serve: Serve) -> Iterator[tuple[Any, Served]]:
    served = serve("--allow-actions")
    context = browser.new_context(viewport={"width": 390, "height": 900})
    shown = context.new_page()
    shown.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    shown.goto(f"{served.url}/?token={TOKEN}")
    shown.get_by_text("connected", exact=True).wait_for()
    yield shown, served
    context.close()


def test_an_open_page_follows_another_process_to_its_end(page: tuple[Any, Served], held: Callable[..., Held]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    shown, _ = page
    run = held("gamma")
    item = shown.locator("#runs > li", has_text="create-env gamma")
    item.get_by_text("running", exact=True).wait_for()
    assert f"(pid {run.process.pid})" in item.inner_text()
    item.get_by_text("Events").click()
    item.get_by_text("app/gamma: up starts").wait_for()
    shown.click("#deployments >> text=alpha")
    assert shown.get_by_role("button", name="Pin", exact=True).is_enabled(), "only the page's own actions wait"
    assert Axe().run(shown).response["violations"] == []
    run.release()
    item.locator("strong").get_by_text("succeeded").wait_for()
    item.get_by_text("app/gamma: succeeded").wait_for()
    shown.locator("#deployments").get_by_text("gamma", exact=True).wait_for()
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_open_page_shows_a_killed_run_and_a_damaged_record(
    page: tuple[Any, Served], held: Callable[..., Held]
) -> None:
    shown, served = page
    run = held("gamma")
    item = shown.locator("#runs > li", has_text="create-env gamma")
    item.get_by_text("running", exact=True).wait_for()
    run.kill()
    item.get_by_text("cut off", exact=True).wait_for()
    item.get_by_text("its process ended without a result").wait_for()
    name = "20261120T090000000001-7-00000001.jsonl"
    (served.folder / ".orchestrator" / "runs" / name).write_bytes(b"{\n")
    shown.locator("#hidden-runs").get_by_text(f"{name}, line 1: ").wait_for()


def test_text_of_a_record_is_text_on_the_page(page: tuple[Any, Served], other: Process) -> None:
    shown, served = page
    evil = "<img src=x onerror='document.title=1'></script>"
    folder = served.folder / ".orchestrator" / "runs"
    record = begun(other, command=evil, names=[evil], operator=evil) + said(evil)
    (folder / "20261120T090000000001-7-00000001.jsonl").write_bytes(record)
    item = shown.locator("#runs > li", has_text="<img")
    item.get_by_text("Events").click()
    item.locator("ol").get_by_text(evil).wait_for()
    assert shown.locator("#runs img").count() == 0
    assert shown.title() != "1"
