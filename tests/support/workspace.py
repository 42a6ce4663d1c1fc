"""A folder with `orchestrator.toml`, a base project, an app project and their configuration, as a user would have it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator.api import Orchestrator
from orchestrator.config import settings
from orchestrator.events import Event
from orchestrator.lifecycle import Context
from tests.support.fake_engine import FakeEngine

TOML = """\
engine = "simulation"

[projects.base]
path = "projects/base"
scope = "base"
template = "dev"

[projects.app]
path = "projects/app"
scope = "environment"
depends_on = ["base"]
template = "alpha"
"""
BASE_CONFIG = "config:\n  aws:region: eu-west-1\n  django-base:domain_name: example.com\n"
APP_CONFIG = (
    "# The example environment.\n"
    "config:\n"
    "  aws:region: eu-west-1\n"
    "  django-app:base: dev\n"
    "  django-app:listener_slot: 0\n"
    "  django-app:backend_image: registry.example.com/shop:1 # pinned\n"
)
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Workspace:
    """The folder, an engine, and what observers heard."""

    def __init__(self, root: Path, toml: str = TOML, projects: Mapping[str, str] | None = None) -> None:
        self.root = root
        (root / "orchestrator.toml").write_text(toml)
        for folder, name in (projects or {"base": "django-base", "app": "django-app"}).items():
            (root / "projects" / folder).mkdir(parents=True, exist_ok=True)
            (root / "projects" / folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        self.write("base", "dev", BASE_CONFIG)
        self.write("app", "alpha", APP_CONFIG)
        self.engine = FakeEngine(settings.load(root).projects)
        self.events: list[Event] = []
        self.now = START

    def orchestrator(self, **options: Any) -> Orchestrator:
        """A fresh orchestrator on the same engine, as the next command would have."""
        return Orchestrator(self.root, engine=self.engine, observer=self.events.append, clock=self._clock, **options)

    def context(self) -> Context:
        """What operations work in, as the next command would have it."""
        return self.orchestrator().context

    def file(self, project: str, stack: str) -> Path:
        """A stack's configuration file."""
        return self.root / "projects" / project / f"Pulumi.{stack}.yaml"

    def write(self, project: str, stack: str, text: str) -> Path:
        """Write a stack's configuration file."""
        file = self.file(project, stack)
        file.write_text(text)
        return file

    def files(self) -> dict[str, str]:
        """Every file of the folder with its text, except the records of runs, which git ignores."""
        unseen = (self.root / ".orchestrator" / "runs", self.root / ".orchestrator" / ".gitignore")
        found = sorted(
            path
            for path in self.root.rglob("*")
            if path.is_file() and not any(path.is_relative_to(folder) for folder in unseen)
        )
        return {str(path.relative_to(self.root)): path.read_text() for path in found}

    def _clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now
