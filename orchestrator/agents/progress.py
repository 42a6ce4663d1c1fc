"""The progress of a run, as notifications to the client that called the tool."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from anyio import from_thread, lowlevel
from mcp.server.mcpserver import Context

from orchestrator.events import Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.model import ChangeOp

_SILENT = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


class Progress:
    """An observer that counts finished resources and names the stacks. Create it in the thread of the tool."""

    def __init__(self, context: Context[Any, Any]) -> None:
        self._context = context
        self._loop = from_thread.run_sync(lowlevel.current_token)
        self._done = 0

    def __call__(self, event: Event) -> None:
        match event:
            case PlanReady():
                self._send(f"{event.operation.value}: {', '.join(str(unit) for unit in event.units)}")
            case UnitStarted():
                self._send(f"{event.unit}: {event.operation.value} starts")
            case ResourceEvent() if event.phase != "started":
                self._done += 1
                if event.phase == "failed" or event.op not in _SILENT:
                    self._send(f"{event.unit}: {event.op.value} {event.name} {event.phase}")
            case UnitFinished():
                self._send(f"{event.result.unit}: {event.result.status.value}")
            case _:
                pass

    def _send(self, message: str) -> None:
        # A client that has left, or a connection that broke, does not disturb the run.
        with suppress(Exception):
            from_thread.run(self._context.report_progress, self._done, None, message, token=self._loop)
