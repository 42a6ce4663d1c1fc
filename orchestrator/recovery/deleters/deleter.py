"""What every deleter uses."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.recovery.aws import Aws
from orchestrator.recovery.orphans import Orphan

Deleter = Callable[[Aws, Orphan], None]
"""Deletes one orphan, or begins to; raises ClientError, or KeptError."""

PRODUCTION = "prod"


class KeptError(Exception):
    """The resource is left alone on purpose; the text says why."""


def is_production(orphan: Orphan) -> bool:
    """Whether it was made for production, where data is never thrown away."""
    return orphan.tags.get("kind") == PRODUCTION
