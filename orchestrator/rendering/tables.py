"""What commands print for people. Pure: text in, text out; no colors, no width of a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from orchestrator.config.durations import format_duration
from orchestrator.cost.estimate import Estimate
from orchestrator.cost.prices import PriceTable
from orchestrator.lifecycle.registry import Deployment
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
from orchestrator.visible import in_line

if TYPE_CHECKING:
    from orchestrator.lifecycle.orphans import Orphans
    from orchestrator.lifecycle.reap import Reaping
    from orchestrator.lifecycle.upkeep import Life, Unlocked
    from orchestrator.operations.idle import Idleness
    from orchestrator.recovery.deletion import Deletion

_DONE = {
    Operation.UP: "updated",
    Operation.PREVIEW: "previewed",
    Operation.DESTROY: "destroyed",
    Operation.REFRESH: "refreshed",
    Operation.DRIFT: "drifted",
}


def aligned(rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """Rows as columns, two blanks apart; every line ends with a newline, and no cell can begin another."""
    cells = [[in_line(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    widths = [max(len(row[column]) for row in cells if column < len(row)) for column in range(max(map(len, cells)))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in cells]
    return "".join(f"{indent}{line}\n" for line in lines)


def plan(steps: Iterable[tuple[Unit, Scope, Kind, bool, bool]], operation: Operation) -> str:
    """The order of the work: `dev (base, ad-hoc) -> alpha (environment, ad-hoc)`; what is only read says so."""
    parts: list[str] = []
    for unit, scope, kind, exists, runs in steps:
        note = "" if runs else ", only read" if exists else ", not there"
        parts.append(f"{unit.stack} ({scope.value}, {kind.value}{note})")
    arrow = " -> "
    return f"plan      {arrow.join(dict.fromkeys(parts))}\n" if parts else f"plan      nothing to {operation.value}\n"


def verdict(result: UnitResult) -> str:
    """One word for how a unit ended."""
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
    """A line per unit: name, what it is, how it ended, what changed, how long it took."""
    rows: list[Sequence[str]] = []
    for result in run.results:
        done = result.status in (Status.SUCCEEDED, Status.UNCHANGED)
        rows.append(
            (
                result.unit.stack,
                _what(result.unit, scopes),
                verdict(result),
                counted(result.counts) if done else "",
                f"{result.duration_seconds:.1f} s",
            )
        )
    return aligned(rows, indent=" ")


def _what(unit: Unit, scopes: Mapping[Unit, Scope]) -> str:
    """`base` or `environment`; the project's name too where several projects have a stack of that name."""
    scope = scopes[unit].value
    siblings = [other for other in scopes if other.stack == unit.stack and scopes[other] is scopes[unit]]
    return scope if len(siblings) == 1 else f"{scope} ({unit.project})"


def drift(run: RunReport) -> str:
    """What in AWS is not as the state says, a line for each resource."""
    words = {ChangeOp.DELETE: "gone", ChangeOp.UPDATE: "changed", ChangeOp.REPLACE: "changed", ChangeOp.CREATE: "new"}
    rows = [
        (str(result.unit), words.get(c.op, c.op.value), c.type.partition(":")[2], c.name, ", ".join(c.properties))
        for result in run.results
        for c in result.changes
    ]
    return f"\n{aligned(rows)}" if rows else ""


def cost_ahead(costs: Mapping[Unit, float], prices: PriceTable) -> str:
    """`cost      dev 97 $ a month, alpha 21 $ a month (us-east-1, prices of 2026-11-01)`."""
    names: dict[str, float] = {}
    for unit, dollars in costs.items():
        names[unit.stack] = names.get(unit.stack, 0.0) + dollars
    said = ", ".join(f"{name} {dollars:.0f} $ a month" for name, dollars in names.items())
    return f"cost      {said} ({prices.region}, prices of {prices.day})"


