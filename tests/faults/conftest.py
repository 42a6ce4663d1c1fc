"""Every fault test has its own arena and leaves no process behind."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.arena import Arena
from tests.support.standin.aws_server import serving
from tests.support.standin.cloud import Cloud


@pytest.fixture
def address(tmp_path: Path) -> Generator[str]:
    """Where a little AWS with the arena's cloud answers."""
    with serving(Cloud(tmp_path / "cloud.json")) as address:
        yield address


@pytest.fixture
def arena(tmp_path: Path, address: str) -> Generator[Arena]:
    arena = Arena(tmp_path, address)
    yield arena
    assert arena.settle(), "processes were left over"
