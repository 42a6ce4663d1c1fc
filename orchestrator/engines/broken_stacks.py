"""Summaries of stacks whose state is damaged or cannot be read: they are listed and never hide other stacks."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.errors import StateError, UnreadableStateError
from orchestrator.model import Record, StackStatus, StackSummary, Unit


def broken(unit: Unit, error: StateError, record: Record | None) -> StackSummary:
    """The summary of a stack whose state cannot be used; its record may be readable."""
    status = StackStatus.UNREADABLE if isinstance(error, UnreadableStateError) else StackStatus.DAMAGED
    return StackSummary(unit=unit, status=status, record=record, problem=error.message, record_lost=record is None)


def or_unreadable(unit: Unit, summarize: Callable[[], StackSummary]) -> StackSummary:
    """Return what `summarize` returns, or the summary of a stack with a file that this user cannot read."""
    try:
        return summarize()
    except UnreadableStateError as error:
        return broken(unit, error, None)
