"""A request whose checks have passed, as data. `runner.run` carries it out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.config.stack_config import StackConfig
from orchestrator.engines.protocol import Rehearsal, UnitRequest
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.graph import Plan
from orchestrator.model import UNKNOWN, Kind, Operation, Outputs, Record, Scope, StackSummary, Unit, UnitResult
from pulumi_django.rules.wire import SECRET, SIGNATURE

Prepare = Callable[[Unit, Mapping[Unit, UnitResult]], UnitRequest]
"""Makes the request of a unit that is about to start, with the results of the units before it."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One unit of a job, including a unit that the job only reads."""

    unit: Unit
    scope: Scope
    kind: Kind
    exists: bool
    """Whether the unit has resources already."""

    runs: bool
    """False for a base that exists and that the job only reads."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The work of a request. Nothing has changed yet when `prepare` returns it."""

    context: Context
    command: str
    """The use case, for example `create-env`."""

    operation: Operation
    plan: Plan
    steps: tuple[Step, ...]
    """Every unit concerned, in dependency order; for a destroy, in the order of destruction."""

    operator: str | None = None
    """The user who runs it, for the history of its stacks; None for previews."""

    notes: tuple[str, ...] = ()
    """Facts that the user should know before the work begins, one sentence each."""

    confirm: tuple[str, ...] = ()
    """Names that the user types to confirm; empty when the job destroys nothing."""

    stacks: Mapping[Unit, StackSummary] = field(default_factory=dict[Unit, StackSummary])
    """The stacks of the plan that exist."""

    records: Mapping[Unit, Record] = field(default_factory=dict[Unit, Record])
    configs: Mapping[Unit, StackConfig] = field(default_factory=dict[Unit, StackConfig])
    slots: Mapping[Unit, str] = field(default_factory=dict[Unit, str])
    """New units whose listener slot `prepare` chose, each with its base."""

    bases: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Bases by environment."""

    plans: Path | None = None
    """Folder of plan files. A preview writes them; `apply` carries out exactly these plans."""

    handed: Mapping[Unit, tuple[Unit, ...]] = field(default_factory=dict[Unit, tuple[Unit, ...]])
    """For `apply`: the units whose outputs a unit's preview received from the orchestrator, because no stack had them."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Environment variables for the programs."""

    seen: dict[Unit, str] = field(default_factory=dict[Unit, str])
    """The configurations that the previews of a saved plan read; empty until all previews succeeded."""

    rehearsals: dict[Unit, Rehearsal] = field(default_factory=dict[Unit, Rehearsal], repr=False)
    """The rehearsals of its units, filled once before the run begins."""

    def unread(self, unit: Unit) -> list[Unit]:
        """The units before this one that had no readable outputs when the job was prepared."""
        return [
            other for other in self.plan.waits_for[unit] if other not in self.stacks or not self.stacks[other].outputs
        ]

    def resource_counts(self) -> dict[Unit, int]:
        """The number of resources of each unit that has any, for progress."""
        return {unit: stack.resource_count for unit, stack in self.stacks.items() if stack.resource_count}


def plan_file_name(unit: Unit) -> str:
    """The name of a unit's plan within the folder of a saved plan."""
    return f"{unit.project}.{unit.stack}.pulumi-plan.json"


def to_wire(outputs: Outputs) -> dict[str, Any]:
    """Outputs as Pulumi passes them between processes: secrets in envelopes, unknown values as the sentinel."""
    return {
        name: {SIGNATURE: SECRET, "value": _jsonable(output.value)} if output.secret else _jsonable(output.value)
        for name, output in outputs.items()
    }


def _jsonable(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return UNKNOWN
