"""The same run in threads, in processes and on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.engines.protocol import Engine, Sink, UnitRequest
from orchestrator.errors import EngineUnavailableError, SettingsError
from orchestrator.events import Diagnostic, Event, ResourceEvent, UnitStarted
from orchestrator.executors.processes import ProcessExecutor
from orchestrator.executors.remote import Answer, Task, Work
from orchestrator.model import Operation, Status, Unit, UnitResult
from tests.support.engines import BASE, SETTINGS, Workshop
from tests.support.waiting import LONG, until

SLOW = "\nimport time\ntime.sleep(30)\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A real scheduler and two workers, each in a process of its own."""
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster:
        yield cluster


def shop_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str, engine: str = "simulation") -> Workshop:
    shop = Workshop(tmp_path / "shop", engine, monkeypatch.setenv)
    (shop.folder / "orchestrator.toml").write_text(f"{SETTINGS}\n[runner]\n{runner}\n")
    return shop


RUNNERS = ["threads", "processes", "dask"]


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    if request.param == "dask":
        address = request.getfixturevalue("cluster").scheduler_address
        return f'executor = "dask"\nscheduler = "{address}"'
    return f'executor = "{request.param}"'


def test_a_run_has_the_same_result_on_every_executor(
    runner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_with(tmp_path, monkeypatch, runner)
    shop.configure(BASE, domain_name="example.com")
    events: list[Event] = []
    orchestrator = Orchestrator(shop.folder, engine="simulation", observer=events.append)
    report = orchestrator.create_env(["alpha", "beta"], base="dev")
    assert [(str(r.unit), r.status, r.counts.create) for r in report.results] == [
        ("base/dev", Status.SUCCEEDED, 3),
        ("app/alpha", Status.SUCCEEDED, 3),
        ("app/beta", Status.SUCCEEDED, 3),
    ]
    made = {event.name for event in events if isinstance(event, ResourceEvent)}
    assert {"first", "second", "topic", "last"} <= made
    assert orchestrator.outputs("alpha")["url"].value == "https://example.com"
    again = Orchestrator(shop.folder, engine="simulation").update_env(["alpha", "beta"])
    assert {r.status for r in again.results} == {Status.UNCHANGED}


def test_a_failing_program_is_one_failed_unit(runner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = shop_with(tmp_path, monkeypatch, runner)
    (shop.folder / "app" / "__main__.py").write_text("raise RuntimeError('boom in the app')")
    monkeypatch.setattr(
        "orchestrator.lifecycle.rehearsal.passed", lambda job: job
    )  # it would refuse the program before
    report = Orchestrator(shop.folder, engine="simulation").create_env("alpha", base="dev")
    assert [r.status for r in report.results] == [Status.SUCCEEDED, Status.FAILED], report.results
    assert "boom in the app" in str(report.results[1].reason)


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_a_worker_that_dies_is_one_failed_unit(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    setting = f'executor = "{where}"'
    if where == "dask":
        setting += f'\nscheduler = "{request.getfixturevalue("cluster").scheduler_address}"'
    shop = shop_with(tmp_path, monkeypatch, setting)
    (shop.folder / "app" / "__main__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    report = Orchestrator(shop.folder, engine="simulation").create_env("alpha", base="dev")
    assert [r.status for r in report.results] == [Status.SUCCEEDED, Status.FAILED]
    assert report.exit_code == 1


def test_a_unit_fails_when_the_cluster_has_lost_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    from orchestrator.executors import dask

    monkeypatch.setattr(dask, "NO_WORKER_SECONDS", 1)
    options = {"n_workers": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(**options) as cluster:
        address = cluster.scheduler_address
        with dask.DaskExecutor(tmp_path, "simulation", address, 1) as executor:
            cluster.scale(0)
            until(lambda: not cluster.scheduler.workers)
            request = UnitRequest(unit=Unit("base", "dev"), operation=Operation.UP)
            task = Task(work=carried_out_nowhere, root=str(tmp_path), engine="simulation", request=request, config=None)
            with pytest.raises(EngineUnavailableError, match="has had no worker for 1 s"):
                executor.send(task, lambda _: None).result(LONG)


def carried_out_nowhere(_engine: Engine, _request: UnitRequest, _tell: Sink) -> UnitResult:
    raise AssertionError("no worker is there")


def test_an_interrupt_reaches_the_other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = shop_with(tmp_path, monkeypatch, 'executor = "processes"\nparallel = 1')
    (shop.folder / "base" / "__main__.py").write_text("import time\ntime.sleep(1)\n")

    def hear(event: Event) -> None:
        if isinstance(event, UnitStarted):
            threading.Timer(0.2, orchestrator.interrupt).start()

    orchestrator = Orchestrator(shop.folder, engine="simulation", observer=hear)
    report = orchestrator.create_env("alpha", base="dev")
    assert report.results[1].status is Status.CANCELLED
    assert report.exit_code == 130


def quick(_engine: Engine, request: UnitRequest, _tell: Sink) -> UnitResult:
    return UnitResult(unit=request.unit, operation=request.operation, status=Status.SUCCEEDED)


def interrupted(engine: Engine, request: UnitRequest, tell: Sink) -> UnitResult:
    heard = threading.Event()
    setattr(engine, "interrupt", heard.set)  # noqa: B010
    tell(Diagnostic(unit=request.unit, severity="info", message="begun"))
    assert heard.wait(LONG)
    return UnitResult(unit=request.unit, operation=request.operation, status=Status.CANCELLED)


def test_an_interrupt_reaches_a_unit_after_another_process_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, begun = shop_with(tmp_path, monkeypatch, 'executor = "processes"'), threading.Event()
    executor = ProcessExecutor(shop.folder, "simulation")

    def sent(work: Work) -> Future[Answer]:
        request = UnitRequest(unit=BASE, operation=Operation.UP)
        task = Task(work=work, root=str(shop.folder), engine="simulation", request=request, config=None)
        return executor.send(task, lambda _: begun.set())

    assert sent(quick).result(LONG).result.status is Status.SUCCEEDED
    until(lambda: not [each for each in multiprocessing.active_children() if each.name == f"unit {BASE}"])
    second = sent(interrupted)
    assert begun.wait(LONG)
    interrupting = threading.Thread(target=executor.interrupt, daemon=True)
    interrupting.start()
    assert second.result(LONG).result.status is Status.CANCELLED
    interrupting.join(60)
    assert not interrupting.is_alive(), "the process that has ended does not hold the interrupt up"


def test_only_units_run(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a remote executor runs only the work on a unit"):
        ProcessExecutor(tmp_path, "simulation").submit(print, "x")


def test_a_scheduler_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr("orchestrator.executors.dask.CONNECT_SECONDS", 1)
    shop = shop_with(tmp_path, monkeypatch, 'executor = "dask"\nscheduler = "tcp://127.0.0.1:1"')
    with pytest.raises(EngineUnavailableError, match=r"^the Dask scheduler tcp://127\.0\.0\.1:1 cannot be reached"):
        Orchestrator(shop.folder, engine="simulation").create_base("dev")


def test_a_scheduler_without_dask_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = shop_with(tmp_path, monkeypatch, 'scheduler = "tcp://127.0.0.1:1"')
    with pytest.raises(SettingsError, match=r"runner\.scheduler is set, but runner\.executor is 'threads'"):
        Orchestrator(shop.folder)


@pytest.mark.engine
@pytest.mark.parametrize("where", ["processes", "dask"])
def test_the_real_engine_works_in_another_process_and_its_salt_is_written_back(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(tmp_path / "shop", "pulumi", monkeypatch.setenv)
    setting = f'executor = "{where}"'
    (shop.folder / "orchestrator.toml").write_text(f"{SETTINGS}\n[runner]\n{setting}\n")
    report = Orchestrator(shop.folder, engine="pulumi").create_env("alpha", base="dev")
    assert [r.status for r in report.results] == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert "encryptionsalt: v1:" in (shop.folder / "base" / "Pulumi.dev.yaml").read_text()
    assert shop.cloud() == ["first", "last", "second", "topic"]


def test_no_worker_process_is_left_when_the_orchestrator_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_with(tmp_path, monkeypatch, 'executor = "processes"')
    (shop.folder / "base" / "__main__.py").write_text(
        "import os, pathlib, time\npathlib.Path('../pid').write_text(str(os.getpid()))\ntime.sleep(2)\n"
    )
    command = [sys.executable, "-m", "orchestrator", "create-base", "dev", "--engine", "simulation", "--no-cost"]
    ours = subprocess.Popen(command, cwd=shop.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = shop.folder / "pid"
    until(lambda: file.exists() and file.read_text())
    os.kill(ours.pid, signal.SIGKILL)
    ours.wait()
    pid = int(file.read_text())
    assert pid != ours.pid, "the unit runs in a worker process"
    until(lambda: not exists(pid), "the worker outlived its unit")


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_local_cluster_listens_on_this_machine_only(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    from urllib.parse import urlsplit

    from orchestrator.executors.dask import DaskExecutor

    with DaskExecutor(tmp_path, "simulation", None, 2) as executor:
        cluster = executor._client.cluster  # pyright: ignore[reportPrivateUsage]
        listening = cluster.scheduler.http_server
        addresses = [
            address[0] for server in [listening] for s in server._sockets.values() for address in [s.getsockname()]
        ]
        assert addresses
        assert set(addresses) == {"127.0.0.1"}
        assert urlsplit(cluster.scheduler.address).hostname == "127.0.0.1"
        workers = [*cluster.scheduler.workers, *(w.nanny for w in cluster.scheduler.workers.values() if w.nanny)]
        assert {urlsplit(address).hostname for address in workers} == {"127.0.0.1"}
