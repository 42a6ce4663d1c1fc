"""The results of commands that work on one environment or examine one, as text. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from orchestrator.config.durations import format_duration
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.database.databases import DatabaseResult
from orchestrator.operations.deploy import Crash, DeployResult
from orchestrator.operations.events import RolloutMoved
from orchestrator.operations.health.load import LoadResult
from orchestrator.operations.health.verdicts import Check, Verdict
from orchestrator.operations.ps import ServiceState, TasksResult
from orchestrator.operations.run import CommandResult
from orchestrator.operations.scale import Scaled
from orchestrator.operations.secrets import PushResult, SecretEntry
from orchestrator.operations.sleep import ServerResult
from orchestrator.operations.tunnel import Tunnel
from orchestrator.rendering.columns import Column, aligned, count, table, text_lines
from orchestrator.rendering.operation_documents import parameters
from orchestrator.visible import in_line

_TEXT_WIDTH = 240
"""Characters of a text within a simulated call."""

_CHECK_WIDTH = 15
"""Columns for the name of a check."""


def calls(made: Sequence[ApiCall]) -> str:
    """The calls of AWS's API that the simulation recorded, one in a line."""
    lines = [f"  {call.service} {call.operation} {json.dumps(_short(parameters(call)), default=str)}" for call in made]
    return "\n".join(["on AWS these calls would be made:", *(lines or ["  none"])]) + "\n"


def _short(value: Any) -> Any:
    """A value whose long texts, such as the script of a task, are cut; `--json` has them whole."""
    if isinstance(value, Mapping):
        return {key: _short(each) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, str) and len(value) > _TEXT_WIDTH:
        return f"{value[:_TEXT_WIDTH]}... ({len(value)} characters)"
    return value


# deploy, run, ps


def rollout(event: RolloutMoved) -> str:
    """The progress of a service's rollout in one line."""
    healthy = "" if event.healthy is None else f", {event.healthy} healthy"
    failed = f", {event.failed} failed" if event.failed else ""
    return (
        f"{event.service}: {event.running} of {event.desired} running{healthy}{failed} on {event.version}"
        f" ({event.state.lower().replace('_', ' ')})"
    )


def detached(result: CommandResult, environment: str) -> str:
    """A task that continues without the command, and the command that shows its log."""
    next_ = f"orchestrator logs {environment} --service {result.service} --follow"
    return aligned([("task", result.task), ("version", result.version), ("next", next_)])


def deployed(result: DeployResult, environment: str, width: int | None = None) -> str:
    """The services after a deploy, with the last log lines of tasks that crashed."""
    if not result.services:
        return ""
    steady = all(service.steady for service in result.services)
    next_ = "" if steady else f"\nnext  orchestrator ps {environment}\n"
    return f"\n{_services(result.services, width)}{''.join(map(_crash, result.crashes))}{next_}"


def _crash(found: Crash) -> str:
    lines = [f"\n{found.service}: task {found.task} on {found.version} {found.reason}"]
    lines += [f"  {line}" for line in found.log] or ["  its log is empty"]
    lines += [f"  hint: {found.hint}"] if found.hint else []
    return "".join(f"{line}\n" for line in lines)


def processes(found: TasksResult, now: datetime, width: int | None = None) -> str:
    """Services, their tasks, the last stopped task of each service, and the last events."""
    parts = [_services(found.services, width)]
    tasks = [
        (
            task.service or f"({task.family})",
            task.id,
            task.status.lower(),
            (task.health or "-").lower(),
            _age(task.started, now) if task.started else "-",
            " ".join(filter(None, (task.capacity, task.zone))),
        )
        for task in found.tasks
    ]
    parts.append(f"\ntasks\n{aligned(tasks, '  ', width)}" if tasks else "\nno task runs\n")
    stops = [
        (service.name, f"{_age(stop.at, now)} ago" if stop.at else "-", f"task {stop.task} {stop.reason}")
        for service in found.services
        if (stop := service.last_stop)
    ]
    if stops:
        parts.append(f"\nlast stopped\n{aligned(stops, '  ', width)}")
    hints = {stop.hint for service in found.services if (stop := service.last_stop) and stop.hint}
    parts += [f"{line}\n" for hint in sorted(hints) for line in text_lines(hint, width, "  hint: ", " " * 8)]
    events = [
        (f"{_age(event.at, now)} ago" if event.at else "-", event.text)
        for service in found.services
        for event in service.events
    ]
    if events:
        parts.append(f"\nlast events\n{aligned(events, '  ', width)}")
    return "".join(parts)


