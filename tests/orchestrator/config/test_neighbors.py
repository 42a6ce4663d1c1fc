"""New files have the permissions of what stands beside them, or are for one user alone."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.config.neighbors import open_beside, private_folder, write_private
from orchestrator.config.yaml_files import write_atomically
from orchestrator.engines.automation.files import LocalFiles


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
        write_atomically(tmp_path / "stacks" / "Pulumi.dev.yaml", "config: {}\n")
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


def test_a_fresh_neighbor_is_never_one_that_was_there(tmp_path: Path) -> None:
    first, _ = open_beside(tmp_path / "a")
    second, _ = open_beside(tmp_path / "a")
    os.close(first)
    os.close(second)
    assert len(os.listdir(tmp_path)) == 2


def test_what_is_private_is_so_under_every_umask(tmp_path: Path) -> None:
    with umask(0):
        private_folder(tmp_path / "a" / "b")
        write_private(tmp_path / "a" / "b" / "c", "text")
        (tmp_path / "a" / "open").touch(0o666)
        write_private(tmp_path / "a" / "open", "text")
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c", "a/open")] == [0o700, 0o700, 0o600, 0o600]
    assert os.listdir(tmp_path / "a" / "b") == ["c"]
