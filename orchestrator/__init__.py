"""Creates, updates, inspects and destroys Django environments on AWS, in dependency order.

`Orchestrator` is the Python API; the command line `orchestrator` is one client of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.api import Orchestrator as Orchestrator

__all__ = ["Orchestrator"]


def __getattr__(name: str) -> Any:
    """Load the API on first use, since `orchestrator --help` does not need it."""
    if name != "Orchestrator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orchestrator.api import Orchestrator

    return Orchestrator


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext orchestrator` in a notebook: reports, lists and diagrams are shown as tables and pictures."""
    from orchestrator import notebook

    notebook.load(shell)
