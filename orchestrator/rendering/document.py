"""Reports and stacks as JSON documents. Pure; secrets are masked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from orchestrator.cost.estimate import Estimate
from orchestrator.cost.prices import PriceTable
from orchestrator.model import Outputs, RunReport, UnitResult
from orchestrator.registry import Deployment

SCHEMA_VERSION = 1
"""Version of the documents; a name is never taken away or given another meaning within one version."""


def report(run: RunReport) -> dict[str, Any]:
    """A run: what was asked, how each unit ended, the exit code."""
    return {
        "version": SCHEMA_VERSION,
        "command": run.command,
        "engine": run.engine,
        "notice": run.notice,
        "started": _time(run.started),
        "ended": _time(run.ended),
        "exit_code": run.exit_code,
        "units": [_unit(result) for result in run.results],
    }


def _unit(result: UnitResult) -> dict[str, Any]:
    counts = result.counts
    return {
        "project": result.unit.project,
        "stack": result.unit.stack,
        "operation": result.operation.value,
        "status": result.status.value,
        "reason": result.reason,
        "hint": result.hint,
        "duration_seconds": round(result.duration_seconds, 3),
        "counts": {
            "create": counts.create,
            "update": counts.update,
            "replace": counts.replace,
            "delete": counts.delete,
            "same": counts.same,
        },
        "changes": [
            {"urn": c.urn, "type": c.type, "name": c.name, "op": c.op.value, "properties": list(c.properties)}
            for c in result.changes
        ],
        "outputs": outputs(result.outputs),
        "warnings": list(result.warnings),
    }


def outputs(values: Outputs) -> dict[str, Any]:
    """Outputs by name, secret ones masked."""
    return {name: output.shown() for name, output in sorted(values.items())}


def deployment(found: Deployment, *, full: bool = False) -> dict[str, Any]:
    """A base or an environment; with `full` also its stacks and outputs."""
    record = found.record
    document: dict[str, Any] = {
        "name": found.name,
        "scope": found.scope.value,
        "kind": record.kind.value,
        "base": record.base or next(iter(sorted(found.stands_on)), None),
        "status": found.status.value,
        "owner": record.owner,
        "created": _time(record.created),
        "expires": _time(record.expires),
        "pinned": record.pinned,
        "commit": record.commit,
        "branch": record.branch,
        "last_update": _time(found.last_update),
        "resources": found.resource_count,
        "url": found.url,
        "recorded": found.recorded,
    }
    if full:
        document["environments"] = list(found.environments)
        document["listener_slot"] = record.listener_slot
        document["missing"] = [str(unit) for unit in found.missing]
        document["stacks"] = [
            {
                "project": stack.unit.project,
                "stack": stack.unit.stack,
                "status": stack.status.value,
                "resources": stack.resource_count,
                "last_update": _time(stack.last_update),
                "problem": stack.problem,
            }
            for stack in found.stacks
        ]
        document["outputs"] = outputs(found.outputs)
    return document


def listing(found: tuple[Deployment, ...], notice: str | None) -> dict[str, Any]:
    """All bases and environments."""
    return {"version": SCHEMA_VERSION, "notice": notice, "deployments": [deployment(item) for item in found]}


def cost(estimates: Mapping[str, Estimate], prices: PriceTable) -> dict[str, Any]:
    """Monthly costs by name, with the lines they come from."""
    return {
        "currency": "USD",
        "per": "month",
        "prices": {"region": prices.region, "date": prices.day.isoformat()},
        "costs": [
            {
                "name": name,
                "dollars": round(found.dollars_per_month, 2),
                "lines": [
                    {"type": line.type, "name": line.name, "dollars": line.dollars_per_month, "detail": line.detail}
                    for line in found.lines
                ],
                "unpriced": list(found.unpriced),
            }
            for name, found in estimates.items()
        ],
    }


def one(found: Mapping[str, Any], notice: str | None) -> dict[str, Any]:
    """Any other document, with its version and notice."""
    return {"version": SCHEMA_VERSION, "notice": notice, **found}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
