"""How each type of orphan is deleted, and in which order."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.recovery.deleters import data, network, services
from orchestrator.recovery.deleters.deleter import Deleter
from orchestrator.recovery.deleters.deleter import KeptError as KeptError

DELETERS: Mapping[str, tuple[int, Deleter]] = {**services.DELETERS, **network.DELETERS, **data.DELETERS}
"""By type of the ARN: its place in the order, lowest first, and what deletes it."""
