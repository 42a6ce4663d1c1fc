"""Bases, environments and runs as text. Pure: no colors; the caller gives the width."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from orchestrator.config.durations import format_duration
from orchestrator.lifecycle.office_hours import clock
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Kind,
    Operation,
    Outputs,
    Record,
    RunReport,
    Scope,
    StackStatus,
    Status,
    Unit,
    UnitResult,
)
from orchestrator.rendering.columns import Column, aligned, count, table, text_lines

if TYPE_CHECKING:
    from orchestrator.cost.estimate import Estimate
    from orchestrator.cost.prices import PriceTable
    from orchestrator.lifecycle.expiry import Life, Reaping
    from orchestrator.lifecycle.orphans import Orphans
    from orchestrator.lifecycle.registry import Deployment
    from orchestrator.lifecycle.unlock import Unlocked
    from orchestrator.operations.idle import Idleness
    from orchestrator.recovery.deletion import Deletion

_DONE = {
    Operation.UP: "updated",
    Operation.PREVIEW: "previewed",
    Operation.DESTROY: "destroyed",
    Operation.REFRESH: "refreshed",
    Operation.DRIFT: "drifted",
}


def plan(steps: Iterable[tuple[Unit, Scope, Kind, bool, bool]], operation: Operation) -> str:
    """The order of the work: `dev (base, ad-hoc) -> alpha (environment, ad-hoc)`. Stacks that do not change are marked."""
    parts: list[str] = []
    for unit, scope, kind, exists, runs in steps:
        note = "" if runs else ", only read" if exists else ", does not exist"
        parts.append(f"{unit.stack} ({scope.value}, {kind.value}{note})")
    arrow = " -> "
    return f"plan      {arrow.join(dict.fromkeys(parts))}\n" if parts else f"plan      nothing to {operation.value}\n"


def verdict(result: UnitResult) -> str:
    """The result of a unit in one word."""
    if result.status is Status.SUCCEEDED:
        counts = result.counts
        if (
            result.operation is Operation.UP
            and counts.create
            and counts.create == counts.total - counts.same
            and not counts.same
        ):
            return "created"
        return _DONE[result.operation]
    return result.status.value


def counted(counts: ChangeCounts) -> str:
    """`52 created`, or `1 updated, 1 replaced, 50 unchanged`."""
    named = (
        ("created", counts.create),
        ("updated", counts.update),
        ("replaced", counts.replace),
        ("deleted", counts.delete),
    )
    parts = [f"{number} {name}" for name, number in named if number]
    if counts.same:
        parts.append(f"{counts.same} unchanged")
    return ", ".join(parts) or "no resources"


def results(run: RunReport, scopes: Mapping[Unit, Scope]) -> str:
    """A line for each unit: name, scope, result, changes and duration."""
    rows: list[Sequence[str]] = []
    for result in run.results:
        done = result.status in (Status.SUCCEEDED, Status.UNCHANGED)
        rows.append(
            (
                result.unit.stack,
                _scope_of(result.unit, scopes),
                verdict(result),
                counted(result.counts) if done else "",
                f"{result.duration_seconds:.1f} s",
            )
        )
    return aligned(rows, indent=" ")


def _scope_of(unit: Unit, scopes: Mapping[Unit, Scope]) -> str:
    """`base` or `environment`, with the project's name if several projects have a stack of that name."""
    scope = scopes[unit].value
    siblings = [other for other in scopes if other.stack == unit.stack and scopes[other] is scopes[unit]]
    return scope if len(siblings) == 1 else f"{scope} ({unit.project})"


def drift(run: RunReport, width: int | None = None) -> str:
    """Resources in AWS that differ from the state, one in a line."""
    words = {ChangeOp.DELETE: "gone", ChangeOp.UPDATE: "changed", ChangeOp.REPLACE: "changed", ChangeOp.CREATE: "new"}
    units = [result.unit for result in run.results]
    rows = [
        (
            result.unit.among(units),
            words.get(c.op, c.op.value),
            c.type.partition(":")[2],
            c.name,
            ", ".join(c.properties),
        )
        for result in run.results
        for c in result.changes
    ]
    return f"\n{aligned(rows, width=width)}" if rows else ""


