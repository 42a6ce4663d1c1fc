"""The progress of a run: a table that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator.console import Console
from orchestrator.events import Diagnostic, Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.model import ChangeOp, Operation, Unit
from orchestrator.rendering.tables import counted, verdict
from orchestrator.visible import in_line, visible

SIGN_OF_LIFE_SECONDS = 30
REDRAWS_PER_SECOND = 5
_SILENT = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


_STARTED = {
    Operation.UP: "update starts",
    Operation.PREVIEW: "preview starts",
    Operation.DESTROY: "destroy starts",
    Operation.REFRESH: "refresh starts",
    Operation.DRIFT: "drift check starts",
}


@dataclass
class _Row:
    began: float
    state: str = "waiting"
    done: int = 0
    expected: int | None = None
    current: str = ""
    seconds: float | None = None


class Progress:
    """An observer that shows the progress of a run. Safe to call from several threads."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._rows: dict[Unit, _Row] = {}
        self._guard = threading.Lock()
        self._last_word = clock()
        self._live: Any = None
        self._over = threading.Event()

    def __call__(self, event: Event) -> None:
        with self._guard:
            match event:
                case PlanReady():
                    self._rows = {unit: _Row(began=self._clock()) for unit in event.units}
                case UnitStarted():
                    self._start(event)
                case ResourceEvent():
                    self._resource(event)
                case Diagnostic():
                    self._diagnostic(event)
                case UnitFinished():
                    self._finish(event)

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show progress while the block runs."""
        if self._console.live:
            with self._drawn():
                yield
            return
        heart = threading.Thread(target=self._beat, daemon=True)
        heart.start()
        try:
            yield
        finally:
            self._over.set()

    # events

    def _start(self, event: UnitStarted) -> None:
        self._rows[event.unit] = _Row(began=self._clock(), state="running", expected=event.expected)
        self._say(f"{self._name(event.unit)}: {_STARTED[event.operation]}", in_table=True)

    def _resource(self, event: ResourceEvent) -> None:
        row = self._rows.setdefault(event.unit, _Row(began=self._clock()))
        if event.phase == "started":
            row.current = "" if event.op in _SILENT else f"{event.op.value} {event.name}"
            return
        row.done += 1
        if event.op in _SILENT and event.phase == "done":
            return
        if event.phase == "failed":
            self._say(f"{self._name(event.unit)}: {event.op.value} of {event.name} failed")
        elif self._console.verbose:
            self._say(f"{self._name(event.unit)}: {event.op.value} {event.type.partition(':')[2]} {event.name}")

    def _diagnostic(self, event: Diagnostic) -> None:
        where = f"{self._name(event.unit)}: " if event.unit else ""
        if event.severity == "warning":
            self._say(f"{where}warning: {event.message}")
        elif event.severity == "info" or self._console.verbose:
            self._say(f"{where}{event.message}")

    def _finish(self, event: UnitFinished) -> None:
        result = event.result
        row = self._rows.setdefault(result.unit, _Row(began=self._clock()))
        row.state, row.current, row.seconds = verdict(result), counted(result.counts), result.duration_seconds
        ended = (
            f"{self._name(result.unit)}: {verdict(result)} ({counted(result.counts)}, {result.duration_seconds:.1f} s)"
        )
        self._say(ended, in_table=True)

    # showing

    def _name(self, unit: Unit) -> str:
        return unit.among(self._rows)

    def _say(self, text: str, *, in_table: bool = False) -> None:
        """Write a line; on a terminal only when the table does not show it."""
        self._last_word = self._clock()
        if self._live is None:
            self._console.note(text)
        elif not in_table:
            self._live.console.print(visible(text), markup=False, highlight=False)

    def _beat(self) -> None:
        while not self._over.wait(1):
            self.sign_of_life()

    def sign_of_life(self) -> None:
        """Print what each running stack does, after a long silence."""
        with self._guard:
            if self._clock() - self._last_word < SIGN_OF_LIFE_SECONDS:
                return
            for unit, row in self._rows.items():
                if row.state == "running":
                    now = f", now: {row.current}" if row.current else ""
                    self._say(
                        f"{self._name(unit)}: still running, {row.done} done{now} ({self._clock() - row.began:.0f} s)"
                    )

    @contextmanager
    def _drawn(self) -> Generator[None]:
        from rich.console import Console as RichConsole
        from rich.live import Live

        screen = RichConsole(file=self._console.err)
        with Live(
            console=screen, refresh_per_second=REDRAWS_PER_SECOND, get_renderable=self._table, transient=True
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False)
        for unit, row in self._rows.items():
            seconds = row.seconds if row.seconds is not None else self._clock() - row.began
            done = f"{row.done}/{row.expected}" if row.expected else str(row.done)
            elapsed = "" if row.state == "waiting" else f"{seconds:.1f} s"
            # As Text, because rich reads a name in brackets as a style.
            cells = (unit.stack, unit.project, row.state, done, elapsed, row.current)
            table.add_row(*(Text(in_line(cell)) for cell in cells))
        return table
