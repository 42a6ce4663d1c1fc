"""Environments whose deployment waits for an approval, as the deploying process notes them for other users of the backend."""

from __future__ import annotations

import contextlib

from orchestrator.engines.protocol import Engine
from orchestrator.errors import OrchestratorError

FOLDER = "waiting"


def note(engine: Engine, environment: str, *, waits: bool) -> None:
    """Note that an environment waits, or no longer does. A backend that refuses it only keeps `list` from showing it."""
    with contextlib.suppress(OrchestratorError, OSError):
        if waits:
            engine.marks.set(f"{FOLDER}/{environment}", {})
        else:
            engine.marks.remove(f"{FOLDER}/{environment}")


def environments(engine: Engine) -> frozenset[str]:
    """Return the environments that wait. The note of a process that has ended does not count."""
    with contextlib.suppress(OrchestratorError, OSError):
        return frozenset(mark.name.removeprefix(f"{FOLDER}/") for mark in engine.marks.below(FOLDER))
    return frozenset()