def environment(outputs: Outputs, name: str, *, asleep: bool = False) -> str:
    """What a developer needs next of an environment that exists now."""
    shown = {key: output.shown() for key, output in outputs.items()}
    rows: list[Sequence[str]] = []
    if shown.get("url"):
        rows.append(("url", str(shown["url"])))
    services: Any = shown.get("service_names")
    if isinstance(services, list):
        rows.append(("services", ", ".join(str(service).removeprefix(f"{name}-") for service in services)))
    allowed = " --allow-prod" if shown.get("kind") == Kind.PROD else ""
    rows.append(("next", f"orchestrator wake {name}{allowed}" if asleep else f"orchestrator logs {name} --follow"))
    if not asleep:
        rows.append(("", f"orchestrator deploy {name} --image backend=REPOSITORY:TAG{allowed}"))
    rows.append(("", f"orchestrator destroy-env {name}{allowed}"))
    return aligned(rows)


def cost(estimates: Mapping[str, Estimate], prices: PriceTable, *, lines: bool) -> str:
    """Dollars a month of each name, with `lines` also of each resource, and what the numbers leave out."""
    rows: list[Sequence[str]] = []
    shorts = [name.rpartition("/")[2] for name in estimates]
    for name, short, found in zip(estimates, shorts, estimates.values(), strict=True):
        rows.append((short if shorts.count(short) == 1 else name, f"{found.dollars_per_month:.2f}", ""))
        if lines:
            rows += [(f"  {line.name}", f"{line.dollars_per_month:.2f}", line.detail) for line in found.lines]
        rows += [(f"  {what}", "no price", "") for what in found.unpriced]
    if not rows:
        return "nothing exists yet\n"
    if len(estimates) > 1:
        rows.append(("total", f"{sum(found.dollars_per_month for found in estimates.values()):.2f}", ""))
    by_use = dict.fromkeys(what for found in estimates.values() for what in found.by_use) if lines else {}
    rows += [(f"  {what}", "by use", "") for what in by_use]
    note = f"US dollars a month, list prices of {prices.region} on {prices.day}; traffic, requests, logs come on top"
    return f"{aligned(rows)}{note}\n"


_DROPPED_FIRST = ("RESOURCES", "AGE", "SCOPE", "$/MONTH", "KIND", "EXPIRES", "OWNER")


def fitted(rows: Sequence[Sequence[str]], width: int | None) -> str:
    """A table with a heading that fits the width: columns are dropped, the least important one first; None is no limit."""
    kept, text = list(rows[0]), ""
    for name in (None, *_DROPPED_FIRST):
        kept = [column for column in kept if column != name]
        text = aligned([[row[rows[0].index(column)] for column in kept] for row in rows])
        if width is None or max(map(len, text.splitlines())) <= width:
            break
    return text


def listing(found: Sequence[Deployment], now: datetime, width: int | None = None) -> str:
    """Bases, each with its environments."""
    if not found:
        return "nothing exists yet\n"
    rows: list[Sequence[str]] = [
        ("NAME", "SCOPE", "KIND", "BASE", "STATUS", "OWNER", "AGE", "EXPIRES", "RESOURCES", "$/MONTH", "URL")
    ]
    for item in found:
        record = item.record
        age = format_duration(now - record.created).split(" ")[0] if record.created else "-"
        base = record.base or next(iter(sorted(item.stands_on)), None)
        rows.append(
            (
                item.name,
                item.scope.value,
                record.kind.value,
                base or "-",
                "asleep" if item.asleep and item.status is StackStatus.READY else item.status.value,
                record.owner or "-",
                age,
                expiry(record, now),
                str(item.resource_count),
                "-" if item.monthly_cost is None else f"{item.monthly_cost:.0f}",
                item.url or "-",
            )
        )
    return fitted(rows, width)


