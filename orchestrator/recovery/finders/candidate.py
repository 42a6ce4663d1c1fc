"""What a finder answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.recovery.aws import Aws


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A resource in AWS that may be the one that was being created."""

    id: str
    """Its id as the AWS provider keeps it in the state."""

    tags: Mapping[str, str] | None = field(default_factory=dict[str, str])
    """Its tags; None for a type without tags."""

    distinct: bool = True
    """Whether it was found by something that only one resource can have: a name, a port of a listener. Without that its
    tags alone decide."""

    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Outputs that differ from the inputs and that reading it needs, such as the ARN of a task definition, whose id is
    only its family."""

    alike: bool = False
    """Whether any of several will do, the first of them best: the next update replaces one that is not as wanted."""

    @property
    def key(self) -> str:
        """What tells it from all others of its type."""
        return str(self.outputs.get("arn") or self.id)


Inputs = Mapping[str, Any]
Finder = Callable[[Aws, Inputs], Iterable[Candidate]]
"""Lists the candidates for a resource with these inputs (secrets are None)."""


def text(inputs: Inputs, key: str) -> str | None:
    """A plain text among the inputs; None when it is missing, secret or something else."""
    value = inputs.get(key)
    return value if isinstance(value, str) and value else None
