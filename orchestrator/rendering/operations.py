"""What the commands of daily work print. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from orchestrator.config.durations import format_duration
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.deploy import Crash, DeployResult
from orchestrator.operations.events import LogLine, RolloutMoved
from orchestrator.operations.ps import ServiceState, TasksResult
from orchestrator.operations.run import CommandResult
from orchestrator.rendering import document
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


def deployed_document(result: DeployResult) -> dict[str, Any]:
    """A deploy: the report of the update, and the services afterwards."""
    return {
        "images": dict(result.images),
        "exit_code": result.exit_code,
        "report": document.report(result.report),
        "services": as_document(result.services),
        "crashes": as_document(result.crashes),
    }


def deployed(result: DeployResult, environment: str) -> str:
    """The services after a deploy."""
    if not result.services:
        return ""
    way_on = f"\nnext  orchestrator ps {environment}\n" if not all(s.steady for s in result.services) else ""
    return f"\n{_services(result.services)}{''.join(map(_crash, result.crashes))}{way_on}"


def _crash(found: Crash) -> str:
    lines = [f"\n{found.service}: task {found.task} on {found.version} {found.reason}"]
    lines += [f"  {line}" for line in found.log] or ["  its log is empty"]
    lines += [f"  hint: {found.hint}"] if found.hint else []
    return "".join(f"{line}\n" for line in lines)


def processes(found: TasksResult, now: datetime) -> str:
    """Services, their tasks, how the last ones ended, the last events."""
    parts = [_services(found.services)]
    tasks_ = [
        (
            task.service or f"({task.family})",
            task.id,
            task.status.lower(),
            (task.health or "-").lower(),
            f"{_age(task.started, now)}" if task.started else "-",
            " ".join(filter(None, (task.capacity, task.zone))),
        )
        for task in found.tasks
    ]
    parts.append(f"\ntasks\n{aligned(tasks_, indent='  ')}" if tasks_ else "\nno task runs\n")
    stops = [
        (service.name, f"{_age(stop.at, now)} ago" if stop.at else "-", f"task {stop.task} {stop.reason}")
        for service in found.services
        if (stop := service.last_stop)
    ]
    if stops:
        parts.append(f"\nlast stopped\n{aligned(stops, indent='  ')}")
    hints = {stop.hint for service in found.services if (stop := service.last_stop) and stop.hint}
    parts += [f"  hint: {hint}\n" for hint in sorted(hints)]
    events = [
        (f"{_age(event.at, now)} ago" if event.at else "-", event.text)
        for service in found.services
        for event in service.events
    ]
    if events:
        parts.append(f"\nlast events\n{aligned(events, indent='  ')}")
    return "".join(parts)


def _services(found: Sequence[ServiceState]) -> str:
    rows: list[Sequence[str]] = [("SERVICE", "STATE", "TASKS", "HEALTHY", "VERSION", "IMAGE")]
    for service in found:
        healthy = "-" if service.healthy is None else str(service.healthy)
        tasks = f"{service.running}/{service.desired}"
        version = (service.version or "-").rsplit(":", 1)[-1]
        rows.append((service.name, service.state, tasks, healthy, version, service.image or "-"))
        rows += [
            (
                "",
                f"  {d.status.lower()}",
                f"{d.running}/{d.desired}",
                "",
                d.version.rsplit(":", 1)[-1],
                _failed(d.failed),
            )
            for d in service.deployments
            if len(service.deployments) > 1
        ]
    return aligned(rows)


def _failed(count: int) -> str:
    return f"{count} failed" if count else ""


def _age(moment: datetime, now: datetime) -> str:
    return format_duration(now - moment).split(" ")[0]


def _parameters(call: ApiCall) -> dict[str, Any]:
    return {name: value for name, value in call.parameters.items() if name not in _NOISE}
