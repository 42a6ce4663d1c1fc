"""The stand-in's cloud: files beside the one that `STANDIN_CLOUD` names, which survive whatever is killed.

`cloud.json` has the resources, `cloud.json.made` counts how often each URN was made, `cloud.json.rules` holds what a test
wants to go wrong, `cloud.json.log` has a line for each operation.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How slow the cloud is, and what it refuses."""

    seconds: float = 0
    """Time that every create, update and delete takes; half of it before the cloud has changed, half after."""

    refuse: Mapping[str, str] = field(default_factory=dict[str, str])
    """`create:NAME`, `update:NAME` or `delete:NAME` -> the error that it gets; `check:NAME` -> what is wrong with its inputs."""


class Cloud:
    """The resources by type and id, for the plugins that change them and for the tests that look at them."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def of_environment(cls) -> Cloud:
        return cls(Path(os.environ["STANDIN_CLOUD"]))

    def resources(self) -> dict[str, Any]:
        """What exists, by `URN#REVISION`: `urn`, `id`, `revision`, `inputs` and `state` of each."""
        return self._read(self.file)

    def names(self) -> list[str]:
        """Names of what exists, sorted; one that exists twice is there twice."""
        return sorted(item["urn"].rpartition("::")[2] for item in self.resources().values())

    def log(self) -> list[dict[str, Any]]:
        """Everything that was done, in order: `op`, `urn`, `id`."""
        path = self._beside("log")
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def rules(self) -> Rules:
        return Rules(**self._read(self._beside("rules")))

    def set_rules(self, rules: Rules) -> None:
        self._replace(self._beside("rules"), asdict(rules))

    @staticmethod
    def key(resources: Mapping[str, Any], urn: str, id_: str, state: Mapping[str, Any]) -> str | None:
        """Which of the resources is meant. Ids are not enough: revisions of a task definition share one."""
        fitting = [key for key, item in resources.items() if (item["urn"], item["id"]) == (urn, id_)]
        return next((key for key in fitting if resources[key]["state"] == state), fitting[0] if fitting else None)

    @contextlib.contextmanager
    def changed(self) -> Generator[dict[str, Any]]:
        """The resources, to be changed by one process at a time; written as one step."""
        with self._locked():
            resources = self._read(self.file)
            yield resources
            self._replace(self.file, resources)

    def next_revision(self, urn: str) -> int:
        """1 when the resource is made for the first time, one more each time after."""
        with self._locked():
            made = self._read(self._beside("made"))
            made[urn] = made.get(urn, 0) + 1
            self._replace(self._beside("made"), made)
            return made[urn]

    def revision(self, urn: str) -> int:
        """How often the resource was made."""
        return self._read(self._beside("made")).get(urn, 0)

    def tell(self, op: str, urn: str, id_: str, **more: Any) -> None:
        """Add a line to the log."""
        line = json.dumps({"op": op, "urn": urn, "id": id_, "time": time.time(), **more})
        with self._beside("log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _beside(self, suffix: str) -> Path:
        return self.file.with_name(f"{self.file.name}.{suffix}")

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        with self._beside("lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self, path: Path) -> dict[str, Any]:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def _replace(self, path: Path, content: Any) -> None:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(name, path)
