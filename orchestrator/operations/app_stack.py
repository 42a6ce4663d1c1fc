"""The stack that runs an environment's services, and its configuration, which operations change by an update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.config.assignments import Assignment, make_assignment
from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import UnknownStackError

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.lifecycle.registry import Deployment


@dataclass(frozen=True)
class AppStack:
    """The stack that runs an environment's services."""

    environment: str
    config: StackConfig

    def get(self, *path: str) -> Any:
        """Return the plain value of a key, or of a key within its object; None when it is absent."""
        found: Any = self.config.get(path[0])
        for key in path[1:]:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def assignment(self, key: str, value: Any) -> Assignment:
        """Return an assignment to a key of this project, even if other projects have the key too."""
        return make_assignment(f"{self.config.project.name}:{key}", value)

    @property
    def asleep(self) -> bool:
        """Whether the configuration puts the environment to sleep."""
        return self.config.asleep


def find(context: Context, name: str) -> AppStack:
    """Return the stack of an existing environment. Raises UnknownStackError, SettingsError."""
    return of(context, context.registry().environment(name))


def of(context: Context, environment: Deployment) -> AppStack:
    """Return the stack of an environment of the registry. Raises UnknownStackError, SettingsError."""
    stacks = [stack for stack in environment.stacks if "service_names" in stack.outputs]
    if not stacks:
        raise UnknownStackError(
            f"{environment.name} has no services: its creation did not finish",
            f"finish it: `orchestrator create-env {environment.name}`",
        )
    project = context.settings.by_key[stacks[0].unit.project]
    return AppStack(environment.name, StackConfig.load(project, environment.name))
