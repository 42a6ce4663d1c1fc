"""A repository with an image to build, and builders of shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import Builders
from tests.support.workspace import TOML, Workspace

REPOSITORY = "registry.example.com/shop"


def configured(workspace: Workspace, table: str = "") -> None:
    """Write `[images.backend]` with more keys."""
    (workspace.root / "orchestrator.toml").write_text(f'{TOML}\n[images.backend]\ncontext = "source"\n{table}\n')


@pytest.fixture
def builders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Builders:
    """No program but the builders that a test installs."""
    return Builders(tmp_path_factory.mktemp("builders"), monkeypatch)


@pytest.fixture
def source(workspace: Workspace) -> Path:
    """The folder `source` with a Dockerfile, in a workspace with `[images.backend]`."""
    source = workspace.root / "source"
    source.mkdir()
    (source / "Dockerfile").write_text("FROM scratch\nCOPY . /app\n")
    (source / "manage.py").write_text("print()\n")
    configured(workspace)
    return source
