"""What the commands of daily work print. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from orchestrator.operations.clients import ApiCall
from orchestrator.operations.observer import LogLine, RolloutMoved
from orchestrator.operations.run import CommandResult
from orchestrator.rendering.document import SCHEMA_VERSION
from orchestrator.rendering.tables import aligned

_NOISE = frozenset({"clientToken"})
"""Parameters that are random and say nothing."""


def as_document(value: Any) -> Any:
    """A result as plain JSON values: dataclasses by their fields, times in ISO form."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_document(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return {str(key): as_document(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_document(item) for item in value]
    return value


def calls_document(made: Sequence[ApiCall]) -> list[dict[str, Any]]:
    """The calls of AWS's API that would have been made."""
    return [{"service": call.service, "operation": call.operation, "parameters": _parameters(call)} for call in made]


def calls(made: Sequence[ApiCall]) -> str:
    """The same for people: a line per call."""
    lines = [f"  {call.service} {call.operation} {json.dumps(_parameters(call), default=str)}" for call in made]
    return "\n".join(["on AWS these calls would be made:", *(lines or ["  none"])]) + "\n"


def line_document(line: LogLine) -> str:
    """One line of a log as one line of JSON."""
    return json.dumps({"version": SCHEMA_VERSION, **as_document(line)}) + "\n"


def rollout(event: RolloutMoved) -> str:
    """One line on a service's rollout."""
    healthy = "" if event.healthy is None else f", {event.healthy} healthy"
    failed = f", {event.failed} failed" if event.failed else ""
    return (
        f"{event.service}: {event.running} of {event.desired} running{healthy}{failed} on {event.version}"
        f" ({event.state.lower().replace('_', ' ')})"
    )


def detached(result: CommandResult, environment: str) -> str:
    """A task that was left to itself, and how to read its log."""
    next_ = f"orchestrator logs {environment} --service {result.service} --follow"
    return aligned([("task", result.task), ("version", result.version), ("next", next_)])


def _parameters(call: ApiCall) -> dict[str, Any]:
    return {name: value for name, value in call.parameters.items() if name not in _NOISE}
