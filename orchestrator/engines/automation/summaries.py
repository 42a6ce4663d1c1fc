"""All stacks of a DIY backend at one glance: what `list` and the guards look at.

Checkpoints are large, and most of them are as they were at the last look: what they say is remembered by the file's
stamp (time and size, or ETag), so that hundreds of stacks answer at once. The memory may be lost at any time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from orchestrator.config.atomic_files import create_private_folder, write_atomically
from orchestrator.engines import records
from orchestrator.engines.automation import checkpoint
from orchestrator.engines.automation.diy_backend import Backend
from orchestrator.engines.broken_stacks import broken, or_unreadable
from orchestrator.errors import StateError, UnreadableStateError
from orchestrator.model import StackSummary, Unit

VERSION = 1
_AT_ONCE = 16

log = logging.getLogger(__name__)


class Survey:
    """Looks at a backend; `memory` is the file that remembers."""

    def __init__(self, backend: Backend, memory: Path) -> None:
        self._backend, self._memory = backend, memory

    def summaries(self, projects: Sequence[tuple[str, str]]) -> tuple[StackSummary, ...]:
        """Every stack of these projects (key, Pulumi name), in order; one that is damaged or closed to this user never hides the others."""
        before = self._remembered()
        after: dict[str, Any] = {}
        locked, noted = self._locked(), self._noted()
        found: list[Callable[[], StackSummary]] = []
        for key, name in projects:
            listing = self._backend.listing(name)
            for stack, stamp in sorted(listing.stamps.items()):
                found.append(self._looker(Unit(key, stack), name, stamp, listing.tagged, locked, noted, before, after))
        # On a disk threads would only get in each other's way.
        answers = (
            tuple(ThreadPoolExecutor(_AT_ONCE).map(_call, found)) if self._backend.distant else tuple(map(_call, found))
        )
        if after != before:
            self._remember(after)
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
            tags = self._backend.tags(project, unit.stack) if unit.stack in tagged else {}
            try:
                known = before.get(f"{project}/{unit.stack}")
                head = known["head"] if known and known["stamp"] == stamp else self._head(project, unit.stack)
                pair = (project, unit.stack)
                end = self._backend.ending(
                    *pair, noted=noted is None or pair in noted, locked=locked is None or pair in locked
                )
            except StateError as error:
                return broken(unit, error, records.from_tags(tags))
            after[f"{project}/{unit.stack}"] = {"stamp": stamp, "head": head}
            busy = (locked is None or pair in locked) and self._backend.held(*pair)
            return checkpoint.summary(unit, head, tags, locked=busy, end=end)

        return lambda: or_unreadable(unit, look)

    def _locked(self) -> frozenset[tuple[str, str]] | None:
        """The stacks that have a lock; None when each has to be asked, since the locks of one are closed to this user."""
        try:
            return self._backend.locked()
        except UnreadableStateError:
            return None

    def _noted(self) -> frozenset[tuple[str, str]] | None:
        """The stacks that engines were started on; None when each has to be asked."""
        try:
            return self._backend.notes.noted()
        except UnreadableStateError:
            return None

    def _head(self, project: str, stack: str) -> dict[str, Any]:
        return checkpoint.head(self._backend.checkpoint(project, stack) or {})

    def _remembered(self) -> dict[str, Any]:
        try:
            document: Mapping[str, Any] = json.loads(self._memory.read_bytes())
            return dict(document["stacks"]) if document["version"] == VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _remember(self, stacks: Mapping[str, Any]) -> None:
        try:
            create_private_folder(self._memory.parent)
            write_atomically(self._memory, json.dumps({"version": VERSION, "stacks": stacks}), private=True)
        except OSError:
            log.debug("what was seen could not be remembered", exc_info=True)


def _call(look: Callable[[], StackSummary]) -> StackSummary:
    return look()
