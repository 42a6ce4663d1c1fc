"""Plans that agents and the live page carry out: named by their content, and bound to the reviewed state."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import saved_plan
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.requests import DestroyBase, DestroyEnv
from orchestrator.model import Scope, Unit

AGAIN = "preview again, review the changes, and pass the new plan"
_IDENTITY = re.compile(r"(?P<folder>(base|environment)-[a-z0-9-]+)-(?P<digest>[0-9a-f]{12})")


@dataclass(frozen=True, kw_only=True)
class SavedPlans:
    """The saved plans of creates and updates. A base or environment has one: a newer preview replaces it."""

    folder: Path
    """The folder of all plans."""

    def folder_of(self, scope: Scope, name: str) -> Path:
        """The folder of the plan of one base or environment."""
        return self.folder / f"{scope.value}-{name}"

    def identity(self, folder: Path) -> str:
        """The name of the plan in a folder. It changes with the plan, so that only a reviewed plan can be named."""
        return f"{folder.name}-{_digest((folder / saved_plan.FILE).read_bytes())}"

    def find(self, identity: str) -> Path:
        """The folder of a plan. Raises RefusedError when a newer preview has replaced it, or there is none."""
        parts = _IDENTITY.fullmatch(identity)
        folder = self.folder / parts["folder"] if parts else None
        if folder is None or not (folder / saved_plan.FILE).is_file():
            raise RefusedError(f"there is no plan {identity}", AGAIN)
        if self.identity(folder) != identity:
            raise RefusedError(f"a newer preview has replaced the plan {identity}", AGAIN)
        return folder


@dataclass(frozen=True, kw_only=True)
class DestructionPlan:
    """A destruction that was reviewed: its request, and the states that it would delete."""

    name: str
    request: DestroyEnv | DestroyBase
    states: Mapping[Unit, str | None]
    """The fingerprint of the state of each stack that goes."""

    @classmethod
    def of(cls, name: str, request: DestroyEnv | DestroyBase, job: Job) -> DestructionPlan:
        """The plan of a job."""
        return cls(name=name, request=request, states=states_of(job))

    @property
    def identity(self) -> str:
        """The name of the plan, by its content."""
        states = {str(unit): state for unit, state in self.states.items()}
        content = json.dumps([type(self.request).__name__, asdict(self.request), states], sort_keys=True)
        return f"destroy-{self.name}-{_digest(content.encode())}"

    def check(self, job: Job) -> None:
        """Raise RefusedError when the stacks of a new job, or their states, are not those of the review."""
        found = states_of(job)
        changed = sorted(
            unit.among(found) for unit in {*found, *self.states} if found.get(unit, "") != self.states.get(unit, "")
        )
        if changed:
            raise RefusedError(f"the plan no longer fits: {', '.join(changed)} changed since the preview", AGAIN)


def states_of(job: Job) -> dict[Unit, str | None]:
    """The fingerprint of the state of each stack that a job changes."""
    return {step.unit: job.context.engine.fingerprint(step.unit) for step in job.steps if step.runs}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
