"""The project and the configuration behind an environment: what operations change by an update, so that nothing drifts."""

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
class Application:
    """The stack of an environment that runs its services."""

    environment: str
    config: StackConfig

    def get(self, *path: str) -> Any:
        """The plain value at a key, and at the keys within its object; None when there is none."""
        found: Any = self.config.get(path[0])
        for key in path[1:]:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def assignment(self, key: str, value: Any) -> Assignment:
        """The value for a key such as `asleep` or `web.desired_count` of this project, wherever others have it too."""
        return make_assignment(f"{self.config.project.name}:{key}", value)

    @property
    def asleep(self) -> bool:
        """Whether the configuration says that it sleeps."""
        return str(self.get("asleep")).lower() == "true"


def find(context: Context, name: str) -> Application:
    """The application of an existing environment. Raises UnknownStackError, SettingsError."""
    return of(context, context.registry().environment(name))


def of(context: Context, environment: Deployment) -> Application:
    """The same for an environment that the registry showed."""
    stacks = [stack for stack in environment.stacks if "service_names" in stack.outputs]
    if not stacks:
        raise UnknownStackError(
            f"{environment.name} has no services: it was not created to its end",
            f"finish it: `orchestrator create-env {environment.name}`",
        )
    project = context.settings.by_key[stacks[0].unit.project]
    return Application(environment.name, StackConfig.load(project, environment.name))
