"""A folder with projects, a scripted engine, and a forge on loopback."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from orchestrator.engines.protocol import Engine
from orchestrator.lifecycle.registry import Deployment
from orchestrator.pull_requests import previews
from orchestrator.pull_requests.github import GitHub
from orchestrator.pull_requests.service import PullRequests
from tests.support.fake_engine import FakeEngine
from tests.support.forge import REPOSITORY, TOKEN, FakeForge, running
from tests.support.workspace import TOML, Workspace


@pytest.fixture
def forge() -> Generator[FakeForge]:
    with running() as found:
        yield found


@pytest.fixture
def pull_requests(
    workspace: Workspace, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., PullRequests]:
    """Makes the service for settings in TOML, on one engine."""

    def awake(engine: Engine, deployment: Deployment) -> bool:
        assert isinstance(engine, FakeEngine)
        return all(engine.kept[unit].config.get("django-app:asleep") != "true" for unit in deployment.units)

    monkeypatch.setattr(previews, "_awake", awake)

    def given(table: str = "", **options: Any) -> PullRequests:
        (workspace.root / "orchestrator.toml").write_text(f'{TOML}\n[pull_requests]\nbase = "dev"\n{table}\n')
        api = GitHub.api(forge.url, TOKEN)
        api.sleep = lambda _seconds: None
        return PullRequests(workspace.orchestrator(**options), GitHub(api, REPOSITORY, "https://run/1"))

    return given
