"""The real engine with a cloud that fails or is slow, and with processes that die."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.automation import previews
from orchestrator.errors import (
    EngineUnavailableError,
    InterruptedRunError,
    OperationFailedError,
    OrchestratorError,
    StackLockedError,
    StateError,
)
from orchestrator.model import Operation, StackStatus
from tests.support.engines import APP, BASE, Workshop

pytestmark = pytest.mark.engine


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, "pulumi", monkeypatch.setenv)


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def lock_files(shop: Workshop) -> list[Path]:
    return list((shop.state / ".pulumi" / "locks").rglob("*.json"))


def write_lock(shop: Workshop, pid: int, host: str) -> Path:
    folder = shop.state / ".pulumi" / "locks" / "organization" / "fixture-base" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "0000-lock.json"
    lock = {"pid": pid, "username": "ada", "hostname": host, "timestamp": "2026-11-01T10:00:00.123456789Z"}
    file.write_text(json.dumps(lock), encoding="utf-8")
    return file


@contextmanager
def process_named(name: str, folder: Path) -> Generator[int]:
    """A process that runs under that name, and does nothing."""
    program = folder / name
    shutil.copy(str(shutil.which("sleep")), program)
    process = subprocess.Popen([str(program), "600"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def gone_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_provider_error_names_the_resource_and_the_next_run_finishes(shop: Workshop) -> None:
    shop.run(BASE)
    shop.configure(APP, base="dev", tags='{"fail": "not today"}')
    with pytest.raises(OperationFailedError) as failed:
        shop.run(APP)
    assert failed.value.message == "alpha failed: topic: AccessDenied: not today"
    assert "run the same command again: it continues" in str(failed.value.hint)
    shop.configure(APP, base="dev")
    shop.run(APP)
    assert shop.cloud() == ["first", "last", "second", "topic"]


def test_a_refused_configuration_leaves_everything_and_its_hint_counts_all_of_it(shop: Workshop) -> None:
    shop.run(BASE)
    shop.configure(BASE, boom=True)
    with pytest.raises(OperationFailedError) as failed:
        shop.run(BASE)
    stack = shop.engine.stack(BASE)
    assert stack is not None
    assert stack.resource_count > 2
    assert str(failed.value.hint).startswith(f"{stack.resource_count} resources exist and stay; fix the cause")
    with pytest.raises(OperationFailedError) as preview:
        shop.run(BASE, Operation.PREVIEW)
    assert str(preview.value.hint).startswith("fix the cause")


def test_an_interrupt_finishes_changes_in_progress_and_the_next_run_the_rest(shop: Workshop) -> None:
    shop.run(BASE)
    shop.configure(APP, base="dev", tags='{"slow": "3"}')
    failure: list[BaseException] = []

    def up() -> None:
        try:
            shop.run(APP)
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=up)
    thread.start()
    until(lambda: any(getattr(event, "name", "") == "topic" for event in getattr(shop, "events", [])))
    for _ in range(5):
        shop.engine.interrupt()
    thread.join(60)
    assert isinstance(failure[0], InterruptedRunError)
    assert shop.cloud() == ["first", "second", "topic"]
    assert lock_files(shop) == []
    shop.engine = shop.another()
    shop.run(APP)
    assert shop.cloud() == ["first", "last", "second", "topic"]


def test_our_death_leaves_the_engine_finishing_its_work(shop: Workshop) -> None:
    shop.run(BASE)
    shop.configure(APP, base="dev", tags='{"slow": "3"}')
    program = (
        "from pathlib import Path\n"
        "from orchestrator.api import Orchestrator\n"
        f"Orchestrator({str(shop.folder)!r}, engine='pulumi').update_env('alpha')\n"
    )
    shop.run(APP, Operation.PREVIEW)
    program = program.replace("update_env('alpha')", "create_env('alpha', base='dev')")
    ours = subprocess.Popen([sys.executable, "-c", program])
    until(lambda: bool(lock_files(shop)))
    time.sleep(1)
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    until(lambda: not lock_files(shop))
    assert shop.cloud() == ["first", "last", "second", "topic"]


def test_the_lock_of_an_ended_process_is_removed_and_reported(shop: Workshop) -> None:
    shop.run(BASE)
    file = write_lock(shop, gone_pid(), socket.gethostname())
    shop.run(BASE)
    assert not file.exists()
    assert any("was removed: that process has ended" in getattr(event, "message", "") for event in shop.events)


def test_the_error_for_a_lock_names_its_running_owner_host_and_start(shop: Workshop, tmp_path: Path) -> None:
    shop.run(BASE)
    with process_named("pulumi", tmp_path) as pid:
        write_lock(shop, pid, socket.gethostname())
        with pytest.raises(StackLockedError) as refused:
            shop.run(BASE)
        assert refused.value.message == (
            f"dev is locked: ada@{socket.gethostname()} (pid {pid}, since 2026-11-01 10:00:00 UTC) is running an operation on it"
        )
        summary = shop.engine.stack(BASE)
        assert summary is not None
        assert summary.status is StackStatus.UPDATING


def test_a_lock_whose_number_now_belongs_to_a_program_that_is_none_of_pulumis_is_removed(shop: Workshop) -> None:
    shop.run(BASE)
    file = write_lock(shop, os.getpid(), socket.gethostname())
    shop.run(BASE)
    assert not file.exists()


def test_a_lock_without_a_note_is_left_alone_where_other_containers_cannot_be_seen(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run(BASE)
    monkeypatch.setattr("orchestrator.engines.processes.sees_all", lambda: False)
    file = write_lock(shop, gone_pid(), socket.gethostname())
    with pytest.raises(StackLockedError, match="dev is locked") as refused:
        shop.run(BASE)
    assert refused.value.hint == "if that process has ended, run `orchestrator unlock dev --force`"
    assert file.exists()


def test_an_engine_that_ended_leaves_no_note_and_one_that_was_killed_does(shop: Workshop) -> None:
    shop.run(BASE)
    notes = shop.state / ".pulumi" / "orchestrator" / "engines"
    assert list(notes.rglob("*.json")) == []


def test_a_lock_of_another_machine_is_left_alone(shop: Workshop) -> None:
    shop.run(BASE)
    file = write_lock(shop, 1, "elsewhere")
    with pytest.raises(StackLockedError, match="ada@elsewhere"):
        shop.run(BASE)
    assert file.exists()


@pytest.mark.parametrize("name", ["0000-lock.json", "0000-lock.json.18eb921501eb4a75.tmp"])
@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_lock_that_a_full_disk_emptied_is_removed_and_reported(shop: Workshop, content: str, name: str) -> None:
    shop.run(BASE)
    file = write_lock(shop, 1, "elsewhere")
    file = file.rename(file.with_name(name))
    file.write_text(content, encoding="utf-8")
    shop.run(BASE)
    assert not file.exists()
    assert any("a damaged lock was removed" in getattr(event, "message", "") for event in shop.events)


def test_a_damaged_lock_on_a_shared_disk_stays_until_unlock(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.run(BASE)
    monkeypatch.setattr("orchestrator.engines.processes.on_own_disk", lambda _folder: False)
    shop.engine = shop.another()
    file = write_lock(shop, 1, "elsewhere")
    file.write_text("", encoding="utf-8")
    with pytest.raises(StackLockedError, match="its lock is damaged") as refused:
        shop.run(BASE)
    assert refused.value.hint == "if that process has ended, run `orchestrator unlock dev --force`"
    shop.engine.unlock(BASE)
    shop.run(BASE)
    assert not file.exists()


def test_the_owner_of_several_locks_is_the_one_that_runs(shop: Workshop, tmp_path: Path) -> None:
    shop.run(BASE)
    write_lock(shop, gone_pid(), socket.gethostname()).rename(
        shop.state / ".pulumi" / "locks" / "organization" / "fixture-base" / "dev" / "0.json"
    )
    with process_named("pulumi", tmp_path) as pid:
        write_lock(shop, pid, socket.gethostname())
        owner = shop.engine.lock_owner(BASE)
    assert owner is not None
    assert (owner.pid, owner.alive) == (pid, True)


def test_a_damaged_checkpoint_is_named_and_hides_no_other_stack(shop: Workshop) -> None:
    shop.run(BASE)
    shop.run(APP)
    (shop.state / ".pulumi" / "stacks" / "fixture-app" / "alpha.json").write_text("{", encoding="utf-8")
    states = {stack.unit: stack.status for stack in shop.engine.stacks()}
    assert states == {APP: StackStatus.DAMAGED, BASE: StackStatus.READY}
    with pytest.raises(StateError, match="the state of alpha is damaged"):
        shop.run(APP)


@pytest.mark.parametrize(
    ("passphrase", "message"),
    [
        ("wrong", "dev failed: the stack's secrets cannot be read: the passphrase is wrong"),
        (None, "dev failed: the stack's secrets cannot be read: no passphrase is set"),
    ],
)
def test_a_wrong_or_missing_passphrase_is_reported(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, passphrase: str | None, message: str
) -> None:
    shop.run(BASE)
    if passphrase:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", passphrase)
    else:
        monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    shop.engine = shop.another()
    with pytest.raises(EngineUnavailableError) as refused:
        shop.run(BASE)
    assert refused.value.message == message


def test_a_missing_state_folder_is_reported(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{shop.folder}/nowhere")
    with pytest.raises(EngineUnavailableError, match=r"the state folder .*/nowhere does not exist"):
        shop.another().check()


def test_the_passphrase_and_secret_outputs_are_in_no_argument_list_and_no_error(shop: Workshop) -> None:
    shop.configure(BASE, boom=True)
    with pytest.raises(OrchestratorError) as failed:
        shop.run(BASE)
    assert "s3cret-value" not in repr(failed.value)
    checkpoint = (shop.state / ".pulumi" / "stacks" / "fixture-base" / "dev.json").read_text(encoding="utf-8")
    assert "s3cret-value" not in checkpoint


@pytest.mark.parametrize("times", [1, 2, 5])
def test_ctrl_c_at_the_terminal_ends_with_130_and_leaves_the_state_whole(shop: Workshop, times: int) -> None:
    shop.run(BASE)
    shop.configure(APP, base="dev", tags='{"slow": "3"}')
    words = [sys.executable, "-m", "orchestrator", "create-env", "alpha", "--engine", "pulumi", "--project-dir"]
    ours = subprocess.Popen([*words, str(shop.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: bool(lock_files(shop)))
    time.sleep(1.5)
    for _ in range(times):
        ours.send_signal(signal.SIGINT)
        time.sleep(0.2)
    out, err = ours.communicate(timeout=60)
    assert ours.returncode == 130, err
    assert "Traceback" not in out + err
    assert "KeyboardInterrupt" not in out + err
    until(lambda: not lock_files(shop))
    shop.engine = shop.another()
    shop.run(APP)
    assert shop.cloud() == ["first", "last", "second", "topic"]


def test_variables_of_a_request_reach_its_program_and_only_its(shop: Workshop) -> None:
    program = shop.folder / "base" / "__main__.py"
    told = 'import os\npulumi.export("told", os.environ.get("PULUMI_DJANGO_RELEASE", "nothing"))\n'
    program.write_text(program.read_text() + told, encoding="utf-8")
    assert shop.run(BASE, environment={"PULUMI_DJANGO_RELEASE": "skip"}).outputs["told"].value == "skip"
    assert shop.run(BASE).outputs["told"].value == "nothing"


def test_an_empty_stack_for_a_preview_needs_the_cli_only_for_a_secrets_provider(tmp_path: Path) -> None:
    config = tmp_path / "Pulumi.dev.yaml"
    assert previews.create_stack(tmp_path / "one", "shop", "dev", config)
    assert (tmp_path / "one/.pulumi/stacks/shop/dev.json").is_file()
    config.write_text("secretsprovider: awskms://alias/x\n", encoding="utf-8")
    assert not previews.create_stack(tmp_path / "two", "shop", "dev", config)
    assert not (tmp_path / "two").exists()
