"""The comment in a pull request: one comment, written again by every run. All texts from outside are escaped. Pure."""

from __future__ import annotations

import re

from orchestrator.model import RunReport, Status
from orchestrator.pull_requests.change import Change, Forge
from orchestrator.pull_requests.results import Outcome, SyncResult
from orchestrator.visible import code, in_line
from orchestrator.visible import markdown as escaped

MOST_LINES = 20
"""Largest number of lines of a failure's reason."""

MOST_CHARACTERS = 60_000
"""GitHub takes 65,536 characters."""

_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]+")
_TITLES = {
    Outcome.CREATED: "is ready",
    Outcome.UPDATED: "is up to date",
    Outcome.FAILED: "was not updated",
    Outcome.DESTROYED: "was destroyed",
}


def marker(environment: str) -> str:
    """The hidden line by which the next run finds the comment."""
    return f"<!-- pulumi-django environment {environment} -->"


def write(forge: Forge, number: int, name: str, text: str) -> str | None:
    """Write Markdown as the comment of this name, and return its address. The text is cut to what a forge takes."""
    flat = re.sub(r"[^A-Za-z0-9 _.-]+", "-", name)
    found = f"<!-- pulumi-django comment {re.sub('-+', '-', flat)} -->"
    return forge.comment(number, found, f"{found}\n{text}"[:MOST_CHARACTERS])


def begun(change: Change, environment: str) -> str:
    """The comment while a run is in progress."""
    return f"{marker(environment)}\n### Environment {code(environment)} is being updated\n\nCommit {_commit(change.commit)}.\n"


def ended(change: Change, result: SyncResult, report: RunReport | None, notice: str | None) -> str:
    """The comment after a run."""
    name = result.environment
    lines = [marker(name), f"### Environment {code(name)} {_TITLES.get(result.outcome, result.outcome.value)}", ""]
    if notice:
        lines += [f"_{escaped(notice)}_", ""]
    lines += _facts(change, result)
    if result.reason:
        lines += ["", *_reason(result.reason)]
    lines += _changes(report)
    if result.outcome in (Outcome.CREATED, Outcome.UPDATED):
        lines += [
            "",
            f"A shell: {code(f'orchestrator exec {name}')}. Logs: {code(f'orchestrator logs {name} --follow')}.",
        ]
    return ("\n".join(lines) + "\n")[:MOST_CHARACTERS]


def destroyed(environment: str, reason: str) -> str:
    """The comment after the environment is gone."""
    return f"{marker(environment)}\n### Environment {code(environment)} was destroyed\n\n{escaped(reason)}\n"


def _facts(change: Change, result: SyncResult) -> list[str]:
    rows = [("commit", _commit(result.commit or change.commit)), ("branch", code(change.branch))]
    if result.url:
        rows.insert(0, ("address", f"<{result.url}>" if _URL.fullmatch(result.url) else code(result.url)))
    if result.expires:
        rows.append(("expires", f"{result.expires:%Y-%m-%d %H:%M} UTC, later after each push"))
    if result.monthly_cost is not None:
        rows.append(("cost", f"${result.monthly_cost:.2f} a month while it exists"))
    if result.put_to_sleep:
        rows.append(("put to sleep to make room", ", ".join(code(name) for name in result.put_to_sleep)))
    rows += [("note", escaped(note)) for note in result.notes]
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _reason(reason: str) -> list[str]:
    """The reason, with the last lines of a log as a block of code."""
    first, *log = reason.splitlines() or [""]
    lines = [f"**{escaped(first)}**"]
    if log:
        block = "\n".join(in_line(line) for line in log[-MOST_LINES:])
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block)), default=0))
        lines += ["", fence, block, fence]
    return lines


def _changes(report: RunReport | None) -> list[str]:
    """A table of the stacks."""
    if report is None:
        return []
    lines = ["", "| stack | result | created | updated | replaced | deleted |", "|---|---|--:|--:|--:|--:|"]
    units = [found.unit for found in report.results]
    for found in report.results:
        n = found.counts
        status = "unchanged" if found.status is Status.UNCHANGED else found.status.value
        lines.append(
            f"| {code(found.unit.among(units))} | {status} | {n.create} | {n.update} | {n.replace} | {n.delete} |"
        )
    return lines


def _commit(commit: str) -> str:
    return code(commit[:12])
