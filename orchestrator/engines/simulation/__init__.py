"""The engine that works in process and offline."""

from orchestrator.engines.simulation.engine import NOTICE, SimulationEngine

__all__ = ["NOTICE", "SimulationEngine"]
