"""Stacks of which this user may not read everything: they are listed as such, and hide no other."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.errors import UnreadableStateError
from orchestrator.model import Record, StackStatus, StackSummary, Unit


def readable(unit: Unit, look: Callable[[], StackSummary]) -> StackSummary:
    """What `look` finds, or that a file of the stack cannot be read."""
    try:
        return look()
    except UnreadableStateError as error:
        return unreadable(unit, error, None)


def unreadable(unit: Unit, error: UnreadableStateError, record: Record | None) -> StackSummary:
    """A stack whose state cannot be read; its record may be readable."""
    return StackSummary(unit=unit, status=StackStatus.UNREADABLE, record=record, problem=error.message)
