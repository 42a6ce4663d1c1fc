"""Programs in our own host: the same as in the CLI's host, also when a process dies."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import LanguageRuntimeStub, language_pb2

from orchestrator.engines.program_host import required_packages, suitable
from orchestrator.engines.program_host.hosts import Hosts
from orchestrator.errors import OperationFailedError, OrchestratorError
from orchestrator.events import Diagnostic, ResourceEvent
from orchestrator.model import Operation
from tests.support.engines import APP, BASE, ROOT, Workshop

pytestmark = pytest.mark.engine

SHOWN = """
import json, os, pathlib, sys
import orchestrator_settings
seen = {
    "arguments": [each if not each.startswith("127.") else "address" for each in sys.argv],
    "folder": os.getcwd(), "name": __name__, "path": sys.path, "file": __file__,
    "interpreter": [sys.executable, sys.prefix, sys.flags.optimize, sys.stdout.encoding, sys.stdout.line_buffering],
    "environment": {
        name: value for name, value in os.environ.items()
        if name not in ("TRACEPARENT", "ORCHESTRATOR_PROGRAM_HOST", "PULUMI_LOG_OTLP_ENDPOINT") and not name.startswith("PULUMI_CONFIG_PASS")
    },
    "stack": [pulumi.get_stack(), pulumi.get_project(), pulumi.get_organization(), pulumi.get_root_directory()],
    "secret": pulumi.runtime.config.is_config_secret("fixture-base:key"),
    "loaded": orchestrator_settings.__file__,
    "input": sys.stdin.read(),
}
pathlib.Path(os.environ["SEEN"]).write_text(json.dumps(seen))
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, "pulumi", monkeypatch.setenv)


def add(shop: Workshop, project: str, text: str) -> None:
    program = shop.folder / project / "__main__.py"
    program.write_text(f"{program.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")


def running(shop: Workshop, word: str = "") -> list[int]:
    """Processes of the shop, found by the environment that they got."""
    mark = f"PULUMI_HOME={shop.folder / 'home'}".encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
            if mark in (folder / "environ").read_bytes().split(b"\0") and word in words:
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(set(found) - {os.getpid()})


def until(condition: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def names(shop: Workshop) -> list[str]:
    return [event.name for event in shop.events if isinstance(event, ResourceEvent)]


def messages(shop: Workshop) -> list[str]:
    return [event.message for event in shop.events if isinstance(event, Diagnostic)]


@contextmanager
def updating(shop: Workshop, *, waits: bool = False) -> Generator[list[BaseException]]:
    """An update of the environment, which takes some seconds, in a thread; and what it raised."""
    shop.configure(APP, base="dev", tags='{"slow": "4"}')
    raised: list[BaseException] = []

    def up() -> None:
        try:
            shop.run(APP)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=up)
    thread.start()
    begun = (lambda: "waits" in messages(shop)) if waits else (lambda: "topic" in names(shop))
    until(begun)
    yield raised
    thread.join(90)
    assert not thread.is_alive()


def test_a_program_sees_what_it_sees_in_the_host_of_the_cli(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    add(shop, "base", SHOWN)
    (shop.folder / "base" / "orchestrator_settings.py").write_text("", encoding="utf-8")
    seen: list[Any] = []
    for switch in ("0", "1"):
        file = shop.folder / f"seen-{switch}.json"
        monkeypatch.setenv(suitable.VARIABLE, switch)
        monkeypatch.setenv("SEEN", str(file))
        shop.engine = shop.another()
        shop.run(BASE)
        assert bool(running(shop, "starter.py")) is (switch == "1")
        seen.append(json.loads(file.read_text(encoding="utf-8").replace(f"seen-{switch}", "seen")))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["orchestrator", "pulumi_aws", "metadata"])
def test_a_module_of_the_program_comes_before_one_that_the_host_has_imported(shop: Workshop, name: str) -> None:
    program = shop.folder / "base" / "__main__.py"
    (program.parent / f"{name}.py").write_text("whose = 'mine'\n", encoding="utf-8")
    program.write_text(f"import pulumi\nimport {name}\npulumi.export('whose', {name}.whose)\n", encoding="utf-8")
    assert shop.run(BASE).outputs["whose"].value == "mine"


def test_the_output_of_a_program_is_reported_with_its_lines_and_a_traceback_as_one(shop: Workshop) -> None:
    add(
        shop,
        "base",
        "import subprocess, sys\nprint('one')\nprint('two', file=sys.stderr)\nsubprocess.run(['echo', 'three'])",
    )
    add(shop, "base", "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()")
    shop.run(BASE)
    said = messages(shop)
    assert {"one", "two", "three"} <= set(said)
    assert [text.splitlines()[0] for text in said if "ZeroDivisionError" in text] == [
        "Traceback (most recent call last):"
    ]