def _services(found: Sequence[ServiceState], width: int | None) -> str:
    columns = (
        Column(title="SERVICE"),
        Column(title="STATE"),
        Column(title="TASKS"),
        Column(title="HEALTHY", dropped=1),
        Column(title="VERSION"),
        Column(title="IMAGE", dropped=2, shortened=True),
    )
    rows: list[Sequence[str]] = []
    for service in found:
        healthy = "-" if service.healthy is None else str(service.healthy)
        tasks = f"{service.running}/{service.desired}"
        rows.append(
            (service.name, service.state, tasks, healthy, _revision(service.version or "-"), service.image or "-")
        )
        if len(service.deployments) > 1:
            rows += [
                (
                    "",
                    f"  {deployment.status.lower()}",
                    f"{deployment.running}/{deployment.desired}",
                    "",
                    _revision(deployment.version),
                    f"{deployment.failed} failed" if deployment.failed else "",
                )
                for deployment in service.deployments
            ]
    return table(columns, rows, width)


def _revision(version: str) -> str:
    return version.rsplit(":", 1)[-1]


def _age(moment: datetime, now: datetime) -> str:
    return format_duration(now - moment).split(" ")[0]


# secrets, scale, sleep, tunnel, db


def pushed(result: PushResult) -> str:
    """Keys and what happened to them, never values."""
    verb = "would be stored" if result.dry_run else "stored"
    rows = [
        (state, key)
        for state, keys in (
            ("new", result.added),
            ("changed", result.changed),
            ("same", result.unchanged),
            ("empty", result.empty),
            ("the stack's", result.provided),
        )
        for key in keys
    ]
    stored = count(len(result.added) + len(result.changed), "key")
    return f"{aligned(rows)}{stored} {verb} in {result.name} ({result.store.value})\n"


def secrets(entries: Sequence[SecretEntry], width: int | None = None) -> str:
    """Keys, the services that have them, and where their values are stored."""
    if not entries:
        return "no variable is a secret\n"
    columns = (Column(title="KEY"), Column(title="SERVICES"), Column(title="STORED IN", dropped=1, shortened=True))
    rows = [(entry.key, ", ".join(entry.services) or "(with the next update)", entry.reference) for entry in entries]
    return table(columns, rows, width)


def scaled(found: Sequence[Scaled]) -> str:
    """Services with their new number of tasks."""
    return aligned([(item.service, str(item.count), ", ".join(map(str, item.assignments))) for item in found])


def servers(results: Sequence[ServerResult]) -> str:
    """Database servers of bases, with notes on them."""
    text = aligned([("base", item.base, f"database server {item.server}", item.state.value) for item in results])
    return text + "".join(f"{item.note}\n" for item in results if item.note)


def tunnel(found: Tunnel) -> str:
    """The URL of a tunnel, and the command that prints the password."""
    rows = [("url", found.url)]
    if found.password_command:
        rows.append(("password", found.password_command))
    return aligned(rows)


def database(result: DatabaseResult) -> str:
    """The steps that were done, and the dump that was written or read."""
    rows = [("database", result.database), ("done", ", ".join(result.done))]
    if result.dump is not None:
        size = "" if result.dump.size_bytes is None else f" ({_size(result.dump.size_bytes)})"
        rows.append(("dump", f"{result.dump.source}{size}"))
        if result.dump.file:
            rows.append(("file", result.dump.file))
    return aligned(rows)


def _size(size_bytes: int) -> str:
    number = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


# doctor, smoke


def check(found: Check, width: int | None = None) -> str:
    """One check with its hint."""
    below = " " * (7 + _CHECK_WIDTH)
    lines = text_lines(found.evidence, width, f"{found.verdict.value:<4}  {found.name:<{_CHECK_WIDTH}} ", below)
    if found.hint:
        lines += text_lines(found.hint, width, f"{below}hint: ", f"{below}      ")
    return "".join(f"{line}\n" for line in lines)


def load(found: LoadResult, width: int | None = None) -> str:
    """The figures of a load test, and the most frequent reasons of failures."""
    columns = [
        Column(title="REQUEST", shortened=True),
        *(Column(title=title) for title in ("REQUESTS", "FAILED", "PER SECOND", "P50 MS", "P95 MS", "P99 MS")),
    ]
    rows = [
        [
            answers.request,
            *map(str, (answers.requests, answers.failures, answers.per_second)),
            *map(str, (answers.p50_ms, answers.p95_ms, answers.p99_ms)),
        ]
        for answers in (*found.requests, found.together)
    ]
    reasons = [f"  {each.count} x {each.request}: {in_line(each.reason)}" for each in found.problems]
    below = "".join(f"{line}\n" for reason in reasons for line in text_lines(reason, width))
    return table(columns, rows, width) + (f"\nfailures\n{below}" if below else "") + "\n"


def checks(found: Sequence[Check]) -> str:
    """The number of checks for each verdict."""
    counts = {verdict: sum(check.verdict is verdict for check in found) for verdict in Verdict}
    parts = [f"{number} {verdict.value}" for verdict, number in counts.items() if number]
    return f"{', '.join(parts) or 'nothing was checked'}\n"
