"""Releases and the log as text and CSV. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from orchestrator.config.durations import format_duration
from orchestrator.model import ChangeCounts, Unit
from orchestrator.operations.releases.history import Comparison, LoggedOperation, Release, ReleaseList
from orchestrator.rendering.columns import Column, aligned, table, text_lines
from orchestrator.rendering.tables import counted

_SHORT_COMMIT = 9
_SHORT_DIGEST = 19
"""Characters of a digest: `sha256:` and twelve digits, as Docker shows it."""

_RELEASES = (
    Column(title="RELEASE"),
    Column(title="WHEN", dropped=2),
    Column(title="WHO", dropped=4),
    Column(title="COMMAND", dropped=5),
    Column(title="COMMIT", dropped=3),
    Column(title="IMAGES", shortened=True),
    Column(title="CHANGED", dropped=6, shortened=True),
    Column(title="TIME", dropped=1),
    Column(title="RESULT"),
)
_LOG = (
    Column(title="WHEN"),
    Column(title="WHO", dropped=2),
    Column(title="COMMAND"),
    Column(title="STACK"),
    Column(title="NUMBER", dropped=4),
    Column(title="CHANGES", dropped=3),
    Column(title="TIME", dropped=1),
    Column(title="RESULT"),
)


def releases(found: ReleaseList, width: int | None = None) -> str:
    """Releases, newest first, with the reasons of failures below the table."""
    if not found.releases:
        return f"{found.environment} has no release: its history is empty\n"
    rows = [
        (
            str(release.number),
            _moment(release.started),
            release.operator or "-",
            release.command,
            (release.commit or "-")[:_SHORT_COMMIT],
            _images(release),
            ", ".join(release.changed) or "-",
            _duration(release.duration_seconds),
            "running" if release.running else release.result,
        )
        for release in found.releases
    ]
    reasons = [(f"{release.number}", release.reason) for release in found.releases if release.reason]
    parts = [table(_RELEASES, rows, width)]
    parts += [f"\nreasons\n{aligned(reasons, '  ', width)}"] if reasons else []
    older = f"older releases: orchestrator releases {found.environment} --all"
    parts += [f"\n{older}\n"] if found.older else []
    return "".join(parts)


def release(found: Release) -> str:
    """One release in one line."""
    who = f" by {found.operator}" if found.operator else ""
    commit = f", commit {found.commit[:_SHORT_COMMIT]}" if found.commit else ""
    return f"{found.number} ({_moment(found.started)}{who}): {_images(found)}{commit}"


def _images(release: Release) -> str:
    return (
        ", ".join(f"{image.name} {image.tag or _short(image.digest) or image.reference}" for image in release.images)
        or "-"
    )


def _short(digest: str | None) -> str | None:
    return digest and digest[:_SHORT_DIGEST]


def comparison(found: Comparison, width: int | None = None) -> str:
    """The values that differ, each with its value before and after."""
    rows: list[Sequence[str]] = [
        (difference.key, _value(difference.before), _value(difference.after)) for difference in found.differences
    ]
    if not rows:
        return f"releases {found.before.number} and {found.after.number} have the same images and configuration\n"
    columns = (
        Column(title="KEY"),
        Column(title=str(found.before.number), shortened=True),
        Column(title=str(found.after.number), shortened=True),
    )
    return table(columns, rows, width)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def log(found: Sequence[LoggedOperation], width: int | None = None) -> str:
    """Operations, newest first, with the reasons of failures below the table."""
    if not found:
        return "no operation is recorded\n"
    rows = [
        (
            _moment(operation.started),
            operation.operator or "-",
            operation.command,
            _name(operation, found),
            str(operation.number),
            _done(operation.changes),
            _duration(operation.duration_seconds),
            operation.result,
        )
        for operation in found
    ]
    reasons = [
        f"{_name(operation, found)} {operation.number}: {operation.reason}" for operation in found if operation.reason
    ]
    lines = [line for reason in reasons for line in text_lines(reason, width, "  ", "    ")]
    return table(_LOG, rows, width) + ("\nreasons\n" + "".join(f"{line}\n" for line in lines) if lines else "")


def _name(operation: LoggedOperation, found: Sequence[LoggedOperation]) -> str:
    return Unit(operation.project, operation.name).among(Unit(other.project, other.name) for other in found)


_CSV = (
    "started",
    "operator",
    "command",
    "kind",
    "project",
    "name",
    "number",
    "result",
    "reason",
    "duration_seconds",
    "commit",
)


def log_csv(found: Sequence[LoggedOperation]) -> str:
    """Operations as CSV with a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_CSV, "changes"])
    for operation in found:
        values = [getattr(operation, name) for name in _CSV]
        writer.writerow([*map(_cell, values), _changes(operation.changes)])
    return text.getvalue()


def _cell(value: Any) -> str:
    """A cell that no spreadsheet reads as a formula."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not isinstance(value, int | float) else text


def _done(changes: ChangeCounts) -> str:
    """`91 created`, as in the results of a run."""
    return counted(replace(changes, same=0)) if changes.changed else "-"


def _changes(changes: ChangeCounts) -> str:
    shown = {name: number for name, number in vars(changes).items() if name != "same" and number}
    return ", ".join(f"{number} {name}" for name, number in shown.items()) or "-"


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "-"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 60 else format_duration(timedelta(seconds=round(seconds)))
