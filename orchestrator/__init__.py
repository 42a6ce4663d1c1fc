"""Creates, references, updates, inspects and destroys Django environments in dependency order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.api import Orchestrator

__all__ = ["Orchestrator"]


def __getattr__(name: str) -> Any:
    """Load the API on first use: importing the package, or one of its pure modules, stays cheap."""
    if name == "Orchestrator":
        from orchestrator.api import Orchestrator

        return Orchestrator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
