"""The outcome of a simulated operation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engines.protocol import UnitOutcome
from orchestrator.model import ChangeCounts, ChangeOp, OutputValue

if TYPE_CHECKING:
    from orchestrator.engines.simulation.programs import Simulated


def of(simulated: Simulated) -> UnitOutcome:
    """Return counts, changes, outputs and warnings of a simulated program. Read resources count nowhere."""
    warnings = tuple(message for severity, message in simulated.logs if severity == "warning")
    counts = dict.fromkeys(ChangeOp, 0)
    for change in simulated.changes:
        counts[change.op] += 1
    managed = sum(not kept.get("read") for kept in simulated.resources.values())
    same = managed - sum(counts[op] for op in (ChangeOp.CREATE, ChangeOp.UPDATE, ChangeOp.REPLACE))
    return UnitOutcome(
        counts=ChangeCounts(
            create=counts[ChangeOp.CREATE],
            update=counts[ChangeOp.UPDATE],
            replace=counts[ChangeOp.REPLACE],
            delete=counts[ChangeOp.DELETE],
            same=same,
        ),
        changes=simulated.changes,
        outputs={
            name: OutputValue(value=value, secret=name in simulated.secret_outputs)
            for name, value in simulated.outputs.items()
        },
        warnings=warnings,
    )
