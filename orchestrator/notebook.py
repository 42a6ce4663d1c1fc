"""Jupyter notebooks: `%load_ext orchestrator` shows reports, lists and diagrams as tables and pictures.

    %load_ext orchestrator
    from orchestrator import Orchestrator
    from orchestrator.notebook import Progress

    orchestrator = Orchestrator("infrastructure", observer=Progress())
    orchestrator.create_env("alpha", base="dev")

The last expression of a cell is shown. `Progress` shows what a run does, in one line for each stack below the cell.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.events import Diagnostic, Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.lifecycle.diagrams import Diagram
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import ChangeOp, RunReport, Unit
from orchestrator.rendering import html
from orchestrator.rendering.tables import verdict

_SILENT = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


def load(shell: Any) -> None:
    """Register the representations with IPython. `%load_ext orchestrator` calls it."""
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(RunReport, html.report)
    formatter.for_type(Diagram, html.diagram)
    formatter.for_type(Deployment, lambda found: html.listing([found], datetime.now(UTC)))
    formatter.for_type(tuple, _listing)


def _listing(found: Sequence[Any]) -> str | None:
    """The result of `Orchestrator.list`; None leaves any other tuple as it is."""
    listed = [item for item in found if isinstance(item, Deployment)]
    return html.listing(listed, datetime.now(UTC)) if listed and len(listed) == len(found) else None


class Progress:
    """An observer that shows the progress of a run in the output of a cell. Safe to call from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._rows: dict[Unit, tuple[str, int, str]] = {}
        self._messages: list[str] = []
        self._shown: Any = None

    def __call__(self, event: Event) -> None:
        """Take an event of a run and show the new state."""
        with self._guard:
            if self._note(event):
                self._show()

    def _note(self, event: Event) -> bool:
        """Note an event; return whether there is something new to show."""
        match event:
            case PlanReady():
                self._rows, self._messages, self._shown = dict.fromkeys(event.units, ("waits", 0, "")), [], None
            case UnitStarted():
                self._rows[event.unit] = (f"{event.operation.value} runs", 0, "")
            case ResourceEvent() if event.phase != "started" and event.op not in _SILENT:
                state, done, _ = self._rows.get(event.unit, ("runs", 0, ""))
                self._rows[event.unit] = (state, done + 1, f"{event.op.value} {event.name}")
            case Diagnostic() if event.severity != "info":
                self._messages.append(event.message)
            case UnitFinished():
                _, done, _ = self._rows.get(event.result.unit, ("", 0, ""))
                self._rows[event.result.unit] = (verdict(event.result), done, "")
            case _:
                return False
        return True

    def _show(self) -> None:
        from IPython.display import HTML, display  # only a notebook has it

        rows = [
            (f"<code>{html.text(unit)}</code>", html.text(state), str(done), html.text(now))
            for unit, (state, done, now) in self._rows.items()
        ]
        notes = "".join(f"<p>{html.text(message)}</p>" for message in self._messages)
        picture: Any = HTML(html.table(("stack", "state", "changes", "now"), rows) + notes)
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)
