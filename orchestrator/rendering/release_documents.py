"""The JSON documents of releases and of the log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.operations.maintenance import MaintenanceResult
from orchestrator.operations.releases.history import Comparison, LoggedOperation, Release, ReleaseList
from orchestrator.operations.releases.migrations import MigrationBetween
from orchestrator.operations.releases.rollback import RollbackResult
from orchestrator.rendering.document import plain, run_report
from orchestrator.rendering.document_types import Document, Report
from orchestrator.rendering.operation_documents import Deployed, deployed


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


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """A rollback: the release, the migrations that the database keeps, and the update."""

    release: Release
    migrations: tuple[MigrationBetween, ...]
    stopped: tuple[str, ...]
    unchecked: tuple[str, ...]
    kept_secrets: tuple[str, ...]
    deploy: Deployed


def rolled_back(found: RollbackResult) -> RolledBack:
    """The result of `rollback`."""
    return RolledBack(
        release=found.release,
        migrations=found.migrations,
        stopped=found.stopped,
        unchecked=found.unchecked,
        kept_secrets=found.kept_secrets,
        deploy=deployed(found.deploy),
    )


@dataclass(frozen=True, kw_only=True)
class MaintenanceDocument(Document):
    """An environment that entered or left maintenance, and the update that did it."""

    environment: str
    on: bool
    since: str | None
    allow: tuple[str, ...]
    update: Report


def maintenance(found: MaintenanceResult, notice: str | None) -> dict[str, Any]:
    """The document of `maintenance on` and `maintenance off`."""
    return plain(
        MaintenanceDocument(
            notice=notice,
            environment=found.environment,
            on=found.on,
            since=found.since,
            allow=found.allow,
            update=run_report(found.report),
        )
    )


def releases(found: ReleaseList, notice: str | None) -> dict[str, Any]:
    """The document of `releases`."""
    return plain(ReleasesDocument(notice=notice, **vars(found)))


def comparison(found: Comparison, notice: str | None) -> dict[str, Any]:
    """The document of `diff`."""
    return plain(ComparisonDocument(notice=notice, **vars(found)))


def log(found: Sequence[LoggedOperation], notice: str | None) -> dict[str, Any]:
    """The document of `log`."""
    return plain(LogDocument(notice=notice, operations=tuple(found)))
