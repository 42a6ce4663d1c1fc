"""Summaries of all stacks of a DIY backend, with a cache.

Checkpoints are large, and most of them have not changed since the last listing. The cache keeps the relevant part of each
checkpoint with the stamp of its file (time and size, or ETag), so that hundreds of stacks are listed quickly. It may be lost
at any time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orchestrator.config import documents
from orchestrator.config.atomic_files import create_private_folder, write_atomically
from orchestrator.engines import records
from orchestrator.engines.automation import checkpoint
from orchestrator.engines.automation.diy_backend import Backend
from orchestrator.engines.broken_stacks import broken, or_unreadable
from orchestrator.errors import StateError, UnreadableStateError
from orchestrator.model import StackSummary, Unit

VERSION = 2
_AT_ONCE = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The head of a checkpoint, and the stamp of its file."""

    stamp: str
    head: checkpoint.Head


@dataclass(frozen=True, kw_only=True)
class _Cache:
    version: Literal[2]
    stacks: dict[str, _Seen]


class Summaries:
    """Summarizes the stacks of a backend; `cache` is the file of the cache."""

    def __init__(self, backend: Backend, cache: Path) -> None:
        self._backend, self._cache = backend, cache

    def of(self, projects: Sequence[tuple[str, str]]) -> tuple[StackSummary, ...]:
        """Every stack of these projects (key, Pulumi name), in order. A damaged or unreadable stack never hides the others."""
        before = self._cached()
        after: dict[str, Any] = {}
        locked, noted = self._locked(), self._noted()
        found: list[Callable[[], StackSummary]] = []
        for key, name in projects:
            listing = self._backend.listing(name)
            for stack, stamp in sorted(listing.stamps.items()):
                found.append(self._looker(Unit(key, stack), name, stamp, listing.tagged, locked, noted, before, after))
        # Threads help only with a slow backend.
        answers = (
            tuple(ThreadPoolExecutor(_AT_ONCE).map(_call, found)) if self._backend.distant else tuple(map(_call, found))
        )
        if after != before:
            self._store(after)
        return answers

    def _looker(
        self,
        unit: Unit,
        project: str,
        stamp: str,
        tagged: frozenset[str],
        locked: frozenset[tuple[str, str]] | None,
        noted: frozenset[tuple[str, str]] | None,
        before: Mapping[str, Any],
        after: dict[str, Any],
    ) -> Callable[[], StackSummary]:
        def look() -> StackSummary:
            tags = self._backend.readable_tags(project, unit.stack) if unit.stack in tagged else {}
            try:
                known = before.get(f"{project}/{unit.stack}")
                head = known["head"] if known and known["stamp"] == stamp else self._head(project, unit.stack)
                pair = (project, unit.stack)
                end = self._backend.ending(
                    *pair, noted=noted is None or pair in noted, locked=locked is None or pair in locked
                )
            except StateError as error:
                return broken(unit, error, records.from_tags(tags or {}))
            after[f"{project}/{unit.stack}"] = {"stamp": stamp, "head": head}
            busy = (locked is None or pair in locked) and self._backend.held(*pair)
            return checkpoint.summary(unit, head, tags, locked=busy, end=end)

        return lambda: or_unreadable(unit, look)

    def _locked(self) -> frozenset[tuple[str, str]] | None:
        """The stacks with a lock; None when some locks are unreadable, so that each stack must be checked."""
        try:
            return self._backend.locked()
        except UnreadableStateError:
            return None

    def _noted(self) -> frozenset[tuple[str, str]] | None:
        """The stacks with notes of engines; None when some notes are unreadable, so that each stack must be checked."""
        try:
            return self._backend.notes.noted()
        except UnreadableStateError:
            return None

    def _head(self, project: str, stack: str) -> checkpoint.Head:
        return checkpoint.head(self._backend.checkpoint(project, stack) or {})

    def _cached(self) -> dict[str, Any]:
        try:
            document = documents.decoded(_Cache, documents.read(self._cache))
        except (OSError, documents.DamagedError):
            return {}
        return {name: {"stamp": it.stamp, "head": it.head} for name, it in document.stacks.items()}

    def _store(self, stacks: Mapping[str, Any]) -> None:
        try:
            create_private_folder(self._cache.parent)
            write_atomically(self._cache, json.dumps({"version": VERSION, "stacks": stacks}), private=True)
        except OSError:
            log.debug("the cache of stacks could not be written", exc_info=True)


def _call(look: Callable[[], StackSummary]) -> StackSummary:
    return look()
