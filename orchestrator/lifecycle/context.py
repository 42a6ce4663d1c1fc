"""The context of every use case: settings, engine, clock, and options of the run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.config.projects import Project
from orchestrator.config.settings import Settings
from orchestrator.engines.protocol import Engine
from orchestrator.events import Observer, ignore
from orchestrator.lifecycle import registry
from orchestrator.lifecycle.git import Checkout, checkout
from orchestrator.lifecycle.interrupts import Interrupter
from orchestrator.lifecycle.listener_slots import LISTENER_RULE
from orchestrator.lifecycle.registry import Deployment, Registry
from orchestrator.model import RunReport, Scope

if TYPE_CHECKING:
    from concurrent.futures import Executor

Around = Callable[[Any], AbstractContextManager[Callable[[RunReport], None]]]
"""Surrounds the run of a `Job`, which it receives. It can refuse the run, and yields the receiver of the report."""


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def _unshown(_report: RunReport) -> None:
    pass


def _unchecked(_job: Any) -> None:
    pass


def _plain(_job: Any) -> AbstractContextManager[Callable[[RunReport], None]]:
    return nullcontext(_unshown)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Settings, engine, clock, and options of the run."""

    settings: Settings
    engine: Engine
    clock: Callable[[], datetime] = utc_now
    allow_prod: bool = False
    """Whether the run may change production."""

    wait_seconds: float = 0.0
    """Longest wait for another operation on a stack to end; 0 does not wait."""

    keep_going: bool = False
    """Within a stack, continue after a failure with the resources that do not depend on the failed one."""

    fail_fast: bool = False
    """Start no further unit after one failed."""

    observer: Observer = ignore
    """Receives the events of runs, from several threads."""

    parallel: int | None = None
    """The number of units that run at the same time; None uses the number in the settings."""

    executor: Executor | None = None
    """Runs the units; None uses the executor in the settings."""

    interrupter: Interrupter = field(default_factory=Interrupter)
    """Interrupts runs from other threads."""

    before: Callable[[Any], None] = _unchecked
    """Checks a `Job` whose programs were rehearsed, before anything is touched. It raises to refuse the run."""

    preview_first: bool = False
    """Whether new stacks are previewed before anything is created."""

    around: Around = _plain
    """Surrounds each run. The command line announces the run there, asks for confirmation, and reports."""

    def registry(self) -> Registry:
        """Everything that exists, read from the backend without the CLI.

        Raises EngineUnavailableError, and UnreadableStateError when the stacks of a project cannot be listed.
        """
        for reason in self.engine.closed().values():
            raise reason
        return self.readable_registry()

    def readable_registry(self) -> Registry:
        """Everything that this user can list; `engine.closed()` has the other projects."""
        return registry.load(self.engine, self.settings.projects, self.clock())

    def checkout(self) -> Checkout:
        """The user, commit and branch of the folder with `orchestrator.toml`."""
        return checkout(self.settings.root)

    def listener_rules(self, environment: Deployment) -> int:
        """The number of rules that an environment has on the listener of its base's load balancer."""
        resources = (resource for unit in environment.units for resource in self.engine.resources(unit))
        return sum(resource.type == LISTENER_RULE for resource in resources)

    def projects(self, scope: Scope) -> tuple[Project, ...]:
        """The projects whose stacks are bases, or those whose stacks are environments."""
        return self.settings.in_scope(scope)

    def foreign_names(self, project: Project) -> frozenset[str]:
        """The Pulumi names of all other projects."""
        return frozenset(other.name for other in self.settings.projects if other.key != project.key)
