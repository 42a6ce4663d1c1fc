"""Secrets of the template that an environment of a pull request does not get.

Code of a pull request runs before anyone reviewed it. So it gets only the secrets that the settings name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.config.assignments import Assignment
from orchestrator.config.settings import Settings
from orchestrator.config.stack_config import StackConfig
from orchestrator.model import Scope

KEY = "extra_secrets"


def left_out(settings: Settings, allowed: Collection[str]) -> tuple[Assignment, ...]:
    """Values that remove the other variables of `extra_secrets` from a copy of the templates."""
    names: set[str] = set()
    for project in settings.in_scope(Scope.ENVIRONMENT):
        if project.template is None:
            continue
        config = StackConfig.load(project, project.template)
        configured: Any = config.get(KEY) if config.exists else None
        if isinstance(configured, Mapping):
            names |= {str(name) for name in configured}
    return tuple(Assignment(namespace=None, path=(KEY, name), value=None) for name in sorted(names - set(allowed)))
