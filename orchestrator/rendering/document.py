"""Builders of the JSON documents on stacks, runs and errors, as plain values. Secrets are masked. Pure.

`document_types` defines the documents; `operation_documents` has those of the commands on one environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.events import Diagnostic, Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.model import Outputs, RunReport, UnitResult
from orchestrator.rendering.document_types import (
    Change,
    CostChange,
    CostDocument,
    CostLine,
    DiagramEdge,
    ErrorDetail,
    ErrorDocument,
    EventLine,
    ExpiringSoon,
    FinishedEvent,
    GraphDocument,
    IdleDocument,
    Lifetime,
    LifetimesDocument,
    ListDocument,
    ListedDeployment,
    MessageEvent,
    NamedCost,
    OrphanedResource,
    OrphansDocument,
    OutputsDocument,
    PlanEvent,
    PlannedUnit,
    PreviewDocument,
    PriceSource,
    QuietEnvironment,
    ReapDocument,
    RemovedLock,
    Report,
    ResourceChanged,
    ShownDeployment,
    Spared,
    StackState,
    StartedEvent,
    UnitReport,
    UnlockDocument,
)

if TYPE_CHECKING:
    from orchestrator.cost.estimate import Costs, Estimate, MonthlyCost
    from orchestrator.cost.prices import PriceTable
    from orchestrator.lifecycle.diagrams import Diagram
    from orchestrator.lifecycle.expiry import Life, Reaping
    from orchestrator.lifecycle.orphans import Orphans
    from orchestrator.lifecycle.registry import Deployment
    from orchestrator.lifecycle.unlock import Unlocked
    from orchestrator.operations.idle import Idleness
    from orchestrator.operations.releases.history import Release
    from orchestrator.recovery.deletion import Deletion


def plain(value: Any, timespec: str = "milliseconds") -> Any:
    """The value as plain JSON values: dataclasses by their fields, times in ISO format.

    A dataclass may set the resolution of its times as `timespec`.
    """
    if is_dataclass(value) and not isinstance(value, type):
        timespec = getattr(value, "timespec", timespec)
        return {field.name: plain(getattr(value, field.name), timespec) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat(timespec=timespec)
    if isinstance(value, Mapping):
        return {str(key): plain(item, timespec) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, timespec) for item in value]
    return value


def error(message: str, hint: str | None, code: int) -> dict[str, Any]:
    """The document of an error."""
    return plain(ErrorDocument(notice=None, error=ErrorDetail(message=message, hint=hint, code=code)))


def run_report(run: RunReport, costs: Costs | None = None) -> Report:
    """The document of a run; with `costs` also what each stack costs before and after it."""
    return Report(
        notice=run.notice,
        command=run.command,
        engine=run.engine,
        started=run.started,
        ended=run.ended,
        exit_code=run.exit_code,
        units=[_unit(result, (costs or {}).get(result.unit)) for result in run.results],
    )


def report(run: RunReport, costs: Costs | None = None) -> dict[str, Any]:
    """`run_report` as plain values."""
    return plain(run_report(run, costs))


def preview(plan: str | None, run: RunReport, costs: Costs | None = None) -> dict[str, Any]:
    """The document of a preview for an agent; `plan` is the name of its plan."""
    return plain(PreviewDocument(notice=run.notice, plan=plan, report=run_report(run, costs)))


def _unit(result: UnitResult, cost: MonthlyCost | None = None) -> UnitReport:
    return UnitReport(
        project=result.unit.project,
        stack=result.unit.stack,
        operation=result.operation,
        status=result.status,
        reason=result.reason,
        hint=result.hint,
        duration_seconds=round(result.duration_seconds, 3),
        counts=result.counts,
        changes=changes(result),
        outputs=outputs(result.outputs),
        warnings=[*result.warnings],
        monthly_cost=CostChange(before=round(cost.before, 2), after=round(cost.after, 2)) if cost else None,
    )


def changes(result: UnitResult) -> list[Change]:
    """The changed resources of a unit."""
    return [Change(urn=c.urn, type=c.type, name=c.name, op=c.op, properties=[*c.properties]) for c in result.changes]


def event(heard: Event, moment: datetime) -> dict[str, Any]:
    """One event of a run."""
    return plain(_event(heard, moment))


def _event(heard: Event, time: datetime) -> EventLine:
    match heard:
        case PlanReady():
            units = [
                PlannedUnit(project=unit.project, stack=unit.stack, exists=unit in heard.existing)
                for unit in heard.units
            ]
            return PlanEvent(time=time, operation=heard.operation, units=units)
        case UnitStarted(unit=unit):
            return StartedEvent(
                time=time,
                project=unit.project,
                stack=unit.stack,
                operation=heard.operation,
                expected=heard.expected,
            )
        case ResourceEvent(unit=unit):
            return ResourceChanged(
                time=time,
                project=unit.project,
                stack=unit.stack,
                urn=heard.urn,
                type=heard.type,
                name=heard.name,
                op=heard.op,
                phase=heard.phase,
            )
        case Diagnostic(unit=unit):
            return MessageEvent(
                time=time,
                project=unit.project if unit else None,
                stack=unit.stack if unit else None,
                severity=heard.severity,
                message=heard.message,
            )
        case UnitFinished():
            return FinishedEvent(time=time, **vars(_unit(heard.result)))


def outputs(values: Outputs) -> dict[str, Any]:
    """Outputs by name; secret values are masked."""
    return {name: output.shown() for name, output in sorted(values.items())}


def named_outputs(name: str, values: Outputs, notice: str | None) -> dict[str, Any]:
    """The document of the outputs of one base or environment."""
    return plain(OutputsDocument(notice=notice, name=name, outputs=outputs(values)))


def listed(found: Deployment) -> ListedDeployment:
    """A base or an environment as an entry of a list."""
    record = found.record
    return ListedDeployment(
        name=found.name,
        scope=found.scope,
        kind=record.kind,
        base=found.base,
        status=found.status,
        owner=record.owner,
        created=record.created,
        expires=record.expires,
        pinned=record.pinned,
        asleep=found.asleep,
        maintenance=found.maintenance,
        closed_until=found.closed_until,
        waits_for_approval=found.waits,
        commit=record.commit,
        branch=record.branch,
        last_update=found.last_update,
        resources=found.resource_count,
        url=found.url,
        monthly_cost=found.monthly_cost,
        recorded=found.recorded,
    )


def deployment(found: Deployment, notice: str | None, release: Release | None = None) -> dict[str, Any]:
    """The document of one base or environment."""
    shown = ShownDeployment(
        notice=notice,
        **vars(listed(found)),
        environments=[*found.environments],
        listener_slot=found.record.listener_slot,
        missing=[str(unit) for unit in found.missing],
        stacks=stack_states(found),
        outputs=outputs(found.outputs),
        release=release,
    )
    return plain(shown)


def stack_states(found: Deployment) -> list[StackState]:
    """The stacks of a base or an environment."""
    return [
        StackState(
            project=stack.unit.project,
            stack=stack.unit.stack,
            status=stack.status,
            resources=stack.resource_count,
            last_update=stack.last_update,
            problem=stack.problem,
        )
        for stack in found.stacks
    ]


def listing(found: Sequence[Deployment], notice: str | None) -> dict[str, Any]:
    """The document of all bases and environments."""
    return plain(ListDocument(notice=notice, deployments=[listed(item) for item in found]))


def cost(estimates: Mapping[str, Estimate], prices: PriceTable, notice: str | None) -> dict[str, Any]:
    """The document of monthly costs."""
    costs = [named_cost(name, found) for name, found in estimates.items()]
    return plain(CostDocument(notice=notice, prices=price_source(prices), costs=costs))


def price_source(prices: PriceTable) -> PriceSource:
    """The region and day of a price table."""
    return PriceSource(region=prices.region, date=prices.day.isoformat())


def named_cost(name: str, found: Estimate) -> NamedCost:
    """The monthly cost of one base or environment."""
    lines = [
        CostLine(type=line.type, name=line.name, dollars=line.dollars_per_month, detail=line.detail)
        for line in found.lines
    ]
    return NamedCost(
        name=name,
        dollars=round(found.dollars_per_month, 2),
        lines=lines,
        unpriced=[*found.unpriced],
        by_use=[*found.by_use],
    )


def graph(diagram: Diagram, notice: str | None) -> dict[str, Any]:
    """The document of a diagram."""
    edges: list[DiagramEdge] = [{"from": source, "to": to} for source, to in diagram.edges]
    return plain(GraphDocument(notice=notice, nodes=[*diagram.nodes], edges=edges))


def lives(found: Sequence[Life], notice: str | None) -> dict[str, Any]:
    """The document of lifetimes."""
    listed = [
        Lifetime(
            name=life.name,
            expires=life.expires,
            ttl_seconds=int(life.ttl.total_seconds()) if life.ttl else None,
            pinned=life.pinned,
        )
        for life in found
    ]
    return plain(LifetimesDocument(notice=notice, environments=listed))


def unlocked(found: Sequence[Unlocked], notice: str | None) -> dict[str, Any]:
    """The document of removed locks."""
    removed = [RemovedLock(project=lock.unit.project, stack=lock.unit.stack, owner=str(lock.owner)) for lock in found]
    return plain(UnlockDocument(notice=notice, removed=removed))


def reaping(found: Reaping, run: RunReport | None, notice: str | None) -> dict[str, Any]:
    """The document of a reaping."""
    document = ReapDocument(
        notice=notice,
        expired=[listed(item) for item in found.expired],
        soon=[
            ExpiringSoon(name=it.environment.name, seconds_left=int(it.left.total_seconds()), last_call=it.last_call)
            for it in found.soon
        ],
        left=[Spared(name=it.environment.name, why=it.why) for it in found.left],
        run=run_report(run) if run else None,
    )
    return plain(document)


def idleness(found: Idleness, run: RunReport | None, notice: str | None) -> dict[str, Any]:
    """The document of idle environments."""
    document = IdleDocument(
        notice=notice,
        idle=[QuietEnvironment(name=it.name, seconds_quiet=int(it.quiet_for.total_seconds())) for it in found.idle],
        busy=[Spared(name=it.name, why=it.why) for it in found.busy],
        run=run_report(run) if run else None,
    )
    return plain(document)


def orphans(found: Orphans, deletions: Sequence[Deletion]) -> dict[str, Any]:
    """The document of orphans."""
    problems = [problem for place in found.found for problem in place.problems]
    return plain(OrphansDocument(notice=None, orphans=orphaned(found, deletions), problems=problems))


def orphaned(found: Orphans, deletions: Sequence[Deletion] = ()) -> list[OrphanedResource]:
    """The orphans, each with the outcome of its deletion."""
    ended = {deletion.orphan.arn: deletion for deletion in deletions}
    return [
        OrphanedResource(
            arn=orphan.arn,
            type=orphan.type,
            name=orphan.name,
            base=orphan.base,
            environment=orphan.environment,
            outcome=ended[orphan.arn].outcome.value if orphan.arn in ended else None,
            reason=ended[orphan.arn].reason if orphan.arn in ended else None,
        )
        for orphan in found.all
    ]
