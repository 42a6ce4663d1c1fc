"""The pull requests that get an environment, and its name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate

from orchestrator.config.pull_request_settings import PullRequestSettings
from orchestrator.pull_requests.change import Change

LONGEST_NAME = 20
"""Largest length of an environment's name; see `pulumi_django.rules.naming`."""


def why_not(change: Change, settings: PullRequestSettings, files: Sequence[str] | None) -> str | None:
    """The reason why a pull request gets no environment, as the end of a sentence; None when it gets one.

    `files` are the files that it changes; None when the settings name no paths.
    """
    if not change.is_open:
        return "it is closed"
    if change.fork:
        return "it comes from a fork, and code of forks gets no credentials"
    if change.draft and not settings.drafts:
        return "it is a draft"
    if settings.label is not None and settings.label not in change.labels:
        return f"it does not have the label {settings.label}"
    if settings.paths and files is not None and not any(_matches(file, settings.paths) for file in files):
        return f"it changes none of {', '.join(settings.paths)}"
    return None


def environment_name(change: Change, pattern: str, existing: Iterable[str] = ()) -> str:
    """The name of a pull request's environment. An environment that exists keeps its name when the branch gets another."""
    for name in existing:
        if number_of(name, pattern) == change.number:
            return name
    slug = re.sub(r"[^a-z0-9]+", "-", change.branch.lower()).strip("-") or "branch"
    name = pattern.replace("{number}", str(change.number)).replace("{branch}", slug)
    return re.sub("-+", "-", name)[:LONGEST_NAME].rstrip("-")


def number_of(name: str, pattern: str) -> int | None:
    """The number of the pull request of an environment; None for an environment of another kind."""
    found = _reader(pattern).fullmatch(name)
    return int(found["number"]) if found else None


def filled(reference: str, change: Change) -> str:
    """The reference of an image for the commit of a pull request."""
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", change.branch).strip("-.")[:128]
    return (
        reference.replace("{commit}", change.commit)
        .replace("{number}", str(change.number))
        .replace("{branch}", slug or "branch")
    )


def _matches(file: str, patterns: Sequence[str]) -> bool:
    return any(re.match(translate(pattern), file) for pattern in patterns)


def _reader(pattern: str) -> re.Pattern[str]:
    """An expression for the names of a pattern. What follows the number may be cut off."""
    before, _, after = pattern.partition("{number}")
    rest = "(?![0-9]).*" if after else ""
    return re.compile(f"{re.escape(before)}(?P<number>[0-9]{{1,9}}){rest}")
