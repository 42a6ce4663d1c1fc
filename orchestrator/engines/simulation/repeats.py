"""Remembers of each stack what its last update read, so that an update with nothing to do runs no program.

Beside the stack's state lies a file that may be deleted at any time. `ORCHESTRATOR_ALWAYS_SIMULATE=1` in the environment
ignores these files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.config import documents, yaml_files
from orchestrator.config.atomic_files import write_atomically
from orchestrator.config.projects import Project
from orchestrator.config.stack_config import read_snapshot
from orchestrator.engines.protocol import UnitRequest
from orchestrator.engines.simulation.trace import Trace
from orchestrator.model import Operation

VARIABLE = "ORCHESTRATOR_ALWAYS_SIMULATE"
_VERSION = 1

# Shells change these with every command.
_UNREAD_VARIABLES = ("_", "OLDPWD", "SHLVL")

log = logging.getLogger(__name__)

StackOutputs = Callable[[str], tuple[Mapping[str, Any], Sequence[str]] | None]
"""The outputs of a stack by reference name, with the names of the secret ones; None when the stack does not exist."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Everything that a simulation depended on, and the messages of its program."""

    given: str
    """A digest of configuration, environment variables and Python."""

    outputs: dict[str, str]
    """A digest of the outputs of each stack that the program read, by reference name."""

    trace: Trace
    logs: tuple[tuple[str, str], ...]
    """Severity and text."""

    def holds(self, given: str, stacks: StackOutputs) -> bool:
        """Whether the program would read the same again."""
        now = all(digest_of(stacks(name)) == before for name, before in self.outputs.items())
        return self.given == given and now and self.trace.holds


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """The content of a file."""

    version: int
    state: str
    reading: Reading


def can_repeat(request: UnitRequest) -> bool:
    """Whether the program of a plain update need not run when it would read the same."""
    return is_plain(request) and os.environ.get(VARIABLE, "0") in ("", "0")


def is_plain(request: UnitRequest) -> bool:
    """Whether the request is a plain update. Plans and outputs that are handed over are always simulated."""
    return request.operation is Operation.UP and request.plan_file is None and not request.upstream_outputs


def given_to(project: Project, request: UnitRequest) -> str:
    """The digest of what a program receives. Raises SettingsError when its configuration cannot be read."""
    config = read_snapshot(project, request.unit.stack, request.config_file)
    environment = {name: value for name, value in os.environ.items() if name not in _UNREAD_VARIABLES}
    settings = yaml_files.read_text(project.path / "Pulumi.yaml")
    parts = [str(project.path), settings, request.unit.stack, config.wire(), sorted(config.secret_keys)]
    return digest_of([*parts, environment, sys.version, sys.path])


def digest_of(value: Any) -> str:
    """A digest of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def load(file: Path, state: str) -> Reading | None:
    """The reading of the update that led to this state (a digest); None when it is not known."""
    try:
        kept = documents.decoded(_Kept, documents.read(file))
    except (OSError, documents.DamagedError):
        return None
    return kept.reading if (kept.version, kept.state) == (_VERSION, state) else None


def save(file: Path, state: str, reading: Reading | None) -> None:
    """Write the reading of the update that led to this state, or remove an older one."""
    try:
        if reading is None:
            file.unlink(missing_ok=True)
            return
        kept = _Kept(version=_VERSION, state=state, reading=reading)
        write_atomically(file, json.dumps(asdict(kept)), private=True)
    except OSError:
        log.debug("the inputs of a simulation could not be noted", exc_info=True)