def test_previews_plans_and_updates_need_no_host_of_the_cli(shop: Workshop, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    shop.run(BASE)
    shop.configure(BASE, size="medium")
    shop.run(BASE, Operation.PREVIEW, plan_file=plan)
    shop.run(BASE, plan_file=plan)
    shop.run(BASE)
    shop.configure(BASE, size="large")
    with pytest.raises(OperationFailedError, match="dev did not follow its plan"):
        shop.run(BASE, plan_file=plan)
    until(lambda: not hosts(shop))
    assert len(running(shop, "starter.py")) == 1
    assert not running(shop, "pulumi-language-python")


def test_our_death_lets_the_engine_and_the_program_finish_and_leaves_no_process(shop: Workshop) -> None:
    shop.run(BASE)
    shop.configure(APP, base="dev", tags='{"slow": "4"}')
    code = f"from orchestrator.api import Orchestrator; Orchestrator({str(shop.folder)!r}, engine='pulumi').create_env('alpha', base='dev')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ORCHESTRATOR_CHECK": "false"}
    ours = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=shop.folder)
    until(lambda: len(hosts(shop)) == 2 and list((shop.state / ".pulumi" / "locks").rglob("fixture-app/alpha/*.json")))
    time.sleep(1)
    ours.kill()
    ours.wait()
    del shop.engine
    gc.collect()  # ends the starter of this process
    until(lambda: not running(shop))
    assert shop.cloud() == ["first", "last", "second", "topic"]
    assert list((shop.state / ".pulumi" / "locks").rglob("*.json")) == []


def test_a_killed_host_fails_the_update_in_one_sentence_and_the_next_one_finishes(shop: Workshop) -> None:
    shop.run(BASE)
    with updating(shop) as raised:
        for pid in hosts(shop):
            os.kill(pid, signal.SIGKILL)
    assert isinstance(raised[0], OrchestratorError)
    assert raised[0].message == "alpha failed: the process that runs its program was killed"
    shop.configure(APP, base="dev")
    shop.run(APP)
    assert shop.cloud() == ["first", "last", "second", "topic"]


def test_a_killed_program_fails_the_update_in_one_sentence(shop: Workshop) -> None:
    add(shop, "base", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(OperationFailedError, match="program exited with non-zero exit code: -1"):
        shop.run(BASE)


def test_a_killed_engine_ends_the_host_and_the_program_within_seconds(shop: Workshop) -> None:
    shop.run(BASE)
    add(shop, "app", "import time\nprint('waits', flush=True)\ntime.sleep(600)")
    with updating(shop, waits=True):
        assert len(hosts(shop)) == 2  # the host and its program
        for pid in running(shop, "pulumi\0--non-interactive"):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not hosts(shop), seconds=20)


def test_a_host_for_which_no_cli_was_started_ends_at_once(shop: Workshop) -> None:
    folder, found = shop.folder / "base", Hosts()
    with found.host(folder, shop.folder, os.environ) as host:
        assert host is not None
        assert len(hosts(shop)) == 2
    until(lambda: not hosts(shop), seconds=20)


def test_a_killed_starter_is_replaced(shop: Workshop) -> None:
    shop.run(BASE)
    until(lambda: not hosts(shop))
    (starter,) = running(shop, "starter.py")
    os.kill(starter, signal.SIGKILL)
    shop.configure(BASE, size="large")
    shop.run(BASE)
    assert {*running(shop, "starter.py")} - {starter}


def test_a_program_that_ignores_the_interrupt_is_ended(shop: Workshop) -> None:
    add(
        shop,
        "app",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('waits', flush=True)\ntime.sleep(600)",
    )
    shop.run(BASE)
    with updating(shop, waits=True):
        shop.engine.interrupt()
    until(lambda: not hosts(shop), seconds=30)


def hosts(shop: Workshop) -> list[int]:
    """The processes of running hosts and programs: children of the starter, and theirs."""
    found, parents = running(shop, "starter.py"), dict[int, int]()
    for pid in found:
        with suppress(OSError):
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return [pid for pid, parent in parents.items() if parent in found]


@pytest.fixture
def cli_host() -> Generator[LanguageRuntimeStub]:
    """The host of the CLI itself."""
    process = subprocess.Popen(["pulumi-language-python"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process, grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
        yield LanguageRuntimeStub(channel)
        process.terminate()


def test_the_required_packages_are_those_of_the_cli(cli_host: LanguageRuntimeStub, tmp_path: Path) -> None:
    (tmp_path / "venv").symlink_to(Path(sys.executable).parents[1])
    info = language_pb2.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point=".")
    info.options.update({"virtualenv": "venv"})
    answer = cli_host.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info))
    theirs = {(each.name, each.version, each.server, each.kind) for each in answer.packages}
    ours = {(each.name, each.version, each.server, "resource") for each in required_packages.required_packages()}
    assert ours == theirs
    assert ours
