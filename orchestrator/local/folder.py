"""The folder of an environment on this machine: secrets, data and logs. It is outside the repository."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.atomic_files import write_atomically
from orchestrator.errors import StateError

PROGRAM = "pulumi-django"


@dataclass(frozen=True)
class StateFolder:
    """The folder of one environment."""

    path: Path

    @property
    def running(self) -> Path:
        """The document of the running environment, with the variables of its containers."""
        return self.path / "running.json"

    @property
    def lock(self) -> Path:
        """The lock that a running environment holds."""
        return self.path / "lock"

    @property
    def log(self) -> Path:
        """The log lines of all services, as JSON lines."""
        return self.path / "log.jsonl"

    @property
    def secrets(self) -> Path:
        """The secrets that were made for this machine."""
        return self.path / "secrets.json"

    @property
    def values(self) -> Path:
        """The user's own values of variables, as a dotenv file."""
        return self.path / "values.env"

    @property
    def compose_values(self) -> Path:
        """The values for a compose file."""
        return self.path / "compose.env"

    @property
    def database(self) -> Path:
        """The data of PostgreSQL."""
        return self.path / "postgres"

    @property
    def done(self) -> Path:
        """The steps that ran once in the life of the environment."""
        return self.path / "done.json"

    @property
    def certificates(self) -> Path:
        """The certificate of PostgreSQL and Redis, and its authority."""
        return self.path / "certificates"

    def temporary(self, container: str) -> Path:
        """The folder that a container has instead of `/tmp`."""
        return self.path / "tmp" / container

    def volume(self, name: str) -> Path:
        """The folder of a volume that keeps its files."""
        return self.path / "volumes" / name

    def create(self) -> None:
        """Create the folder. Raises StateError."""
        try:
            # PostgreSQL's own user passes through, and reads nothing: the files are private.
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711)
        except OSError as error:
            raise StateError(
                f"the folder of the environment cannot be created: {error.strerror or error} ({self.path})",
                "make it writable, or set XDG_STATE_HOME to another folder",
            ) from error

    def write(self, file: Path, document: Mapping[str, Any]) -> None:
        """Write a private JSON file. Raises StateError."""
        self.write_text(file, json.dumps(document, indent=1))

    def write_text(self, file: Path, text: str) -> None:
        """Write a private file. Raises StateError."""
        try:
            write_atomically(file, text, private=True)
        except OSError as error:
            raise StateError(
                f"{file} cannot be written: {error.strerror or error}", "free some disk space, or make it writable"
            ) from error

    def read(self, file: Path) -> dict[str, Any] | None:
        """A private JSON file; None without one. Raises StateError."""
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StateError(
                f"{file} cannot be used: {error}", "remove it; `orchestrator local down NAME --data` removes everything"
            ) from error
        return found if isinstance(found, dict) else None


def of_environment(project: str, environment: str) -> StateFolder:
    """The folder of an environment, by the name of its Pulumi project.

    It is below XDG_STATE_HOME (default: `~/.local/state`). For root it is below /var/lib, because PostgreSQL runs as another
    user, which cannot enter root's home.
    """
    home = os.environ.get("XDG_STATE_HOME")
    if home:
        base = Path(home)
    elif os.geteuid() == 0:
        base = Path("/var/lib")
    else:
        base = Path.home() / ".local" / "state"
    return StateFolder(base / PROGRAM / project / environment)
