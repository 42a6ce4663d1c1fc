"""Deletes each type of orphan, in a fixed order of types."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.recovery.deleters import data, network, services
from orchestrator.recovery.deleters.deleter import Deleter
from orchestrator.recovery.deleters.deleter import KeptError as KeptError

DELETERS: Mapping[str, tuple[int, Deleter]] = {**services.DELETERS, **network.DELETERS, **data.DELETERS}
"""Position in the order (lowest first) and deleter, by type in the ARN."""
