"""The JSON documents and the texts of `pr`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.config.durations import format_duration
from orchestrator.onboarding.written_files import Fate, WrittenFile
from orchestrator.pull_requests.results import OrphanReason, Outcome, PreviewStatus, ReapResult, SyncResult
from orchestrator.rendering.columns import Column, aligned, count, table
from orchestrator.rendering.document import plain
from orchestrator.rendering.document_types import Document


@dataclass(frozen=True, kw_only=True)
class SyncDocument(Document):
    """The environment of a pull request after `pr sync` or `pr close`."""

    result: SyncResult


@dataclass(frozen=True, kw_only=True)
class PrReapDocument(Document):
    """The environments that `pr reap` found."""

    result: ReapResult


@dataclass(frozen=True, kw_only=True)
class PreviewsDocument(Document):
    """The environments of pull requests."""

    environments: tuple[PreviewStatus, ...]


@dataclass(frozen=True, kw_only=True)
class CommentDocument(Document):
    """The comment that `pr comment` wrote."""

    address: str | None


@dataclass(frozen=True, kw_only=True)
class PipelineFile:
    """A file of a pipeline: created, unchanged, or kept because a person edited it."""

    path: str
    fate: Fate
    difference: str


@dataclass(frozen=True, kw_only=True)
class PipelineDocument(Document):
    """The files of `ci init`; `written` is false with --dry-run."""

    written: bool
    files: list[PipelineFile]


def commented(address: str | None) -> dict[str, Any]:
    """The document of `pr comment`."""
    return plain(CommentDocument(notice=None, address=address))


def pipeline(files: Sequence[WrittenFile], root: Path, *, written: bool) -> dict[str, Any]:
    """The document of `ci init`."""
    listed = [
        PipelineFile(path=it.path.relative_to(root).as_posix(), fate=it.fate, difference=it.difference) for it in files
    ]
    return plain(PipelineDocument(notice=None, written=written, files=listed))


def pipeline_text(files: Sequence[WrittenFile], root: Path, *, written: bool) -> str:
    """The files, the differences of those that stay, and the next step."""
    text = aligned([(it.fate.value, it.path.relative_to(root).as_posix()) for it in files])
    text += "".join(f"\n{it.difference}\n" for it in files if it.difference)
    if not written:
        return f"{text}\nnothing was written (--dry-run)\n"
    return f"{text}\nnext  set the variables and secrets that the first lines of each file name\n"


def synced(result: SyncResult, notice: str | None) -> dict[str, Any]:
    """The document of `pr sync` and `pr close`."""
    return plain(SyncDocument(notice=notice, result=result))


def reaped(result: ReapResult, notice: str | None) -> dict[str, Any]:
    """The document of `pr reap`."""
    return plain(PrReapDocument(notice=notice, result=result))


def previews(found: Sequence[PreviewStatus], notice: str | None) -> dict[str, Any]:
    """The document of `pr status`."""
    return plain(PreviewsDocument(notice=notice, environments=tuple(found)))


def synced_text(result: SyncResult) -> str:
    """The result for one pull request."""
    rows = [
        ("pull request", f"#{result.number}"),
        ("environment", result.environment),
        ("result", result.outcome.value),
    ]
    if result.reason and result.outcome is not Outcome.FAILED:
        rows.append(("because", result.reason))
    if result.url:
        rows.append(("address", result.url))
    if result.expires:
        rows.append(("expires", f"{result.expires:%Y-%m-%d %H:%M} UTC"))
    if result.put_to_sleep:
        rows.append(("put to sleep", ", ".join(result.put_to_sleep)))
    if result.comment:
        rows.append(("comment", result.comment))
    return aligned(rows)


def reaped_text(result: ReapResult) -> str:
    """The environments that were, or would be, destroyed and put to sleep."""
    done = result.executed
    rows = [("destroyed" if done else "to destroy", it.environment, it.reason.value) for it in result.destroy]
    rows += [("put to sleep" if done else "to put to sleep", name, "too many are awake") for name in result.sleep]
    rows += [("kept", it.environment, it.reason) for it in result.keep]
    rows += [("orphan", it.name, it.reason.value) for it in result.orphans]
    if not rows:
        return "nothing to reap\n"
    ending = (
        "" if done or not (result.destroy or result.sleep) else "nothing was changed; add --execute to carry it out\n"
    )
    return aligned(rows) + _for_orphans(result) + ending


def _for_orphans(result: ReapResult) -> str:
    """The commands that remove orphans, which stay otherwise."""
    entries = sorted({it.number for it in result.orphans if it.reason is OrphanReason.ENTRY and it.number is not None})
    others = [it.name for it in result.orphans if it.reason is not OrphanReason.ENTRY]
    commands = [f"orchestrator pr close --number {number}" for number in entries]
    commands += [f"orchestrator show {name}, then orchestrator destroy-env {name}" for name in others]
    return "".join(f"orphans stay; to remove one: {command}\n" for command in commands)


def previews_text(found: Sequence[PreviewStatus], now: datetime, width: int | None = None) -> str:
    """A table of the environments of pull requests."""
    if not found:
        return "no pull request has an environment\n"
    columns = (
        Column(title="NUMBER"),
        Column(title="ENVIRONMENT"),
        Column(title="STATE"),
        Column(title="OWNER", dropped=2),
        Column(title="EXPIRES IN", dropped=1),
        Column(title="ADDRESS", shortened=True),
    )
    rows = [
        (
            f"#{it.number}",
            it.environment,
            it.status if it.awake else f"{it.status}, asleep",
            it.owner or "-",
            format_duration(it.expires - now) if it.expires else "-",
            it.url or "-",
        )
        for it in found
    ]
    return table(columns, rows, width) + f"{count(len(found), 'environment')}\n"
