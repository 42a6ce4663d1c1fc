"""The simulation engine, which runs in process and offline."""

from orchestrator.engines.simulation.engine import NOTICE, SimulationEngine

__all__ = ["NOTICE", "SimulationEngine"]
