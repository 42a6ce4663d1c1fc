"""Both engines on the small fixture projects, each in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from orchestrator.config import settings
from orchestrator.engines import factory
from orchestrator.engines.protocol import Engine, UnitRequest
from orchestrator.events import UnitEvent
from orchestrator.model import Operation, Unit, UnitOutcome

FIXTURES = Path(__file__).parents[1] / "fixtures" / "engine"
ROOT = Path(__file__).parents[2]
BASE, APP = Unit("base", "dev"), Unit("app", "alpha")
SETTINGS = """
[projects.base]
path = "base"
scope = "base"

[projects.app]
path = "app"
scope = "environment"
depends_on = ["base"]
"""


class Workshop:
    """A copy of the fixture projects, an engine on them, and the cloud behind the stand-in provider."""

    def __init__(self, folder: Path, engine: str, setenv: Any, backend: str | None = None) -> None:
        self.folder, self.name = folder, engine
        shutil.copytree(FIXTURES, folder, dirs_exist_ok=True)
        (folder / "orchestrator.toml").write_text(SETTINGS, encoding="utf-8")
        self.state = folder / "state"
        self.state.mkdir()
        self.cloud_file = folder / "cloud.json"
        plugins = folder / "plugins"
        plugins.mkdir()
        for package in ("aws", "random"):
            plugin = plugins / f"pulumi-resource-{package}"
            start = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.support.provider_standin import main\nmain()\n"
            plugin.write_text(f"#!{sys.executable}\n{start}", encoding="utf-8")
            plugin.chmod(0o755)
        setenv("PATH", os.pathsep.join([str(plugins), str(Path(sys.executable).parent), os.environ["PATH"]]))
        setenv("PULUMI_HOME", str(folder / "home"))
        setenv("PULUMI_BACKEND_URL", backend or f"file://{self.state}")
        setenv("PULUMI_CONFIG_PASSPHRASE", "test")
        setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
        setenv("STANDIN_CLOUD", str(self.cloud_file))
        self.configure(BASE)
        self.configure(APP, base="dev")
        self.engine = self.another()

    def another(self) -> Engine:
        """A second engine on the same state, as another process would have."""
        return factory.create(settings.load(self.folder), self.name)

    def configure(self, unit: Unit, **values: Any) -> None:
        """Write the stack's configuration, keeping what the CLI wrote beside it."""
        project = {"base": "fixture-base", "app": "fixture-app"}[unit.project]
        file = self.folder / unit.project / f"Pulumi.{unit.stack}.yaml"
        salt = (
            [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("encryptionsalt")]
            if file.exists()
            else []
        )
        lines = [f"  {project}:{key}: {json.dumps(value)}" for key, value in values.items()]
        file.write_text("\n".join([*salt, "config:" if lines else "config: {}", *lines, ""]), encoding="utf-8")

    def run(self, unit: Unit, operation: Operation = Operation.UP, **more: Any) -> UnitOutcome:
        """One operation; its events are in `events` afterwards."""
        self.events: list[UnitEvent] = []
        return self.engine.run(UnitRequest(unit=unit, operation=operation, **more), self.events.append)

    def cloud(self) -> list[str]:
        """Names of what exists in the cloud behind the real engine."""
        if not self.cloud_file.exists():
            return []
        return sorted(item["urn"].rpartition("::")[2] for item in json.loads(self.cloud_file.read_text()).values())
