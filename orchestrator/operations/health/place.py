"""Where `doctor` looks in AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.stack_config import StackConfig
from orchestrator.model import Kind, Scope
from pulumi_django.deploying.aws_access import AwsAccess


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is looked at in AWS: a base or an environment, whether it exists yet or is only configured."""

    name: str
    scope: Scope
    base: str | None
    """Name of the base; its own on a base."""

    access: AwsAccess
    base_outputs: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Plain outputs of the base; empty while it does not exist."""

    config: StackConfig | None = None
    """Of the environment's application."""

    base_config: StackConfig | None = None
    kind: Kind = Kind.AD_HOC

    def of_base(self, name: str) -> Any:
        """A value of the base, from its outputs, else from its configuration."""
        if name in self.base_outputs or self.base_config is None:
            return self.base_outputs.get(name)
        return self.base_config.get(name)
