"""A preview as one tree: first replacements and deletions, then every stack with its resources by parent. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.cost.estimate import Costs, MonthlyCost
from orchestrator.model import ChangeCounts, ChangeOp, ResourceChange, RunReport, Unit, UnitResult
from orchestrator.rendering.columns import aligned, count
from orchestrator.rendering.tables import counted
from orchestrator.visible import code, in_line
from orchestrator.visible import markdown as escaped

SIGNS: Mapping[ChangeOp, str] = {
    ChangeOp.CREATE: "+",
    ChangeOp.UPDATE: "~",
    ChangeOp.REPLACE: "+-",
    ChangeOp.DELETE: "-",
}
_DANGEROUS = (ChangeOp.REPLACE, ChangeOp.DELETE)
_MOST_LINES = 400


@dataclass
class _Node:
    urn: str
    change: ResourceChange | None = None
    label: str = ""
    children: list[_Node] = field(default_factory=list["_Node"])


def text(run: RunReport, costs: Costs, width: int | None = None) -> str:
    """The plan for a terminal."""
    lines = [f"plan of {count(len(run.results), 'stack')}: {totals(run, costs)}"]
    dangerous = _dangerous(run.results)
    if dangerous:
        lines += ["", "replaced or deleted:"]
        rows = [(SIGNS[change.op], change.op.value, name, _typed(change), _why(change)) for name, change in dangerous]
        lines += aligned(rows, "  ", width).splitlines()
    for result in run.results:
        lines += ["", _headline(result, _names(run.results)[result.unit], costs), *_tree_lines(result)]
    return "\n".join(lines) + "\n"


def markdown(run: RunReport, costs: Costs) -> str:
    """The plan for a pull request."""
    lines = [f"### Plan: {totals(run, costs)}", ""]
    if run.notice:
        lines += [f"_{escaped(run.notice)}_", ""]
    names = _names(run.results)
    lines += ["| stack | create | update | replace | delete | unchanged | cost |", "|---|--:|--:|--:|--:|--:|---|"]
    for result in run.results:
        counts, cost = result.counts, costs.get(result.unit)
        cells = (counts.create, counts.update, counts.replace, counts.delete, counts.same)
        shown = " | ".join(str(cell) for cell in cells)
        lines.append(f"| {code(names[result.unit])} | {shown} | {cost or result.status.value} |")
    dangerous = _dangerous(run.results)
    if dangerous:
        lines += ["", "**Replaced or deleted**", ""]
        lines += [
            f"- {change.op.value} {code(_typed(change))} of {code(name)}{f': {escaped(_why(change))}' if _why(change) else ''}"
            for name, change in dangerous
        ]
    for result in run.results:
        if result.reason:
            lines += ["", f"**{escaped(names[result.unit])} {result.status.value}**: {escaped(result.reason)}"]
        tree = _tree_lines(result)
        if tree:
            summary = f"<details><summary><code>{html.escape(in_line(names[result.unit]))}</code>: {counted(result.counts)}</summary>"
            lines += ["", summary, "", "```diff", *(_diff(line) for line in tree), "```", "", "</details>"]
    return "\n".join(lines) + "\n"


def totals(run: RunReport, costs: Costs) -> str:
    """`54 created, 1 replaced, $118.35 a month` over all stacks."""
    all_counts = [result.counts for result in run.results]
    counts = ChangeCounts(
        create=sum(c.create for c in all_counts),
        update=sum(c.update for c in all_counts),
        replace=sum(c.replace for c in all_counts),
        delete=sum(c.delete for c in all_counts),
        same=sum(c.same for c in all_counts),
    )
    if not costs:
        return counted(counts)
    total = MonthlyCost(
        before=sum(cost.before for cost in costs.values()), after=sum(cost.after for cost in costs.values())
    )
    return f"{counted(counts)}; {total}"


def _headline(result: UnitResult, name: str, costs: Costs) -> str:
    cost = costs.get(result.unit)
    ended = f"{result.status.value}: {result.reason}" if result.reason else counted(result.counts)
    return f"{name}: {ended}{f'; {cost}' if cost else ''}"


def _names(results: Iterable[UnitResult]) -> dict[Unit, str]:
    """The name of each base or environment; with its project where several units have the name."""
    units = [result.unit for result in results]
    return {unit: unit.among(units) for unit in units}


def _dangerous(results: Sequence[UnitResult]) -> list[tuple[str, ResourceChange]]:
    names = _names(results)
    return [(names[result.unit], change) for result in results for change in result.changes if change.op in _DANGEROUS]


def _typed(change: ResourceChange) -> str:
    return in_line(f"{change.type.rpartition(':')[2]} {change.name}")


def _why(change: ResourceChange) -> str:
    return in_line(", ".join(change.properties))


def _tree_lines(result: UnitResult) -> list[str]:
    lines = [line for root in _roots(result) for line in _drawn(root, 1)]
    if len(lines) > _MOST_LINES:
        return [*lines[:_MOST_LINES], f"  and {len(lines) - _MOST_LINES} more (--json lists all)"]
    return lines


def _roots(result: UnitResult) -> list[_Node]:
    """Changed resources below their parents. An unchanged parent is shown if it has changed children."""
    known = {resource.urn: resource for resource in result.planned}
    nodes: dict[str, _Node] = {}
    roots: list[_Node] = []

    def node(urn: str) -> _Node:
        if urn not in nodes:
            nodes[urn] = _Node(urn, label=_label(urn))
            resource = known.get(urn)
            parent = resource.parent if resource else None
            (node(parent).children if parent else roots).append(nodes[urn])
        return nodes[urn]

    for change in result.changes:
        if change.urn in nodes:
            nodes[change.urn].change = change
            continue
        fresh = nodes[change.urn] = _Node(change.urn, change, _label(change.urn))
        resource = known.get(change.urn)
        parent = change.parent or (resource.parent if resource else None)
        (node(parent).children if parent and parent != change.urn else roots).append(fresh)
    return roots


def _label(urn: str) -> str:
    type_ = urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""
    return in_line(f"{type_.rpartition(':')[2]} {urn.rpartition('::')[2]}").strip()


def _drawn(node: _Node, depth: int) -> list[str]:
    sign = SIGNS.get(node.change.op, " ") if node.change else " "
    why = f" ({_why(node.change)})" if node.change and node.change.properties else ""
    lines = [f"{sign:<2}{'  ' * depth}{node.label}{why}"]
    for child in node.children:
        lines += _drawn(child, depth + 1)
    return lines


def _diff(line: str) -> str:
    """A line for a `diff` block: replacements are red, changes are marked."""
    if line.startswith("+-"):
        return f"- {line[2:]} (replaced)"
    return f"! {line[2:]}" if line.startswith("~") else line
