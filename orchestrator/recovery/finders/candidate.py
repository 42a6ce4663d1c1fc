"""The result of a finder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.recovery.aws import Aws


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A resource in AWS that may be the one that was being created."""

    id: str
    """The id of the resource in the form of the AWS provider."""

    tags: Mapping[str, str] | None = field(default_factory=dict[str, str])
    """Tags of the resource; None for a type without tags."""

    distinct: bool = True
    """Whether it was found by a unique property, such as a name or the port of a listener. Otherwise only its tags decide."""

    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Outputs that differ from the inputs and that a refresh needs, such as the ARN of a task definition, whose id is only
    its family."""

    alike: bool = False
    """Whether any of several candidates can be adopted, the first one best: the next update replaces one that differs."""

    @property
    def key(self) -> str:
        """A unique key among the resources of the type."""
        return str(self.outputs.get("arn") or self.id)


Inputs = Mapping[str, Any]
Finder = Callable[[Aws, Inputs], Iterable[Candidate]]
"""Lists the candidates for a resource with these inputs (secrets are None)."""


def text(inputs: Inputs, key: str) -> str | None:
    """A text among the inputs; None when it is missing, secret or of another type."""
    value = inputs.get(key)
    return value if isinstance(value, str) and value else None
