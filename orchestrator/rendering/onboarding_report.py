"""The result of `init` as text and as a JSON document. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.onboarding.decisions import Decision
from orchestrator.onboarding.initialise import Initialised
from orchestrator.onboarding.settings_check import SettingCheck
from orchestrator.onboarding.written_files import BASE, ENVIRONMENT, Fate, WrittenFile
from orchestrator.rendering.document import plain
from orchestrator.rendering.document_types import Document


@dataclass(frozen=True, kw_only=True)
class FoundFact:
    """A fact with its place, or a guess with its reason."""

    what: str
    value: str | int
    file: str | None
    line: int | None
    guess: str | None


@dataclass(frozen=True, kw_only=True)
class FileFate:
    """A file, and whether it was created, is unchanged, or was kept because a person edited it."""

    path: str
    fate: Fate
    difference: str


@dataclass(frozen=True, kw_only=True)
class TakenOver:
    """The fate of the values of another tool."""

    taken: list[str]
    changed: list[str]
    left: list[str]


@dataclass(frozen=True, kw_only=True)
class InitDocument(Document):
    """The result of `init`."""

    written: bool
    found: list[FoundFact]
    settings: list[SettingCheck]
    files: list[FileFate]
    takeover: TakenOver | None
    open: list[Decision]
    unread: list[str]


def document(result: Initialised, root: Path, *, written: bool) -> dict[str, Any]:
    """The document of `init`."""
    taken = result.takeover
    return plain(
        InitDocument(
            notice=None,
            written=written,
            found=[FoundFact(**vars(fact)) for fact in result.survey.findings()],
            settings=result.checks,
            files=[FileFate(path=_shown(f, root), fate=f.fate, difference=f.difference) for f in result.files],
            takeover=TakenOver(taken=taken.taken, changed=taken.changed, left=taken.left) if taken else None,
            open=result.decisions.open,
            unread=result.survey.repository.unread,
        )
    )


def text(result: Initialised, root: Path, *, written: bool, directory: str) -> str:
    """The report: what was found, the settings, the files, what is open, and what to do next."""
    found = [(fact.what, str(fact.value), fact.place) for fact in result.survey.findings()]
    parts = [("found", _columns(found))]
    if result.takeover:
        for title, lines in (
            ("taken over", result.takeover.taken),
            ("changed", result.takeover.changed),
            ("not taken over", result.takeover.left),
        ):
            parts.append((title, lines or ["nothing"]))
    parts += [
        ("settings", list(_settings(result.checks))),
        ("files" if written else "files (nothing was written)", list(_files(result.files, root))),
        ("still to decide", _columns([(each.what, each.why) for each in result.decisions.open])),
        ("not read", result.survey.repository.unread),
    ]
    if result.lines_for_urls:
        parts.append(("add to the addresses of the project", result.lines_for_urls.splitlines()))
    body = "\n".join(f"{title}\n" + "".join(f"  {line}\n" for line in lines) for title, lines in parts if lines)
    follow = "" if directory == "infrastructure" else f"cd {directory} && "
    return f"{body}\nnext      {follow}orchestrator create-env {ENVIRONMENT} --base {BASE}\n"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _settings(checks: Sequence[SettingCheck]) -> Iterable[str]:
    for check in checks:
        status = "ok" if check.found else "optional" if check.optional else "missing"
        yield f"{status:8}  {check.what}"
        if check.lines and not check.optional:
            yield f"{'':8}  add: {check.lines}"


def _files(files: Sequence[WrittenFile], root: Path) -> Iterable[str]:
    for file in files:
        yield f"{file.fate:9}  {_shown(file, root)}"
        # The first two lines of a difference name the files.
        yield from (f"{'':9}  {line}" for line in file.difference.splitlines()[2:])


def _shown(file: WrittenFile, root: Path) -> str:
    return file.path.resolve().relative_to(root.resolve()).as_posix()
