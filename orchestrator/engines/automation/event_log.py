"""The engine's event log, line by line: events for the observer, and the result of the operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.config import documents
from orchestrator.engines.automation.checkpoint import DEFAULT_PROVIDER, STACK_TYPE, masked, outputs
from orchestrator.engines.program_host.messages import ERRORS_MARK
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
_NOISE = ("from $PATH at", "is expected to have version", "update failed", "preview failed", "update canceled")


@dataclass(frozen=True, kw_only=True)
class _Diagnostic:
    severity: str = ""
    message: str = ""
    urn: str | None = None


@dataclass(frozen=True, kw_only=True)
class _State:
    """A resource before or after a step."""

    parent: str | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class _Metadata:
    """A step of one resource."""

    op: str
    urn: str
    type: str
    old: _State | None = None
    new: _State | None = None
    diffs: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class _Step:
    metadata: _Metadata


@dataclass(frozen=True, kw_only=True)
class _Summary:
    resourceChanges: dict[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line of the log, which has one event (sdk/go/common/apitype/events.go)."""

    diagnosticEvent: _Diagnostic | None = None
    resourcePreEvent: _Step | None = None
    resOutputsEvent: _Step | None = None
    resOpFailedEvent: _Step | None = None
    summaryEvent: _Summary | None = None


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
        """Process one line of the log. A line of another form is ignored: it may be cut off, or of a newer CLI."""
        try:
            event = documents.decoded(_Line, text.encode())
        except (documents.DamagedError, UnicodeEncodeError):
            return
        if event.diagnosticEvent is not None:
            self._diagnostic(event.diagnosticEvent)
        elif event.resourcePreEvent is not None:
            self._resource(event.resourcePreEvent.metadata, "started")
        elif event.resOutputsEvent is not None:
            self._resource(event.resOutputsEvent.metadata, "done")
        elif event.resOpFailedEvent is not None:
            self._resource(event.resOpFailedEvent.metadata, "failed")
        elif event.summaryEvent is not None:
            self._summary = event.summaryEvent.resourceChanges or {}

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

    def _resource(self, metadata: _Metadata, phase: Literal["started", "done", "failed"]) -> None:
        urn, type_, new = metadata.urn, metadata.type, metadata.new
        if type_ == STACK_TYPE and phase == "done" and new:
            self._stack = {"outputs": new.outputs}
        if metadata.op in _PARTS_OF_REPLACEMENTS or metadata.op not in _OPS or DEFAULT_PROVIDER.search(urn):
            return
        op, name = _OPS[metadata.op], urn.rpartition("::")[2]
        parent = (new and new.parent) or (metadata.old and metadata.old.parent) or None
        if phase == "failed":
            self.failed_urns.append(urn)
        elif phase == "done":
            if op not in (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH):
                properties = tuple(sorted(metadata.diffs or ()))
                self._changes[urn] = ResourceChange(
                    urn=urn, type=type_, name=name, op=op, properties=properties, parent=parent
                )
            if new and op is not ChangeOp.DELETE:
                self._planned[urn] = StackResource(
                    urn=urn, type=type_, name=name, parent=parent, inputs=masked(new.inputs or {})
                )
        self._sink(ResourceEvent(unit=self._unit, urn=urn, type=type_, name=name, op=op, phase=phase))

    def _diagnostic(self, event: _Diagnostic) -> None:
        severity, message = event.severity, event.message.strip()
        if severity == "info#err" or event.message.startswith(ERRORS_MARK):
            message = self._stderr.report(event.message.removeprefix(ERRORS_MARK))
            severity = "info"
        if severity not in ("info", "warning", "error") or not message or any(noise in message for noise in _NOISE):
            return
        urn = event.urn or None
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
