"""The pull request that a pipeline runs for, from the variables of GitHub Actions or GitLab CI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config import documents
from orchestrator.errors import RefusedError, UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_NUMBER_HINT = "pass its number with --number"
MOST_EVENT_BYTES = 8 * 1024**2


@dataclass(frozen=True, kw_only=True)
class PipelineEvent:
    """The pull request of a pipeline's run."""

    number: int
    commit: str | None
    """Commit for which the pipeline was started; None when the caller named only the number."""


def given(number: int | None, commit: str | None, environ: Mapping[str, str]) -> PipelineEvent:
    """The pull request that the options name, else that of the pipeline. Raises UsageError, RefusedError."""
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise UsageError(f"--commit {commit} is invalid: it must be the full hash of a commit")
    if number is not None:
        return PipelineEvent(number=number, commit=commit)
    if environ.get("GITLAB_CI"):
        found = _gitlab(environ)
    elif environ.get("GITHUB_EVENT_PATH"):
        found = _github(environ)
    else:
        raise UsageError(
            "no pull request is named, and this is not a pipeline of GitHub Actions or GitLab CI", _NUMBER_HINT
        )
    return PipelineEvent(number=found.number, commit=commit or found.commit)


def _gitlab(environ: Mapping[str, str]) -> PipelineEvent:
    number = environ.get("CI_MERGE_REQUEST_IID", "")
    if not number.isascii() or not number.isdigit():
        raise UsageError("this pipeline runs for no merge request (CI_MERGE_REQUEST_IID is not set)", _NUMBER_HINT)
    # In a pipeline for the merge result CI_COMMIT_SHA is the commit of the merge.
    commit = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA", "")
    return PipelineEvent(number=int(number), commit=commit if _COMMIT.fullmatch(commit) else None)


def _github(environ: Mapping[str, str]) -> PipelineEvent:
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name == "pull_request_target":
        raise RefusedError(
            "the event pull_request_target is not accepted: it runs with the secrets of the repository for code of forks",
            "use the event pull_request",
        )
    event = _document(Path(environ["GITHUB_EVENT_PATH"]))
    found = event.get("pull_request")
    change: dict[str, Any] = found if isinstance(found, dict) else {}
    number = change.get("number")
    if not isinstance(number, int) or isinstance(number, bool):
        raise UsageError(f"the event {name or 'of this run'} belongs to no pull request", _NUMBER_HINT)
    head: Any = change.get("head")
    commit = head.get("sha") if isinstance(head, dict) else None
    return PipelineEvent(
        number=number, commit=commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None
    )


def _document(file: Path) -> dict[str, Any]:
    try:
        return documents.decoded(dict[str, Any], documents.read(file, MOST_EVENT_BYTES))
    except OSError as error:
        raise UsageError(f"the event cannot be read: {error.strerror} ({file})", _NUMBER_HINT) from None
    except documents.DamagedError as error:
        raise UsageError(f"the event cannot be read: {error} ({file})", _NUMBER_HINT) from None
