"""What every use case needs: the settings, an engine, the time, and who works here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator import registry
from orchestrator.engines.protocol import Engine, Project
from orchestrator.git import Checkout, look
from orchestrator.model import Scope
from orchestrator.registry import Registry
from orchestrator.settings import Settings


def utc_now() -> datetime:
    """The time of the moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a use case works."""

    settings: Settings
    engine: Engine
    clock: Callable[[], datetime] = utc_now

    def registry(self) -> Registry:
        """What exists. Raises EngineUnavailableError, StateError."""
        self.engine.check()
        return registry.load(self.engine, self.settings.projects)

    def checkout(self) -> Checkout:
        """Who works here, on which commit and branch."""
        return look(self.settings.root)

    def projects(self, scope: Scope) -> tuple[Project, ...]:
        """The projects whose stacks are bases, or environments."""
        return self.settings.in_scope(scope)

    def foreign_names(self, project: Project) -> frozenset[str]:
        """Pulumi names of all projects but this one."""
        return frozenset(other.name for other in self.settings.projects if other.key != project.key)
