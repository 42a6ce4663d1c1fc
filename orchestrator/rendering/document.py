"""Reports and stacks as JSON documents. Pure; secrets are masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.cost.estimate import Costs, Estimate, MonthlyCost
from orchestrator.cost.prices import PriceTable
from orchestrator.events import Diagnostic, Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Outputs, RunReport, Unit, UnitResult

if TYPE_CHECKING:
    from orchestrator.lifecycle.orphans import Orphans
    from orchestrator.lifecycle.reap import Reaping
    from orchestrator.lifecycle.upkeep import Life, Unlocked
    from orchestrator.operations.idle import Idleness
    from orchestrator.recovery.deletion import Deletion

SCHEMA_VERSION = 1
"""Version of the documents; a name is never taken away or given another meaning within one version."""


def report(run: RunReport, costs: Costs | None = None) -> dict[str, Any]:
    """A run: what was asked, how each unit ended, the exit code."""
    return {
        "version": SCHEMA_VERSION,
        "command": run.command,
        "engine": run.engine,
        "notice": run.notice,
        "started": _time(run.started),
        "ended": _time(run.ended),
        "exit_code": run.exit_code,
        "units": [_unit(result, (costs or {}).get(result.unit)) for result in run.results],
    }


def _unit(result: UnitResult, cost: MonthlyCost | None = None) -> dict[str, Any]:
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
        "monthly_cost": {"before": round(cost.before, 2), "after": round(cost.after, 2)} if cost else None,
    }


def event(heard: Event, moment: datetime) -> dict[str, Any]:
    """One event of a run."""
    said: dict[str, Any] = {"version": SCHEMA_VERSION, "time": moment.isoformat(timespec="milliseconds")}
    match heard:
        case PlanReady():
            return said | {
                "event": "plan",
                "operation": heard.operation.value,
                "units": [_named(unit) | {"exists": unit in heard.existing} for unit in heard.units],
            }
        case UnitStarted():
            return (
                said
                | {"event": "started", **_named(heard.unit), "operation": heard.operation.value}
                | {"expected": heard.expected}
            )
        case ResourceEvent():
            return said | {
                "event": "resource",
                **_named(heard.unit),
                "urn": heard.urn,
                "type": heard.type,
                "name": heard.name,
                "op": heard.op.value,
                "phase": heard.phase,
            }
        case Diagnostic():
            unit = _named(heard.unit) if heard.unit else {"project": None, "stack": None}
            return said | {"event": "message", **unit, "severity": heard.severity, "message": heard.message}
        case UnitFinished():
            return said | {"event": "finished", **_unit(heard.result)}


def _named(unit: Unit) -> dict[str, Any]:
    return {"project": unit.project, "stack": unit.stack}


def lives(found: tuple[Life, ...], notice: str | None) -> dict[str, Any]:
    """How long environments live now."""
    listed = [
        {
            "name": life.name,
            "expires": _time(life.expires),
            "ttl_seconds": int(life.ttl.total_seconds()) if life.ttl else None,
            "pinned": life.pinned,
        }
        for life in found
    ]
    return one({"environments": listed}, notice)


def unlocked(found: tuple[Unlocked, ...], notice: str | None) -> dict[str, Any]:
    """Locks that were removed."""
    listed = [_named(lock.unit) | {"owner": str(lock.owner)} for lock in found]
    return one({"removed": listed}, notice)


def reaping(found: Reaping, run: RunReport | None, notice: str | None) -> dict[str, Any]:
    """What expired, what will soon, what stays; and the run that destroyed, when there was one."""
    return one(
        {
            "expired": [deployment(item) for item in found.expired],
            "soon": [
                {"name": it.environment.name, "seconds_left": int(it.left.total_seconds()), "last_call": it.last_call}
                for it in found.soon
            ],
            "left": [{"name": it.environment.name, "why": it.why} for it in found.left],
            "run": report(run) if run else None,
        },
        notice,
    )


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
        "asleep": found.asleep,
        "commit": record.commit,
        "branch": record.branch,
        "last_update": _time(found.last_update),
        "resources": found.resource_count,
        "url": found.url,
        "monthly_cost": found.monthly_cost,
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
                "by_use": list(found.by_use),
            }
            for name, found in estimates.items()
        ],
    }


def one(found: Mapping[str, Any], notice: str | None) -> dict[str, Any]:
    """Any other document, with its version and notice."""
    return {"version": SCHEMA_VERSION, "notice": notice, **found}


def error(message: str, hint: str | None, code: int) -> dict[str, Any]:
    """The document of an error; `code` is the exit code."""
    return one({"error": {"message": message, "hint": hint, "code": code}}, None)


def idleness(found: Idleness, run: RunReport | None, notice: str | None) -> dict[str, Any]:
    """Who is idle, who stays awake and why; and the run that put them to sleep, when there was one."""
    return one(
        {
            "idle": [{"name": it.name, "seconds_quiet": int(it.quiet_for.total_seconds())} for it in found.idle],
            "busy": [{"name": it.name, "why": it.why} for it in found.busy],
            "run": report(run) if run else None,
        },
        notice,
    )


def orphans(found: Orphans, deletions: Sequence[Deletion]) -> dict[str, Any]:
    """Resources that no stack knows, and what became of them."""
    ended = {deletion.orphan.arn: deletion for deletion in deletions}
    listed = [
        {
            "arn": orphan.arn,
            "type": orphan.type,
            "name": orphan.name,
            "base": orphan.base,
            "environment": orphan.environment,
            "outcome": ended[orphan.arn].outcome.value if orphan.arn in ended else None,
            "reason": ended[orphan.arn].reason if orphan.arn in ended else None,
        }
        for orphan in found.all
    ]
    problems = [problem for place in found.found for problem in place.problems]
    return one({"orphans": listed, "problems": problems}, None)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
