"""User, commit and branch of a folder, from git; all are None without git or a repository."""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_SECONDS = 10
# CodeBuild names the pipeline or the user that started a build.
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
_PIPELINE_USERS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BITBUCKET_STEP_TRIGGERER_UUID", "CODEBUILD_INITIATOR")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """The user, commit and branch of a folder."""

    user: str | None = None
    """`user.name`, else `user.email`."""

    commit: str | None = None
    """Full hash of HEAD."""

    branch: str | None = None
    """None when HEAD is detached."""


def checkout(folder: Path) -> Checkout:
    """The checkout that contains `folder`."""
    return Checkout(
        user=_answer(folder, "config", "user.name") or _answer(folder, "config", "user.email"),
        commit=_answer(folder, "rev-parse", "--verify", "--quiet", "HEAD"),
        branch=_answer(folder, "symbolic-ref", "--short", "--quiet", "HEAD"),
    )


def pipeline_user() -> str | None:
    """The user who started the pipeline on GitHub, GitLab, Bitbucket or CodeBuild; None elsewhere."""
    return next((name for variable in _PIPELINE_USERS if (name := os.environ.get(variable, "").strip())), None)


def login_name() -> str | None:
    """The name of the user of this process; None when the system has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return None


def top_folder(folder: Path) -> Path | None:
    """The folder of the repository that contains `folder`; None outside a repository."""
    found = _answer(folder, "rev-parse", "--show-toplevel")
    return Path(found) if found else None


def default_branch(folder: Path) -> str | None:
    """The default branch of the remote `origin`, if git knows it."""
    found = _answer(folder, "symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD")
    return found.partition("/")[2] or None if found else None


def tracked(folder: Path, pattern: str) -> frozenset[str]:
    """Names of the files in the folder that git tracks and that match the pattern."""
    found = _answer(folder, "ls-files", "-z", "--", f":(glob){pattern}")
    return frozenset((found or "").split("\0")) - {""}


def _answer(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    answer = done.stdout.decode(errors="replace").strip()
    return answer if done.returncode == 0 and answer else None
