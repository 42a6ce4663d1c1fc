"""Saved plans of simulated stacks: writing them and enforcing them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import documents
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OperationFailedError, RefusedError
from pulumi_django.rules.wire import SIGNATURE, UNKNOWN

if TYPE_CHECKING:
    from orchestrator.engines.simulation.programs import Simulated

_MOST_NAMED = 5
_AGAIN = "preview again with --save-plan and review what changed"


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """The planned change of one resource."""

    op: str
    inputs: dict[str, Any]


def save(file: Path, simulated: Simulated) -> None:
    """Write the plan of a preview."""
    planned = {
        change.urn: {"op": change.op.value, "inputs": _plain_inputs(simulated.resources.get(change.urn, {}))}
        for change in simulated.changes
    }
    file.write_text(json.dumps(planned), encoding="utf-8")


def planned_outputs(outputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Outputs of a planned stack as a StackReference reads them, and the names of the secret ones."""
    secret = [name for name, value in outputs.items() if isinstance(value, dict) and SIGNATURE in value]
    return {name: value["value"] if name in secret else value for name, value in outputs.items()}, secret


def enforce(request: UnitRequest, simulated: Simulated) -> None:
    """Refuse an update with changes that are not in its plan. Fewer changes are allowed.

    A value that was unknown in the plan may have any value now. Raises RefusedError, OperationFailedError.
    """
    if request.plan_file is None:
        return
    planned = _read(request.plan_file)
    problems: list[str] = []
    for change in simulated.changes:
        allowed = planned.get(change.urn)
        if allowed is None or allowed.op != change.op.value:
            problems.append(f"{change.op.value} of {change.name} is not in the plan")
            continue
        now = _plain_inputs(simulated.resources.get(change.urn, {}))
        moved = sorted(key for key in {*now, *allowed.inputs} if not _fits(allowed.inputs.get(key), now.get(key)))
        if moved:
            problems.append(f"{change.name} differs from the plan in {', '.join(moved)}")
    if problems:
        rest = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        raise OperationFailedError(
            f"{request.unit.stack} was not updated: {'; '.join(problems[:_MOST_NAMED])}{rest}",
            _AGAIN,
        )


def _read(file: Path) -> dict[str, _Planned]:
    try:
        return documents.decoded(dict[str, _Planned], documents.read(file))
    except documents.DamagedError as error:
        raise RefusedError(f"the plan {file} is damaged: {error}", _AGAIN) from None
    except OSError as error:
        raise RefusedError(f"the plan {file} cannot be read: {error.strerror or error}", _AGAIN) from None


def _plain_inputs(kept: Mapping[str, Any]) -> dict[str, Any]:
    secret = set(kept.get("secret_inputs", ()))
    return {key: UNKNOWN if key in secret else value for key, value in (kept.get("inputs") or {}).items()}


def _fits(planned: Any, now: Any) -> bool:
    if planned in (UNKNOWN, now):
        return True
    if isinstance(planned, dict) and isinstance(now, dict):
        return planned.keys() == now.keys() and all(_fits(planned[key], now[key]) for key in planned)
    if isinstance(planned, list) and isinstance(now, list):
        return len(planned) == len(now) and all(map(_fits, planned, now))
    # A text with an unknown part is unknown as a whole.
    return isinstance(planned, str) and UNKNOWN in planned
