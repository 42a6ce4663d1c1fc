"""A run as Markdown for the summary page of a CI job. Pure."""

from __future__ import annotations

import re

from orchestrator.cost.estimate import Costs
from orchestrator.model import Operation, RunReport
from orchestrator.rendering import plan_tree
from orchestrator.rendering.tables import counted, verdict
from orchestrator.visible import code
from orchestrator.visible import markdown as escaped

_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def markdown(run: RunReport, costs: Costs) -> str:
    """The results as a table, reasons of failures, and URLs."""
    if any(result.operation is Operation.PREVIEW for result in run.results):
        return plan_tree.markdown(run, costs)
    lines = [f"### orchestrator {escaped(run.command)}", ""]
    if run.notice:
        lines += [f"_{escaped(run.notice)}_", ""]
    lines += ["| stack | result | resources | seconds |", "|---|---|---|--:|"]
    units = [result.unit for result in run.results]
    for result in run.results:
        lines.append(
            f"| {code(result.unit.among(units))} | {verdict(result)} | {counted(result.counts)} | {result.duration_seconds:.1f} |"
        )
    for result in run.results:
        if result.reason:
            lines += ["", f"**{escaped(result.unit.among(units))}**: {escaped(result.reason)}"]
        if result.hint:
            lines += ["", f"> {escaped(result.hint)}"]
        url = result.outputs.get("url")
        if url and not url.secret and isinstance(url.value, str):
            lines += ["", f"{escaped(result.unit.stack)}: {_link(url.value)}"]
    return "\n".join(lines) + "\n"


def _link(url: str) -> str:
    """A URL in the form that GitHub shows as a link; escaped text if it is not a plain URL."""
    return f"<{url}>" if _ADDRESS.fullmatch(url) else escaped(url)
