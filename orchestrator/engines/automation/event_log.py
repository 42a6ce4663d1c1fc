"""The engine's event log, line by line: events for the observer, and the result of the operation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from orchestrator.engines.automation.checkpoint import STACK_TYPE, masked, outputs
from orchestrator.engines.protocol import Sink
from orchestrator.events import Diagnostic, ResourceEvent
from orchestrator.model import ChangeCounts, ChangeOp, Outputs, ResourceChange, StackResource, Unit

# A replacement has three steps; the first one is enough.
_OPS: Mapping[str, ChangeOp] = {
    "create": ChangeOp.CREATE,
    "update": ChangeOp.UPDATE,
    "delete": ChangeOp.DELETE,
    "same": ChangeOp.SAME,
    "read": ChangeOp.READ,
    "refresh": ChangeOp.REFRESH,
    "replace": ChangeOp.REPLACE,
    "create-replacement": ChangeOp.REPLACE,
    "import": ChangeOp.CREATE,
}
_PARTS_OF_REPLACEMENTS = frozenset(
    {"delete-replaced", "read-replacement", "discard-replaced", "remove-pending-replace"}
)
_DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:[^:]+::default(_|$)")
"""The engine creates these for itself and does not display or count them."""
_NOISE = ("from $PATH at", "is expected to have version", "update failed", "preview failed", "update canceled")


class Progress:
    """Collects the events of one operation from the lines of its log."""

    def __init__(self, unit: Unit, sink: Sink, *, muted: Callable[[], bool] = lambda: False) -> None:
        self._unit, self._sink, self._muted = unit, sink, muted
        self._changes: dict[str, ResourceChange] = {}
        self._summary: Mapping[str, int] = {}
        self._stack: Mapping[str, Any] | None = None
        self._planned: dict[str, StackResource] = {}
        self._stderr = Stderr()
        self.errors: list[tuple[str | None, str]] = []
        """URN (or None) and text of every error."""

        self.failed_urns: list[str] = []
        self.warnings: list[str] = []

    def line(self, text: str) -> None:
        """Process one line of the log."""
        try:
            event: Mapping[str, Any] = json.loads(text)
        except ValueError:
            return
        if "diagnosticEvent" in event:
            self._diagnostic(event["diagnosticEvent"])
        elif "resourcePreEvent" in event:
            self._resource(event["resourcePreEvent"]["metadata"], "started")
        elif "resOutputsEvent" in event:
            self._resource(event["resOutputsEvent"]["metadata"], "done")
        elif "resOpFailedEvent" in event:
            self._resource(event["resOpFailedEvent"]["metadata"], "failed")
        elif "summaryEvent" in event:
            self._summary = event["summaryEvent"].get("resourceChanges") or {}

    @property
    def outputs(self) -> Outputs:
        """The stack's outputs, from its last event."""
        return outputs(self._stack)

    @property
    def changes(self) -> tuple[ResourceChange, ...]:
        """All changes, in order."""
        return tuple(self._changes.values())

    @property
    def planned(self) -> tuple[StackResource, ...]:
        """The resources of the stack after the operation."""
        return tuple(self._planned.values())

    @property
    def counts(self) -> ChangeCounts:
        """Numbers of resources by kind of change."""
        get = self._summary.get
        replaced = get("replace", 0) or get("create-replacement", 0)
        return ChangeCounts(
            create=get("create", 0) + get("import", 0),
            update=get("update", 0),
            replace=replaced,
            delete=get("delete", 0),
            same=get("same", 0),
        )

    def _resource(self, metadata: Mapping[str, Any], phase: Literal["started", "done", "failed"]) -> None:
        urn, type_ = str(metadata["urn"]), str(metadata["type"])
        if type_ == STACK_TYPE and phase == "done" and metadata.get("new"):
            self._stack = metadata["new"]
        if metadata["op"] in _PARTS_OF_REPLACEMENTS or metadata["op"] not in _OPS or _DEFAULT_PROVIDER.search(urn):
            return
        op, name = _OPS[metadata["op"]], urn.rpartition("::")[2]
        new: Mapping[str, Any] = metadata.get("new") or {}
        parent = new.get("parent") or (metadata.get("old") or {}).get("parent") or None
        if phase == "failed":
            self.failed_urns.append(urn)
        elif phase == "done":
            if op not in (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH):
                properties = tuple(sorted(metadata.get("diffs") or ()))
                self._changes[urn] = ResourceChange(
                    urn=urn, type=type_, name=name, op=op, properties=properties, parent=parent
                )
            if new and op is not ChangeOp.DELETE:
                self._planned[urn] = StackResource(
                    urn=urn, type=type_, name=name, parent=parent, inputs=masked(new.get("inputs") or {})
                )
        self._sink(ResourceEvent(unit=self._unit, urn=urn, type=type_, name=name, op=op, phase=phase))

    def _diagnostic(self, event: Mapping[str, Any]) -> None:
        severity, message = event.get("severity"), str(event.get("message", "")).strip()
        if severity == "info#err":
            message = self._stderr.report(str(event.get("message", "")))
            severity = "info"
        if severity not in ("info", "warning", "error") or not message or any(noise in message for noise in _NOISE):
            return
        urn = event.get("urn") or None
        if severity == "error":
            self.errors.append((urn, message))
        if severity == "warning":
            self.warnings.append(message)
        if self._muted():
            return
        kind: Literal["info", "warning", "error"] = severity  # pyright: ignore[reportAssignmentType]
        self._sink(Diagnostic(unit=self._unit, severity=kind, message=str(masked(message)), urn=urn))


_BEGINS = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_INTERRUPTED = "KeyboardInterrupt"


class Stderr:
    """Filters tracebacks of KeyboardInterrupt out of a program's standard error.

    The engine interrupts the program when a resource fails or when the engine itself is interrupted. Any other traceback is
    reported when it is complete.
    """

    def __init__(self) -> None:
        self._held: list[str] = []
        self._left_out = False

    def report(self, line: str) -> str:
        """The text to report after this line: the line, a traceback that it completes, or nothing."""
        text = line.strip()
        if not text:
            return ""
        if text.startswith(_BEGINS) or (text.startswith(_CHAINED) and (self._held or self._left_out)):
            self._held.append(text)
            return ""
        if not self._held:
            self._left_out = False
            return text
        self._held.append(line.rstrip())
        if line[0].isspace():
            return ""
        held, self._held = self._held, []
        self._left_out = text.startswith(_INTERRUPTED)
        return "" if self._left_out else "\n".join(held)
