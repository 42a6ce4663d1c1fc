"""Creates the engine that the settings or the command line name."""

from __future__ import annotations

from orchestrator.config.settings import ENGINES, Settings
from orchestrator.engines.protocol import Engine
from orchestrator.errors import UsageError


def create(settings: Settings, name: str | None = None) -> Engine:
    """Create an engine, by default the one in `orchestrator.toml`. Only the modules of that engine are loaded.

    Raises UsageError for an unknown name.
    """
    wanted = name or settings.engine
    if wanted == "simulation":
        from orchestrator.engines.simulation import SimulationEngine

        return SimulationEngine(settings.by_key, settings.root)
    if wanted == "pulumi":
        from orchestrator.engines.automation import AutomationEngine

        return AutomationEngine(settings)
    raise UsageError(f"unknown engine {wanted!r}: engines are {' and '.join(ENGINES)}")
