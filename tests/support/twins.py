"""Both engines on one copy of the example projects: what each of them has in its state, in the same words.

Three things stand in the engine's state alone, and are left out: the default providers, which the engine makes for itself
and does not show; what it writes into providers (their id, version, outputs); inputs and outputs of `awsx.ec2.Vpc`, which
live in that component's own provider. What the component was asked for is compared by itself.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from orchestrator.config import settings
from orchestrator.engines import factory
from orchestrator.engines.protocol import UnitRequest
from orchestrator.engines.simulation.store import Store
from orchestrator.model import Operation, Unit, UnitOutcome
from tests.support.standin import plugins
from tests.support.standin.cloud import Cloud
from tests.support.standin.wire import SECRET, SIGNATURE

BASE, APP, STANDALONE = Unit("base", "dev"), Unit("app", "alpha"), Unit("standalone", "dev")
SETTINGS = """
[projects.base]
path = "projects/base"
scope = "base"

[projects.app]
path = "projects/app"
scope = "environment"
depends_on = ["base"]

[projects.standalone]
path = "."
scope = "environment"
"""
NULL = object()
"""A key that is there and has no value."""

REMOTE_COMPONENT = "awsx:ec2:Vpc"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A resource as an engine's state has it."""

    type: str
    parent: str
    id: str
    inputs: Mapping[str, Any] = field(repr=False)
    secret_inputs: frozenset[str]
    outputs: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any]

    def comparable(self) -> Seen:
        """Without what only the engine knows."""
        if self.type.startswith("pulumi:providers:"):
            inputs = {key: value for key, value in self.inputs.items() if key not in ("version", "__internal")}
            return replace(self, id="", inputs=inputs, outputs={})
        return replace(self, inputs={}, outputs={}) if self.type == REMOTE_COMPONENT else self


class Twins:
    """A copy of the repository's projects with both engines on it, and the cloud behind the real one."""

    def __init__(self, folder: Path, setenv: Any) -> None:
        self.folder = folder
        shutil.copytree(plugins.ROOT / "projects", folder / "projects")
        for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
            shutil.copy(plugins.ROOT / name, folder / name)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "orchestrator.toml").write_text(SETTINGS, encoding="utf-8")
        (folder / "state").mkdir()
        self.cloud = Cloud(folder / "cloud.json")
        plugins.install(folder, self.cloud.file, setenv)
        setenv("PYTHONPATH", str(plugins.ROOT))
        setenv("PULUMI_BACKEND_URL", f"file://{folder / 'state'}")
        self._settings = settings.load(folder)
        self._projects = self._settings.by_key
        self._store = Store(folder / ".orchestrator" / "simulation")

    def open_engines(self) -> None:
        """Make both engines, which take the environment's variables as they are now."""
        self._engines = {name: factory.create(self._settings, name) for name in ("pulumi", "simulation")}

    def configure(self, unit: Unit, **changes: Any) -> None:
        """Change keys of the project's namespace in the stack's configuration; None takes one away, NULL makes it null."""
        file = self._projects[unit.project].path / f"Pulumi.{unit.stack}.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key, value in changes.items():
            full = f"{self._projects[unit.project].name}:{key}"
            if value is None:
                document["config"].pop(full, None)
            else:
                document["config"][full] = None if value is NULL else value
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def run(self, engine: str, unit: Unit, operation: Operation = Operation.UP) -> UnitOutcome:
        return self._engines[engine].run(UnitRequest(unit=unit, operation=operation), lambda _event: None)

    def state(self, engine: str, unit: Unit) -> dict[str, Seen]:
        """The engine's state by URN."""
        return self._real(unit) if engine == "pulumi" else self._simulated(unit)

    def asked_of_the_vpc(self, engine: str, unit: Unit) -> list[Mapping[str, Any]]:
        """Inputs with which `awsx.ec2.Vpc` was last asked for its children."""
        if engine == "simulation":
            kept = self._store.resources(unit).values()
            return [item["inputs"] for item in kept if item["type"] == REMOTE_COMPONENT]
        asked = [item["inputs"] for item in self.cloud.log() if item["op"] == "construct"]
        return [_plain(asked[-1], set())] if asked else []

    def _simulated(self, unit: Unit) -> dict[str, Seen]:
        if unit not in self._store.units([unit.project]):
            return {}
        return {
            urn: Seen(
                type=kept["type"],
                parent=kept.get("parent", ""),
                id=kept.get("id", ""),
                inputs=kept["inputs"],
                secret_inputs=frozenset(kept.get("secret_inputs", ())),
                outputs=kept.get("outputs", {}),
                options={name: kept[name] for name in _OPTIONS.values() if kept.get(name)},
            ).comparable()
            for urn, kept in self._store.resources(unit).items()
        }

    def _real(self, unit: Unit) -> dict[str, Seen]:
        words = ["pulumi", "stack", "export", "--show-secrets", "--stack", unit.stack, "--non-interactive"]
        done = subprocess.run(words, cwd=self._projects[unit.project].path, capture_output=True, text=True, check=False)
        if "no stack named" in done.stderr:
            return {}
        assert done.returncode == 0, done.stderr
        resources = json.loads(done.stdout)["deployment"].get("resources") or []
        return {item["urn"]: _seen(item).comparable() for item in resources if not _is_default_provider(item)}


_OPTIONS = {"protect": "protect", "retainOnDelete": "retain_on_delete"}


def _is_default_provider(item: Mapping[str, Any]) -> bool:
    """The engine makes these for itself; neither the CLI's display nor its counts show them."""
    return item["type"].startswith("pulumi:providers:") and item["urn"].rpartition("::")[2].startswith("default")


def _seen(item: Mapping[str, Any]) -> Seen:
    secrets: set[str] = set()
    return Seen(
        type=item["type"],
        parent=item.get("parent", ""),
        id=item.get("id", ""),
        inputs=_plain(item.get("inputs") or {}, secrets),
        secret_inputs=frozenset(secrets),
        outputs=_plain(item.get("outputs") or {}, set()),
        options={ours: item[theirs] for theirs, ours in _OPTIONS.items() if item.get(theirs)},
    )


def _plain(value: Any, secrets: set[str], path: str = "") -> Any:
    """A value of an exported state without envelopes; adds the paths of its secrets to `secrets`."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            secrets.add(path)
            return json.loads(value["plaintext"])
        return {key: _plain(item, secrets, f"{path}.{key}" if path else key) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, secrets, f"{path}[{index}]") for index, item in enumerate(value)]
    return value