def cost_ahead(costs: Mapping[Unit, float], prices: PriceTable) -> str:
    """`cost      dev $97 a month, alpha $21 a month (us-east-1, prices of 2026-11-01)`."""
    names: dict[str, float] = {}
    for unit, dollars in costs.items():
        names[unit.stack] = names.get(unit.stack, 0.0) + dollars
    shown = ", ".join(f"{name} ${dollars:.0f} a month" for name, dollars in names.items())
    return f"cost      {shown} ({prices.region}, prices of {prices.day})"


def environment(outputs: Outputs, name: str, *, asleep: bool = False) -> str:
    """URL, services and useful next commands of an environment."""
    shown = {key: output.shown() for key, output in outputs.items()}
    rows: list[Sequence[str]] = []
    if shown.get("url"):
        rows.append(("url", str(shown["url"])))
    services: Any = shown.get("service_names")
    if isinstance(services, list):
        rows.append(("services", ", ".join(str(service).removeprefix(f"{name}-") for service in services)))
    allow = " --allow-prod" if shown.get("kind") == Kind.PROD else ""
    rows.append(("next", f"orchestrator wake {name}{allow}" if asleep else f"orchestrator logs {name} --follow"))
    if not asleep:
        rows.append(("", f"orchestrator deploy {name} --image backend=REPOSITORY:TAG{allow}"))
    rows.append(("", f"orchestrator destroy-env {name}{allow}"))
    return aligned(rows)


def cost(estimates: Mapping[str, Estimate], prices: PriceTable, *, lines: bool, width: int | None = None) -> str:
    """US dollars a month for each name and in total; with `lines` also for each resource."""
    if not estimates:
        return "nothing exists yet\n"
    rows: list[tuple[str, str, str]] = []
    short_names = [name.rpartition("/")[2] for name in estimates]
    for (name, found), short in zip(estimates.items(), short_names, strict=True):
        rows.append((short if short_names.count(short) == 1 else name, f"{found.dollars_per_month:.2f}", ""))
        if lines:
            rows += [(f"  {line.name}", f"{line.dollars_per_month:.2f}", line.detail) for line in found.lines]
        rows += [(f"  {resource}", "no price", "") for resource in found.unpriced]
    if len(estimates) > 1:
        total = sum(found.dollars_per_month for found in estimates.values())
        rows.append(("total", f"{total:.2f}", ""))
    amounts = max(len(amount) for _, amount, _ in rows)
    text = aligned([(name, amount.rjust(amounts), detail) for name, amount, detail in rows], width=width)
    by_use = dict.fromkeys(use for found in estimates.values() for use in found.by_use) if lines else {}
    if by_use:
        text += f"in addition, by use\n{aligned([(use,) for use in by_use], '  ', width)}"
    note = f"US dollars a month, list prices of {prices.region} on {prices.day}. Traffic, requests and logs are not included."
    return "".join([text, *(f"{line}\n" for line in text_lines(note, width))])


_LISTING = (
    Column(title="NAME"),
    Column(title="SCOPE", dropped=5),
    Column(title="KIND", dropped=4),
    Column(title="BASE"),
    Column(title="STATUS"),
    Column(title="OWNER", dropped=7),
    Column(title="AGE", dropped=6),
    Column(title="EXPIRES"),
    Column(title="RESOURCES", dropped=8),
    Column(title="$/MONTH", dropped=2),
    Column(title="URL", dropped=3),
)


def listing(found: Sequence[Deployment], now: datetime, width: int | None = None) -> str:
    """Bases, each with its environments."""
    if not found:
        return "nothing exists yet\n"
    rows = [
        (
            item.name,
            item.scope.value,
            item.record.kind.value,
            item.base or "-",
            status(item),
            item.record.owner or "-",
            format_duration(now - item.record.created).split(" ")[0] if item.record.created else "-",
            expiry(item.record, now),
            str(item.resource_count),
            "-" if item.monthly_cost is None else f"{item.monthly_cost:.0f}",
            item.url or "-",
        )
        for item in found
    ]
    return table(_LISTING, rows, width)


def status(item: Deployment) -> str:
    """The state of a base or environment in a few words: `ready`, `asleep`, `closed until Mon 08:00`."""
    if item.waits:
        return "waits for approval"
    if item.status is not StackStatus.READY:
        return item.status.value
    if item.asleep:
        return "asleep"
    if item.closed_until is not None:
        return f"closed until {clock(item.closed_until)}"
    return "maintenance" if item.maintenance else item.status.value


