"""A run as Markdown, for the summary page of a CI job. Pure."""

from __future__ import annotations

from orchestrator.cost.estimate import Costs
from orchestrator.model import Operation, RunReport
from orchestrator.rendering import plan_tree
from orchestrator.rendering.tables import counted, verdict


def markdown(run: RunReport, costs: Costs) -> str:
    """The report's table, reasons of failures, and urls."""
    if any(result.operation is Operation.PREVIEW for result in run.results):
        return plan_tree.markdown(run, costs)
    lines = [f"### orchestrator {run.command}", ""]
    if run.notice:
        lines += [f"_{run.notice}_", ""]
    lines += ["| stack | result | resources | seconds |", "|---|---|---|--:|"]
    for result in run.results:
        lines.append(
            f"| `{result.unit}` | {verdict(result)} | {counted(result.counts)} | {result.duration_seconds:.1f} |"
        )
    for result in run.results:
        if result.reason:
            lines += ["", f"**{result.unit}**: {result.reason}"]
        if result.hint:
            lines += ["", f"> {result.hint}"]
        url = result.outputs.get("url")
        if url and not url.secret and isinstance(url.value, str):
            lines += ["", f"{result.unit.stack}: <{url.value}>"]
    return "\n".join(lines) + "\n"
