"""Checks of the kind that scanners of AWS accounts make, on what a simulation registered."""

from __future__ import annotations

from tests.support.posture import access, builds, compute, data, edge, network
from tests.support.posture.world import CHECKS, World

__all__ = ["CHECKS", "World", "access", "builds", "compute", "data", "edge", "network"]
