"""The type of deleters, and the rule for production."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.recovery.aws import Aws
from orchestrator.recovery.orphans import Orphan

Deleter = Callable[[Aws, Orphan], None]
"""Deletes one orphan or starts its deletion. Raises ClientError or KeptError."""

PRODUCTION = "prod"


class KeptError(Exception):
    """The resource is kept on purpose; the text is the reason."""


def is_production(orphan: Orphan) -> bool:
    """Whether the orphan belongs to production, whose data is never lost."""
    return orphan.tags.get("kind") == PRODUCTION
