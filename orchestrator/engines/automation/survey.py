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

from orchestrator.engines import records
from orchestrator.engines.automation import checkpoint
from orchestrator.engines.automation.state import Backend
from orchestrator.errors import StateError
from orchestrator.model import StackStatus, StackSummary, Unit

VERSION = 1
_AT_ONCE = 16

log = logging.getLogger(__name__)


class Survey:
    """Looks at a backend; `memory` is the file that remembers."""

    def __init__(self, backend: Backend, memory: Path) -> None:
        self._backend, self._memory = backend, memory

    def summaries(self, projects: Sequence[tuple[str, str]]) -> tuple[StackSummary, ...]:
        """Every stack of these projects (key, Pulumi name), in order; a damaged one never hides the others."""
        before = self._remembered()
        after: dict[str, Any] = {}
        locked, noted = self._backend.locked(), self._backend.notes.noted()
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
        locked: frozenset[tuple[str, str]],
        noted: frozenset[tuple[str, str]],
        before: Mapping[str, Any],
        after: dict[str, Any],
    ) -> Callable[[], StackSummary]:
        def look() -> StackSummary:
            tags = self._backend.tags(project, unit.stack) if unit.stack in tagged else {}
            try:
                known = before.get(f"{project}/{unit.stack}")
                head = known["head"] if known and known["stamp"] == stamp else self._head(project, unit.stack)
            except StateError as error:
                record = records.from_tags(tags)
                return StackSummary(unit=unit, status=StackStatus.DAMAGED, record=record, problem=error.message)
            after[f"{project}/{unit.stack}"] = {"stamp": stamp, "head": head}
            name = (project, unit.stack)
            busy = name in locked and self._backend.held(*name)
            end = self._backend.ending(*name, noted=name in noted, locked=name in locked)
            return checkpoint.summary(unit, head, tags, locked=busy, end=end)

        return look

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
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._memory.with_name(f"{self._memory.name}.new")
            fresh.write_text(json.dumps({"version": VERSION, "stacks": stacks}), encoding="utf-8")
            fresh.replace(self._memory)
        except OSError:
            log.debug("what was seen could not be remembered", exc_info=True)


def _call(look: Callable[[], StackSummary]) -> StackSummary:
    return look()
