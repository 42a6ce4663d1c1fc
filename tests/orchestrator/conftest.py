"""A user's folder for each test, with git settings of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.workspace import Workspace


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Git knows only what a test tells it: Ada works here."""
    home = tmp_path_factory.mktemp("home")
    config = home / "gitconfig"
    config.write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(home.parent))
    return config


@pytest.fixture
def workspace(tmp_path: Path, git: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """`orchestrator.toml`, a base and an app project, the base `dev` and the environment `alpha` configured."""
    assert git.is_file()
    monkeypatch.delenv("ORCHESTRATOR_PROJECT_DIR", raising=False)
    return Workspace(tmp_path)


@pytest.fixture
def committed(workspace: Workspace) -> Workspace:
    """The same folder, checked in on the branch `feature/cart`."""
    for arguments in (
        ["init", "-q"],
        ["checkout", "-q", "-b", "feature/cart"],
        ["add", "."],
        ["commit", "-q", "-m", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=workspace.root, check=True)
    return workspace
