"""The files of an image: git and `.dockerignore` decide, and every change of them changes the hash."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestrator.building import source_tree
from orchestrator.building.source_tree import SourceTree
from orchestrator.errors import OperationFailedError, OrchestratorError, RefusedError, SettingsError

FILES = {
    "Dockerfile": "FROM scratch\nCOPY . /app\n",
    ".gitignore": ".env\ndist/\n*.pyc\n",
    ".dockerignore": "docs\n**/tests\n.git*\n",
    "manage.py": "print()\n",
    "shop/settings.py": "",
    "shop/tests/test_a.py": "",
    "docs/index.md": "",
    ".env": "SECRET=1\n",
    "dist/app.js": "js",
    "shop/a.pyc": "",
}


def write(root: Path, files: Mapping[str, str] = FILES) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def commit(root: Path) -> None:
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)


@pytest.fixture
def repository(tmp_path: Path, git: Path) -> Path:
    assert git.is_file()
    root = write(tmp_path / "repository")
    commit(root)
    return root


def names(tree: SourceTree) -> list[str]:
    return [file.path for file in tree.files]


def test_an_image_gets_the_files_of_git_without_those_of_dockerignore(repository: Path) -> None:
    tree = source_tree.read(repository, "Dockerfile")
    assert names(tree) == [".dockerignore", "Dockerfile", "manage.py", "shop/settings.py"]
    assert (tree.uncommitted, tree.in_git) == (0, True)


def test_new_and_changed_files_count_although_they_are_not_committed(repository: Path) -> None:
    before = source_tree.read(repository, "Dockerfile")
    (repository / "new.py").write_text("")
    (repository / "manage.py").write_text("changed")
    tree = source_tree.read(repository, "Dockerfile")
    assert "new.py" in names(tree)
    assert tree.uncommitted == 2
    assert tree.hash() != before.hash()


def test_files_that_are_not_in_the_image_do_not_count_as_changes_of_it(repository: Path) -> None:
    (repository / ".dockerignore").write_text("infrastructure\n")
    commit(repository)
    write(repository, {"infrastructure/app/Pulumi.alpha.yaml": "config:\n", "infrastructure/orchestrator.toml": ""})
    assert source_tree.read(repository, "Dockerfile").uncommitted == 0
    write(repository, {"part/Dockerfile": "FROM scratch\n", "part/new/a.py": "", "part/new/b.py": ""})
    assert source_tree.read(repository / "part", "Dockerfile").uncommitted == 3, "each file of a new folder counts"
    commit(repository)
    (repository / "part/new/a.py").unlink()
    assert source_tree.read(repository / "part", "Dockerfile").uncommitted == 1, "a file that is gone counts"


def test_a_deleted_file_that_git_tracks_is_not_part_of_the_image(repository: Path) -> None:
    (repository / "manage.py").unlink()
    assert "manage.py" not in names(source_tree.read(repository, "Dockerfile"))


def test_include_adds_files_that_git_ignores(repository: Path) -> None:
    assert "dist/app.js" in names(source_tree.read(repository, "Dockerfile", ["dist"]))
    assert ".env" not in names(source_tree.read(repository, "Dockerfile", ["dist"]))


def test_the_dockerignore_of_a_dockerfile_replaces_that_of_the_context(repository: Path) -> None:
    write(repository, {"web.Dockerfile": "FROM scratch\n", "web.Dockerfile.dockerignore": "*\n!manage.py\n"})
    assert names(source_tree.read(repository, "web.Dockerfile")) == ["manage.py"]


def test_only_a_part_of_a_repository_can_be_the_context(repository: Path) -> None:
    write(repository, {"shop/Dockerfile": "FROM scratch\n", "unrelated.py": ""})
    tree = source_tree.read(repository / "shop", "Dockerfile")
    assert names(tree) == ["Dockerfile", "settings.py", "tests/test_a.py"]
    assert tree.uncommitted == 1


def test_files_of_a_submodule_are_part_of_the_image(repository: Path) -> None:
    commit(write(repository / "library", {"code.py": "", ".gitignore": "*.log\n", "x.log": ""}))
    assert "library/code.py" in names(source_tree.read(repository, "Dockerfile"))
    assert "library/x.log" not in names(source_tree.read(repository, "Dockerfile"))


def test_a_folder_that_is_not_in_git_gives_all_files_of_dockerignore(tmp_path: Path, git: Path) -> None:
    assert git.is_file()
    tree = source_tree.read(write(tmp_path / "plain"), "Dockerfile")
    assert not tree.in_git
    assert {".env", "dist/app.js"} <= {*names(tree)}
    assert "docs/index.md" not in names(tree)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "manage.py").write_text("x"),
        lambda root: (root / "manage.py").chmod(0o755),
        lambda root: (root / "manage.py").rename(root / "run.py"),
        lambda root: (root / "Dockerfile").write_text("FROM x\n"),
        lambda root: ((root / "manage.py").unlink(), (root / "manage.py").symlink_to("shop/settings.py")),
    ],
    ids=["content", "execution bit", "name", "Dockerfile", "link"],
)
def test_every_change_of_a_file_changes_the_hash(repository: Path, change: Callable[[Path], object]) -> None:
    before = source_tree.read(repository, "Dockerfile").hash()
    change(repository)
    assert source_tree.read(repository, "Dockerfile").hash() != before


def test_times_owners_and_the_place_of_the_repository_do_not_change_the_hash(repository: Path, tmp_path: Path) -> None:
    before = source_tree.read(repository, "Dockerfile").hash()
    os.utime(repository / "manage.py", (1, 1))
    (repository / "docs" / "more.md").write_text("excluded")
    shutil.move(repository, tmp_path / "elsewhere")
    assert source_tree.read(tmp_path / "elsewhere", "Dockerfile").hash() == before


def test_the_copy_has_exactly_the_files(repository: Path, tmp_path: Path) -> None:
    (repository / "link.py").symlink_to("manage.py")
    tree = source_tree.read(repository, "Dockerfile")
    tree.copy_to(tmp_path / "copy")
    found = sorted(
        str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if not path.is_dir()
    )
    assert found == names(tree)
    assert os.readlink(tmp_path / "copy" / "link.py") == "manage.py"


@pytest.mark.parametrize("target", ["../outside.txt", "/etc/passwd", "shop/../../outside.txt"])
def test_a_link_out_of_the_context_is_refused(repository: Path, target: str) -> None:
    (repository / "link").symlink_to(target)
    with pytest.raises(RefusedError, match=r"link is a symbolic link to .*, outside the build context"):
        source_tree.read(repository, "Dockerfile")
    (repository / ".dockerignore").write_text("link\n")
    assert "link" not in names(source_tree.read(repository, "Dockerfile"))


def test_a_bare_repository_is_refused(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(bare)], check=True)
    write(bare, {"Dockerfile": "FROM scratch\n"})
    with pytest.raises(RefusedError, match="is in a bare git repository, which has no files to build"):
        source_tree.read(bare, "Dockerfile")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: (root / "Dockerfile").unlink(), r"there is no Dockerfile .*/Dockerfile"),
        (lambda root: (root / ".dockerignore").write_bytes(b"\xff"), r"\.dockerignore cannot be read: it is not UTF-8"),
        (lambda root: (root / ".dockerignore").write_text("a[b"), r"\.dockerignore cannot be read: a\[b"),
        (lambda root: shutil.rmtree(root), r"the build context .* is not a folder"),
    ],
    ids=["no Dockerfile", "not UTF-8", "open bracket", "no folder"],
)
def test_a_context_that_cannot_be_built_is_refused(
    repository: Path, prepare: Callable[[Path], object], message: str
) -> None:
    prepare(repository)
    with pytest.raises(SettingsError, match=message):
        source_tree.read(repository, "Dockerfile")


def test_a_file_that_cannot_be_read_is_named(repository: Path) -> None:
    tree = source_tree.read(repository, "Dockerfile")
    (repository / "manage.py").unlink()
    with pytest.raises(OperationFailedError, match=r"manage\.py cannot be read: No such file"):
        tree.hash()


def test_a_full_disk_during_the_copy_is_explained(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tree = source_tree.read(repository, "Dockerfile")
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OrchestratorError, match=r"cannot be copied to .*: No space left on device") as caught:
        tree.copy_to(tmp_path / "copy")
    assert caught.value.hint == "free some space, or set TMPDIR to a folder on a larger disk"