def expiry(record: Record, now: datetime) -> str:
    """When an environment expires, seen from now: `in 2d 5h`, `1h 3m ago`; `pinned`; `-` for never."""
    if record.pinned:
        return "pinned"
    if record.expires is None:
        return "-"
    left = record.expires - now
    return f"in {format_duration(left)}" if left.total_seconds() > 0 else f"{format_duration(-left)} ago"


def details(document: dict[str, Any]) -> str:
    """One base or environment, from its full document."""
    rows: list[Sequence[str]] = []
    for key, value in document.items():
        if key in ("outputs", "stacks", "recorded") or value in (None, [], False):
            continue
        rows.append((key.replace("_", " "), plain(value)))
    text = aligned(rows)
    stacks = [
        (f"{s['project']}/{s['stack']}", s["status"], _resources(s["resources"]), s["problem"] or "")
        for s in document["stacks"]
    ]
    return f"{text}stacks\n{aligned(stacks, indent='  ')}outputs\n{values(document['outputs'], indent='  ')}"


def values(outputs: dict[str, Any], indent: str = "") -> str:
    """Outputs by name; lists and objects on one line."""
    rows = [(name, plain(value)) for name, value in outputs.items()]
    return aligned(rows, indent=indent) or f"{indent}none\n"


def plain(value: Any) -> str:
    """A value for people: text as it is, a list of texts with commas, everything else as JSON."""
    if isinstance(value, str):
        return value
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    if items and all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items):
        return ", ".join(str(item) for item in items)
    return "-" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _resources(count: int) -> str:
    return "1 resource" if count == 1 else f"{count} resources"


def lives(found: Sequence[Life]) -> str:
    """When environments expire."""
    rows: list[Sequence[str]] = []
    for life in found:
        when = f"expires {life.expires:%Y-%m-%d %H:%M %Z}" if life.expires else "does not expire"
        rows.append((life.name, when, "pinned: it stays all the same" if life.pinned else ""))
    return aligned(rows)


def unlocked(name: str, removed: Sequence[Unlocked]) -> str:
    """Which locks were removed."""
    if not removed:
        return f"{name} is not locked\n"
    return aligned((str(lock.unit), f"the lock of {lock.owner} was removed") for lock in removed)


def reaping(found: Reaping, *, executed: bool) -> str:
    """What expired, what will soon, what stays and why."""
    does = "expired: it is destroyed" if executed else "expired: --execute destroys it"
    rows: list[Sequence[str]] = [(environment.name, does) for environment in found.expired]
    rows += [(left.environment.name, f"expired and stays: {left.why}") for left in found.left]
    for soon in found.soon:
        last = ", last call: `orchestrator extend` keeps it" if soon.last_call else ""
        rows.append((soon.environment.name, f"expires in {format_duration(soon.left)}{last}"))
    return aligned(rows) or "nothing has expired\n"


def idleness(found: Idleness, *, executed: bool) -> str:
    """Who is put to sleep, who stays awake and why."""
    does = "it is put to sleep" if executed else "--execute puts it to sleep"
    rows = [(idle.name, f"no request for {format_duration(idle.quiet_for)}: {does}") for idle in found.idle]
    rows += [(busy.name, f"stays awake: {busy.why}") for busy in found.busy]
    return aligned(rows) or "no environment is awake\n"


def orphans(found: Orphans) -> str:
    """Resources that no stack knows, and what could not be looked at."""
    rows = [(o.base or "-", o.environment or "-", o.type, o.name, o.arn) for o in found.all]
    text = aligned([("BASE", "ENVIRONMENT", "TYPE", "NAME", "ARN"), *rows]) if rows else "there are no orphans\n"
    return text + "".join(f"not looked at: {problem}\n" for place in found.found for problem in place.problems)


def deletion(ended: Deletion) -> str:
    """What became of one orphan."""
    why = f": {ended.reason}" if ended.reason else ""
    return f"{ended.outcome.value} {ended.orphan.type} {ended.orphan.name}{why}"
