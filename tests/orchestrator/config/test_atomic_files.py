"""Files are replaced in one step, with the permissions of the files beside them or for one user."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from orchestrator.config import yaml_files
from orchestrator.config.atomic_files import create_private_folder, write_atomically
from orchestrator.cost import refresh
from orchestrator.cost.deployments import FILE, RememberedCosts
from orchestrator.cost.prices import USER_FILE, PriceTable
from orchestrator.engines.automation.storage import LocalFiles
from orchestrator.engines.simulation.store import Head, Store
from orchestrator.errors import OrchestratorError
from orchestrator.model import Unit


@contextmanager
def umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077])
def test_a_new_file_beside_pulumis_has_the_permissions_that_the_cli_gives(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        (tmp_path / "stacks").mkdir()
        (tmp_path / "stacks" / "dev.json").touch()  # as the CLI does: 0666 less the umask
        LocalFiles(tmp_path).write("stacks/dev.pulumi-tags", b"{}")
        LocalFiles(tmp_path).write("stacks/app/alpha.pulumi-tags", b"{}")
        yaml_files.write_text(tmp_path / "stacks" / "Pulumi.dev.yaml", "config: {}\n")
        with LocalFiles(tmp_path).exclusive("names"):
            assert mode(tmp_path / "names.lock") == 0o666 & ~mask
    wanted = mode(tmp_path / "stacks" / "dev.json")
    assert wanted == 0o666 & ~mask
    for name in ("dev.pulumi-tags", "app/alpha.pulumi-tags", "Pulumi.dev.yaml"):
        assert mode(tmp_path / "stacks" / name) == wanted
    assert mode(tmp_path / "stacks" / "app") == mode(tmp_path / "stacks") == 0o777 & ~mask


@pytest.mark.parametrize("before", [0o664, 0o600, 0o640])
def test_a_file_that_is_replaced_keeps_mode_and_group(tmp_path: Path, before: int) -> None:
    file = tmp_path / "dev.pulumi-tags"
    file.write_text("{}")
    file.chmod(before)
    if os.geteuid() == 0:
        os.chown(file, -1, 60)
    group = file.stat().st_gid
    LocalFiles(tmp_path).write("dev.pulumi-tags", b'{"tags": {}}')
    assert (mode(file), file.stat().st_gid) == (before, group)
    assert os.listdir(tmp_path) == ["dev.pulumi-tags"]


def test_a_file_in_a_folder_of_a_group_has_that_group(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder to another group")
    os.chown(tmp_path, -1, 60)
    tmp_path.chmod(0o2775)
    LocalFiles(tmp_path).write("stacks/dev.pulumi-tags", b"{}")
    assert (tmp_path / "stacks" / "dev.pulumi-tags").stat().st_gid == 60


def _writes_prices(folder: Path) -> None:
    refresh.write(PriceTable(day=date(2026, 1, 1), region="eu-west-1", families={}), folder)


def _writes_costs(folder: Path) -> None:
    RememberedCosts(folder).remember({"key": 1.0})


WRITERS: dict[str, Callable[[Path], None]] = {
    "dev.pulumi-tags": lambda folder: LocalFiles(folder).write("dev.pulumi-tags", b"{}"),
    "Pulumi.dev.yaml": lambda folder: yaml_files.write_text(folder / "Pulumi.dev.yaml", "config: {}\n"),
    "app/alpha.jsonl": lambda folder: Store(folder).write(Unit("app", "alpha"), Head(), {}),
    "app/alpha.claim": lambda folder: Store(folder).claim(Unit("app", "alpha"), {}),
    "marks/base.json": lambda folder: Store(folder).marks.set("base", {}),
    FILE: _writes_costs,
    str(USER_FILE): _writes_prices,
    "private": lambda folder: write_atomically(folder / "private", "text", private=True),
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_temporary_file_stays_when_replacing_fails(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.mkdir(parents=True)  # a folder cannot be replaced by a file
    with contextlib.suppress(OrchestratorError, OSError):
        WRITERS[name](tmp_path)
    assert target.is_dir()
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_leaves_its_file_and_no_other(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path)
    assert (tmp_path / name).is_file()
    assert os.listdir((tmp_path / name).parent) == [(tmp_path / name).name]


def test_an_interrupt_while_writing_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state"
    file.write_text("old")

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, "new")
    assert os.listdir(tmp_path) == ["state"]
    assert file.read_text() == "old"


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_private_files_and_folders_ignore_the_umask(tmp_path: Path) -> None:
    with umask(0):
        create_private_folder(tmp_path / "a" / "b")
        write_atomically(tmp_path / "a" / "b" / "c", "text", private=True)
        (tmp_path / "a" / "open").touch(0o666)
        write_atomically(tmp_path / "a" / "open", "text", private=True)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c", "a/open")] == [0o700, 0o700, 0o600, 0o600]
    assert os.listdir(tmp_path / "a" / "b") == ["c"]
