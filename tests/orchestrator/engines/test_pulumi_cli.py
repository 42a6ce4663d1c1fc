"""The CLI: missing, too old, broken, and how it is run."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.engines.automation.cli_version import Memory
from orchestrator.engines.automation.pulumi_cli import Cli
from orchestrator.errors import EngineUnavailableError, InterruptedRunError
from tests.support.arena import until
from tests.support.engines import Workshop


def fake_cli(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch, *, language_host: bool = True) -> Cli:
    """A `pulumi` of ours on PATH; the body is Python."""
    for name, text in {"pulumi": body, **({"pulumi-language-python": ""} if language_host else {})}.items():
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return Cli({})


def test_the_error_for_a_missing_cli_has_an_installation_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError) as refused:
        Cli({}).check()
    assert refused.value.message == "the Pulumi CLI was not found: no `pulumi` on PATH"
    assert "--engine simulation" in str(refused.value.hint)


def test_the_error_for_an_old_cli_names_the_required_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = fake_cli(tmp_path, "print('v3.100.0')", monkeypatch)
    with pytest.raises(
        EngineUnavailableError,
        match=r"the Pulumi CLI is too old: its version is v3\.100\.0, and 3\.\d+\.\d+ or newer is required",
    ):
        cli.check()


def test_a_cli_that_does_not_run_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineUnavailableError, match="the Pulumi CLI does not run"):
        fake_cli(tmp_path, "raise SystemExit(3)", monkeypatch).check()


def test_a_cli_without_its_language_host_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = fake_cli(tmp_path, "print('v3.260.0')", monkeypatch, language_host=False)
    with pytest.raises(EngineUnavailableError, match="no `pulumi-language-python` on PATH"):
        cli.check()


@pytest.mark.parametrize("version", ["v3.200.0", "3.200.1", "v3.260.0", "v4.0.0"])
def test_a_new_enough_cli_is_asked_for_its_version_once(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    cli = fake_cli(tmp_path, f"open({str(asked)!r}, 'a').write('x')\nprint({version!r})", monkeypatch)
    cli.check()
    cli.check()
    assert asked.read_text() == "x"


def test_the_version_of_a_program_is_known_until_its_file_changes(tmp_path: Path) -> None:
    program, memory = tmp_path / "pulumi", Memory(tmp_path / "state" / "cli.json")
    program.write_bytes(b"\x7fELF one")
    assert memory.version(str(program)) is None
    memory.keep(str(program), "v3.260.0")
    assert memory.version(str(program)) == "v3.260.0"
    program.write_bytes(b"\x7fELF two and more")
    assert memory.version(str(program)) is None
    memory.keep(str(program), "v3.261.0")
    memory.file.write_text("{", encoding="utf-8")
    assert memory.version(str(program)) is None


def test_the_version_of_a_manager_of_versions_is_asked_for_each_time(tmp_path: Path) -> None:
    script, memory = tmp_path / "pulumi", Memory(tmp_path / "cli.json")
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    memory.keep(str(script), "v3.260.0")
    manager, link = tmp_path / "manager", tmp_path / "bin" / "pulumi"
    manager.write_bytes(b"\x7fELF")
    link.parent.mkdir()
    link.symlink_to(manager)
    memory.keep(str(link), "v3.260.0")
    assert not memory.file.exists()


@pytest.mark.engine
def test_a_known_version_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(tmp_path / "cli.json")
    Cli({}, memory).check()
    monkeypatch.setattr(Cli, "_version", lambda _self: pytest.fail("the CLI was asked"))
    Cli({}, memory).check()


def test_output_errors_exit_code_and_event_lines_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\n"
        "log = open(sys.argv[sys.argv.index('--event-log') + 1], 'a')\n"
        "[log.write(f'line {n}\\n') for n in range(5000)]\nlog.close()\nsys.exit(7)"
    )
    lines: list[str] = []
    finished = fake_cli(tmp_path, body, monkeypatch).run(["up"], tmp_path, on_event_line=lines.append)
    assert (finished.code, finished.output, finished.errors) == (7, "out\n", "err\n")
    assert lines == [f"line {n}" for n in range(5000)]


def test_thousands_of_lines_do_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = fake_cli(
        tmp_path, "print('x' * 100 + '\\n', end='') if 0 else [print('y' * 200) for _ in range(20000)]", monkeypatch
    ).run(["up"], tmp_path)
    assert finished.output.count("\n") == 20000


def test_it_runs_in_a_session_of_its_own_without_a_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import os, sys\nprint(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    assert fake_cli(tmp_path, body, monkeypatch).run(["up"], tmp_path).output == "True ''\n"


COUNTS_SIGNALS = """\
import os, signal, time
seen = []
def on_signal(*_):
    seen.append(1)
    open("seen-%d" % len(seen), "w").close()
signal.signal(signal.SIGINT, on_signal)
open("ready", "w").close()
while not os.path.exists("end"):
    time.sleep(0.01)
print(len(seen))
"""


def test_exactly_one_signal_is_sent_however_often_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, answers = fake_cli(tmp_path, COUNTS_SIGNALS, monkeypatch), []
    thread = threading.Thread(target=lambda: answers.append(cli.run(["up"], tmp_path)))
    thread.start()
    until((tmp_path / "ready").exists)
    cli.interrupt()
    # The process has handled the first signal. Signals that are sent before that merge into one.
    until((tmp_path / "seen-1").exists)
    for _ in range(5):
        cli.interrupt()
    (tmp_path / "end").touch()
    thread.join(300)
    assert answers[0].output == "1\n"
    with pytest.raises(InterruptedRunError):
        cli.run(["up"], tmp_path)


def test_a_killed_cli_has_its_signal_as_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    assert fake_cli(tmp_path, body, monkeypatch).run(["up"], tmp_path).code == -signal.SIGKILL


def test_only_the_user_can_read_the_event_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "import os, sys\nname = sys.argv[sys.argv.index('--event-log') + 1]\nprint(oct(os.stat(name).st_mode & 0o777))"
    )
    finished = fake_cli(tmp_path, body, monkeypatch).run(["up"], tmp_path, on_event_line=lambda _line: None)
    assert finished.output == "0o600\n"


def test_a_missing_state_backend_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    with pytest.raises(EngineUnavailableError) as refused:
        shop.another().stacks()
    assert refused.value.message == (
        "no Pulumi state backend is configured: no `pulumi login`, no PULUMI_BACKEND_URL, no `backend` in Pulumi.yaml"
    )
    assert "run `pulumi login`" in str(refused.value.hint)


def test_a_folder_that_pulumi_is_logged_in_to_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path, "pulumi", monkeypatch.setenv)
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    (tmp_path / "home").mkdir()
    login = json.dumps({"current": f"file://{tmp_path / 'state'}"})
    (tmp_path / "home" / "credentials.json").write_text(login, encoding="utf-8")
    assert shop.another().stacks() == ()
