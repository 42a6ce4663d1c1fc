"""User, commit, branch and tracked files from git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.lifecycle.git import Checkout, checkout, pipeline_user, tracked
from tests.support.workspace import Workspace


def test_a_checkout_has_user_commit_and_branch(committed: Workspace) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=committed.root, capture_output=True, text=True, check=True)
    assert checkout(committed.root) == Checkout(user="Ada Lovelace", commit=head.stdout.strip(), branch="feature/cart")


def test_a_detached_head_has_no_branch(committed: Workspace) -> None:
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=committed.root, check=True)
    assert checkout(committed.root).branch is None


def test_a_folder_outside_a_repository_has_only_a_user(workspace: Workspace) -> None:
    assert checkout(workspace.root) == Checkout(user="Ada Lovelace")


def test_the_mail_address_replaces_a_missing_name(workspace: Workspace, git: Path) -> None:
    git.write_text("[user]\n\temail = ada@example.com\n")
    assert checkout(workspace.root).user == "ada@example.com"


def test_without_git_nothing_is_known(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workspace.root))
    assert checkout(workspace.root) == Checkout()
    assert tracked(workspace.root, "*") == frozenset()


def test_a_folder_that_is_gone_is_no_error(workspace: Workspace) -> None:
    assert checkout(workspace.root / "gone") == Checkout()


def test_a_file_is_tracked_once_it_is_added(committed: Workspace) -> None:
    old, new = committed.file("app", "alpha"), committed.write("app", "beta", "config: {}\n")
    assert tracked(old.parent, "Pulumi.*") >= {old.name}
    subprocess.run(["git", "add", new], cwd=committed.root, check=True)
    assert tracked(old.parent, "Pulumi.*") >= {old.name, new.name}


def test_only_files_of_the_folder_itself_are_tracked_in_it(committed: Workspace) -> None:
    folder = committed.file("app", "alpha").parent
    (folder / "Pulumi.d").mkdir()
    (folder / "Pulumi.d" / "Pulumi.beta.yaml").write_text("config: {}\n")
    subprocess.run(["git", "add", "."], cwd=committed.root, check=True)
    assert all("/" not in name and name.startswith("Pulumi.") for name in tracked(folder, "Pulumi.*"))


def test_the_user_of_a_pipeline_is_the_first_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BITBUCKET_STEP_TRIGGERER_UUID", "CODEBUILD_INITIATOR"):
        monkeypatch.delenv(variable, raising=False)
    assert pipeline_user() is None
    monkeypatch.setenv("CODEBUILD_INITIATOR", "bob")
    assert pipeline_user() == "bob"
    monkeypatch.setenv("GITHUB_ACTOR", " ")
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ada ")
    assert pipeline_user() == "ada"
