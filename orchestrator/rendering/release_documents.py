"""The JSON documents of releases and of the log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.operations.releases.history import Comparison, LoggedOperation, ReleaseList
from orchestrator.rendering.document import plain
from orchestrator.rendering.document_types import Document


@dataclass(frozen=True, kw_only=True)
class ReleasesDocument(ReleaseList, Document):
    """The releases of one environment."""


@dataclass(frozen=True, kw_only=True)
class ComparisonDocument(Comparison, Document):
    """Two releases, and what differs between them."""


@dataclass(frozen=True, kw_only=True)
class LogDocument(Document):
    """Operations on bases and environments, newest first."""

    operations: tuple[LoggedOperation, ...]


def releases(found: ReleaseList, notice: str | None) -> dict[str, Any]:
    """The document of `releases`."""
    return plain(ReleasesDocument(notice=notice, **vars(found)))


def comparison(found: Comparison, notice: str | None) -> dict[str, Any]:
    """The document of `diff`."""
    return plain(ComparisonDocument(notice=notice, **vars(found)))


def log(found: Sequence[LoggedOperation], notice: str | None) -> dict[str, Any]:
    """The document of `log`."""
    return plain(LogDocument(notice=notice, operations=tuple(found)))