def expiry(record: Record, now: datetime) -> str:
    """The time until an environment expires: `in 2d 5h`, or `1h 3m ago`; `pinned`; `-` for never."""
    if record.pinned:
        return "pinned"
    if record.expires is None:
        return "-"
    left = record.expires - now
    return f"in {format_duration(left)}" if left.total_seconds() > 0 else f"{format_duration(-left)} ago"


def details(document: Mapping[str, Any], width: int | None = None, release: str | None = None) -> str:
    """One base or environment, from its document; `release` is its running release in one line."""
    rows: list[Sequence[str]] = []
    for key, value in document.items():
        if key in ("version", "notice", "outputs", "stacks", "recorded", "release") or value in (None, [], False):
            continue
        rows.append((key.replace("_", " "), _value(value)))
    rows += [("release", release)] if release else []
    stacks = [
        (f"{s['project']}/{s['stack']}", s["status"], count(s["resources"], "resource"), s["problem"] or "")
        for s in document["stacks"]
    ]
    parts = aligned(rows, "", width), aligned(stacks, "  ", width), values(document["outputs"], "  ", width)
    return f"{parts[0]}stacks\n{parts[1]}outputs\n{parts[2]}"


def values(outputs: Mapping[str, Any], indent: str = "", width: int | None = None) -> str:
    """Outputs by name; lists and objects on one line, as JSON where they are nested."""
    return aligned([(name, _value(value)) for name, value in outputs.items()], indent, width) or f"{indent}none\n"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if items and all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items):
        return ", ".join(map(str, items))
    return "-" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def lives(found: Sequence[Life]) -> str:
    """The expiry dates of environments."""
    rows: list[Sequence[str]] = []
    for life in found:
        when = f"expires {life.expires:%Y-%m-%d %H:%M %Z}" if life.expires else "does not expire"
        rows.append((life.name, when, "pinned: `reap` does not destroy it" if life.pinned else ""))
    return aligned(rows)


def unlocked(name: str, removed: Sequence[Unlocked]) -> str:
    """The locks that were removed."""
    if not removed:
        return f"{name} is not locked\n"
    units = [lock.unit for lock in removed]
    return aligned((lock.unit.among(units), f"the lock of {lock.owner} was removed") for lock in removed)


def reaping(found: Reaping, *, executed: bool, width: int | None = None) -> str:
    """Environments that have expired, expire soon, or stay for a reason."""
    action = "expired: it is destroyed" if executed else "expired: --execute destroys it"
    rows: list[Sequence[str]] = [(environment.name, action) for environment in found.expired]
    rows += [(left.environment.name, f"expired and stays: {left.why}") for left in found.left]
    for soon in found.soon:
        last = ", last call: `orchestrator extend` keeps it" if soon.last_call else ""
        rows.append((soon.environment.name, f"expires in {format_duration(soon.left)}{last}"))
    return aligned(rows, width=width) or "nothing has expired\n"


def idleness(found: Idleness, *, executed: bool, width: int | None = None) -> str:
    """Environments that are idle, and those that stay awake for a reason."""
    action = "it is put to sleep" if executed else "--execute puts it to sleep"
    rows = [(idle.name, f"no request for {format_duration(idle.quiet_for)}: {action}") for idle in found.idle]
    rows += [(busy.name, f"stays awake: {busy.why}") for busy in found.busy]
    return aligned(rows, width=width) or "no environment is awake\n"


_ORPHANS = (
    Column(title="BASE"),
    Column(title="ENVIRONMENT", dropped=1),
    Column(title="TYPE"),
    Column(title="NAME", shortened=True),
    Column(title="ARN", dropped=2, shortened=True),
)


def orphans(found: Orphans, width: int | None = None) -> str:
    """Resources that belong to no stack, and places that could not be searched."""
    rows = [(o.base or "-", o.environment or "-", o.type, o.name, o.arn) for o in found.all]
    text = table(_ORPHANS, rows, width) if rows else "there are no orphans\n"
    problems = [problem for place in found.found for problem in place.problems]
    return text + "".join(f"{line}\n" for problem in problems for line in text_lines(problem, width, "not searched: "))


def deletion(ended: Deletion) -> str:
    """The outcome of the deletion of one orphan."""
    why = f": {ended.reason}" if ended.reason else ""
    return f"{ended.outcome.value} {ended.orphan.type} {ended.orphan.name}{why}"
