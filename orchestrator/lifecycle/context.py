"""What every use case needs: the settings, an engine, the time, and who works here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.config.projects import Project
from orchestrator.config.settings import Settings
from orchestrator.engines.protocol import Engine
from orchestrator.lifecycle import registry
from orchestrator.lifecycle.git import Checkout, look
from orchestrator.lifecycle.registry import LISTENER_RULE, Deployment, Registry
from orchestrator.model import Scope


def utc_now() -> datetime:
    """The time of the moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a use case works."""

    settings: Settings
    engine: Engine
    clock: Callable[[], datetime] = utc_now
    allow_prod: bool = False
    """Whether production may be changed."""

    wait_seconds: float = 0.0
    """How long to wait for somebody else's operation on a stack to end."""

    keep_going: bool = False
    """Within a stack: after a resource failed, go on with those that do not depend on it."""

    fail_fast: bool = False
    """Begin no further unit after one failed."""

    def registry(self) -> Registry:
        """What exists, as the backend shows it: no CLI is needed to look. Raises EngineUnavailableError, StateError."""
        return registry.load(self.engine, self.settings.projects, self.clock())

    def checkout(self) -> Checkout:
        """Who works here, on which commit and branch."""
        return look(self.settings.root)

    def listener_rules(self, environment: Deployment) -> int:
        """How many listener rules of its base's load balancer an environment uses."""
        resources = (resource for unit in environment.units for resource in self.engine.resources(unit))
        return sum(resource.type == LISTENER_RULE for resource in resources)

    def projects(self, scope: Scope) -> tuple[Project, ...]:
        """The projects whose stacks are bases, or environments."""
        return self.settings.in_scope(scope)

    def foreign_names(self, project: Project) -> frozenset[str]:
        """Pulumi names of all projects but this one."""
        return frozenset(other.name for other in self.settings.projects if other.key != project.key)
