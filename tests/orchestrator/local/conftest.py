"""What the shop's environments declare, simulated once for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import settings
from orchestrator.local import declaration
from orchestrator.local.declaration import Declaration

SHOP = Path(__file__).parents[3] / "examples" / "shop"


@pytest.fixture(scope="session")
def alpha() -> Declaration:
    """An ad-hoc environment."""
    return declaration.declared(settings.load(SHOP / "infrastructure"), "alpha")


@pytest.fixture(scope="session")
def live() -> Declaration:
    """A production environment."""
    return declaration.declared(settings.load(SHOP / "infrastructure"), "live")
