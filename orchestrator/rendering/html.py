"""Reports, lists and diagrams as fragments of HTML, for notebooks. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape as escaped_html

from orchestrator.lifecycle.diagrams import Diagram
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import ChangeOp, Operation, RunReport, Status, UnitResult
from orchestrator.rendering.graph_svg import svg
from orchestrator.rendering.tables import counted, expiry, status, verdict
from orchestrator.visible import visible

_GOOD = (Status.SUCCEEDED, Status.UNCHANGED)
_HIDDEN = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


def text(value: object) -> str:
    """The value as text of HTML; control characters are spelled out."""
    return escaped_html(visible(str(value)))


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are HTML already."""
    head = "".join(f'<th style="text-align:left">{text(title)}</th>' for title in titles)
    cells = ("".join(f'<td style="text-align:left">{cell}</td>' for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def report(run: RunReport) -> str:
    """A run: a row for each stack, the reasons of failures, and for a preview the changes."""
    rows = [
        (
            f"<code>{text(result.unit)}</code>",
            _colored(result),
            text(counted(result.counts)) if result.status in _GOOD else "",
            f"{result.duration_seconds:.1f} s",
            _url(result),
        )
        for result in run.results
    ]
    parts = [_notice(run.notice), table(("stack", "result", "resources", "time", "url"), rows)]
    for result in run.results:
        if result.reason:
            hint = f"<br><em>{text(result.hint)}</em>" if result.hint else ""
            parts.append(f"<p><strong>{text(result.unit)}</strong>: {text(result.reason)}{hint}</p>")
        if result.operation in (Operation.PREVIEW, Operation.DRIFT):
            parts.append(_changes(result))
    return "".join(parts)


def listing(found: Sequence[Deployment], now: datetime) -> str:
    """Bases and environments, a row each."""
    if not found:
        return "<p>nothing exists yet</p>"
    rows = [
        (
            f"<strong>{text(item.name)}</strong>",
            text(item.scope.value),
            text(item.record.kind.value),
            text(item.base or ""),
            text(status(item)),
            text(item.record.owner or ""),
            text(expiry(item.record, now)),
            "" if item.monthly_cost is None else f"{item.monthly_cost:.0f}",
            link(item.url),
        )
        for item in found
    ]
    return table(("name", "scope", "kind", "base", "status", "owner", "expires", "$/month", "url"), rows)


def diagram(found: Diagram) -> str:
    """The boxes and arrows as SVG, which scrolls when it is wide."""
    return f'<div style="overflow-x:auto">{svg(found)}</div>'


def link(url: str | None) -> str:
    """A link to a web address; other text is only shown."""
    if not url or not url.startswith(("https://", "http://")):
        return text(url or "")
    return f'<a href="{text(url)}" rel="noopener noreferrer" target="_blank">{text(url)}</a>'


def _notice(notice: str | None) -> str:
    return f"<p><em>{text(notice)}</em></p>" if notice else ""


def _colored(result: UnitResult) -> str:
    color = "#1a7f37" if result.status in _GOOD else "#cf222e"
    return f'<span style="color:{color}">{text(verdict(result))}</span>'


def _url(result: UnitResult) -> str:
    url = result.outputs.get("url")
    return link(url.value) if url and not url.secret and isinstance(url.value, str) else ""


def _changes(result: UnitResult) -> str:
    changes = [change for change in result.changes if change.op not in _HIDDEN]
    if not changes:
        return ""
    rows = [
        (
            text(c.op.value),
            f"<code>{text(c.type.partition(':')[2])}</code>",
            text(c.name),
            text(", ".join(c.properties)),
        )
        for c in changes
    ]
    shown = table(("change", "type", "name", "because of"), rows)
    return f"<details><summary>{text(result.unit)}: {text(counted(result.counts))}</summary>{shown}</details>"
