"""`wake` of what its office hours have closed: AWS's own schedules are moved, and one of them closes it again.

Application Auto Scaling and EventBridge keep the schedules. Everything that is sent to them comes from the stack's state, so
the next opening and closing are those of the configuration again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestrator.config.durations import parse_duration
from orchestrator.errors import RefusedError, UsageError
from orchestrator.lifecycle import office_hours
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Record, Scope, StackResource
from orchestrator.operations.aws.clients import Clients
from pulumi_django.base.database_hours import STOP_LATER_MINUTES
from pulumi_django.ecs.autoscaling import CLOSE, OPEN
from pulumi_django.rules.office_hours import OfficeHours

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.operations.aws.targets import BaseTarget

LONGEST = timedelta(days=6)
"""Longest time for which hours are set aside: below a week, so that no regular closing is missed twice."""

_ACTION = "aws:appautoscaling/scheduledAction:ScheduledAction"
_SCHEDULE = "aws:scheduler/schedule:Schedule"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A base or an environment that opens outside its office hours, or stays open beyond them."""

    name: str
    scope: Scope
    hours: OfficeHours
    until: datetime
    """Time at which it closes, with the time zone of its hours."""

    closed: bool
    """Whether it is closed now."""

    @property
    def text(self) -> str:
        """The sentence for users, without a full stop."""
        return f"{self.name} is open until {office_hours.clock(self.until)}"


def prepare(context: Context, found: Sequence[Deployment], until: str | None) -> tuple[Opening, ...]:
    """Return the openings of those with office hours that are closed, or that stay open until a given time.

    `until` is a time of day such as `22:00`, or a duration such as `3h`; None is the next regular closing. Raises UsageError.
    """
    openings: list[Opening] = []
    now = context.clock()
    for each in found:
        hours = office_hours.hours_of(each)
        if hours is None:
            if until is not None:
                raise UsageError(
                    f"--until cannot be used: {each.name} has no office hours",
                    f"`orchestrator wake {each.name}` wakes it",
                )
            continue
        closed = office_hours.closed(each, now) is not None
        if closed or until is not None:
            end = hours.next_close(now) if until is None else _end(until, hours, now)
            openings.append(Opening(name=each.name, scope=each.scope, hours=hours, until=end, closed=closed))
    return tuple(openings)


def check_bases(context: Context, openings: Sequence[Opening], names: Sequence[str]) -> None:
    """Check that the database of each environment runs as long as its services. Raises RefusedError."""
    registry, now = context.registry(), context.clock()
    for opening in openings:
        base = registry.bases.get(registry.environments[opening.name].record.base or "") if _is_env(opening) else None
        hours = office_hours.hours_of(base) if base is not None else None
        if base is None or hours is None or base.name in names:
            continue
        opened = base.record.open_until
        closes = max(hours.next_close(now), opened) if opened is not None else hours.next_close(now)
        if office_hours.closed(base, now) is not None or closes < opening.until:
            raise RefusedError(
                f"{opening.name} was not opened: the database server of {base.name} does not run until "
                f"{office_hours.clock(opening.until)}",
                f"open both: `orchestrator wake {base.name} {opening.name} --until {opening.until:%H:%M}`",
            )


def _is_env(opening: Opening) -> bool:
    return opening.scope is Scope.ENVIRONMENT


def _end(until: str, hours: OfficeHours, now: datetime) -> datetime:
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})", until.strip())
    local = now.astimezone(hours.zone)
    if clock is None:
        length = parse_duration(until)
        if length > LONGEST:
            raise UsageError(f"--until is {until}: at most {LONGEST.days}d", "change `hours` for longer")
        return (now + length).astimezone(hours.zone).replace(second=0, microsecond=0)
    hour, minute = int(clock[1]), int(clock[2])
    if hour > 23 or minute > 59:
        raise UsageError(f"--until is {until}: it must be a time of day such as 22:00, or a duration such as 3h")
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    return today if today.astimezone(UTC) > now else today + timedelta(days=1)


def open_environment(context: Context, opening: Opening, clients: Clients) -> None:
    """Bring the services of an environment to their usual numbers, and let AWS close it at the end of the opening."""
    scaling = clients.client("application-autoscaling")
    for inputs in _resources(context, opening, _ACTION):
        service = str(inputs["resourceId"]).rpartition("/")[2]
        target = {key: inputs[wire] for key, wire in _TARGET.items()}
        bounds = inputs["scalableTargetAction"]
        word = str(inputs["name"]).removeprefix(f"{service}-").partition("-")[0]
        if word == OPEN and opening.closed:
            counts = {"MinCapacity": int(bounds["minCapacity"]), "MaxCapacity": int(bounds["maxCapacity"])}
            scaling.register_scalable_target(**target, **counts)
        if word == CLOSE:
            action = {"Schedule": inputs["schedule"], "Timezone": inputs["timezone"], **_zero()}
            start = {"StartTime": opening.until.astimezone(UTC)}
            scaling.put_scheduled_action(**target, ScheduledActionName=inputs["name"], **action, **start)
            if not opening.hours.is_open(opening.until):
                once = {"Schedule": _at(opening.until), "Timezone": opening.hours.timezone, **_zero()}
                scaling.put_scheduled_action(**target, ScheduledActionName=f"{service}-until", **once)
    _note(context, opening)


def open_base(context: Context, opening: Opening, clients: Clients) -> None:
    """Let AWS stop the database server of a base at the end of the opening. It runs already."""
    scheduler = clients.client("scheduler")
    end = opening.until + timedelta(minutes=STOP_LATER_MINUTES)
    for inputs in _resources(context, opening, _SCHEDULE):
        target = inputs["target"]
        if ":aws-sdk:rds:stop" not in str(target["arn"]):
            continue
        retries = target.get("retryPolicy") or {}
        call = {
            "State": inputs.get("state") or "ENABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpressionTimezone": inputs["scheduleExpressionTimezone"],
            "Target": {
                "Arn": target["arn"],
                "RoleArn": target["roleArn"],
                "Input": target["input"],
                "RetryPolicy": {
                    "MaximumRetryAttempts": int(retries.get("maximumRetryAttempts", 0)),
                    "MaximumEventAgeInSeconds": int(retries.get("maximumEventAgeInSeconds", 900)),
                },
            },
        }
        expression = inputs["scheduleExpression"]
        scheduler.update_schedule(
            Name=inputs["name"], ScheduleExpression=expression, StartDate=end.astimezone(UTC), **call
        )
        if not opening.hours.is_open(opening.until):
            _once(scheduler, _until(opening.name), {**call, "ScheduleExpression": _at(end)})
    _note(context, opening)


def forget(base: BaseTarget, clients: Clients) -> None:
    """Delete the schedule that would stop the server of a base that is gone."""
    scheduler = clients.client("scheduler")
    with contextlib.suppress(scheduler.exceptions.ResourceNotFoundException):
        scheduler.delete_schedule(Name=_until(base.name))


def _until(base: str) -> str:
    return f"{base}-database-until"


def _once(scheduler: Any, name: str, call: Mapping[str, Any]) -> None:
    try:
        scheduler.create_schedule(Name=name, ActionAfterCompletion="DELETE", **call)
    except scheduler.exceptions.ConflictException:  # an earlier `wake --until` of the same day
        scheduler.update_schedule(Name=name, ActionAfterCompletion="DELETE", **call)


_TARGET = {"ServiceNamespace": "serviceNamespace", "ResourceId": "resourceId", "ScalableDimension": "scalableDimension"}


def _zero() -> dict[str, Any]:
    return {"ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 0}}


def _at(moment: datetime) -> str:
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def _resources(context: Context, opening: Opening, type_: str) -> Sequence[Mapping[str, Any]]:
    registry = context.registry()
    found = registry.bases if opening.scope is Scope.BASE else registry.environments
    resources: list[StackResource] = []
    for unit in found[opening.name].units:
        resources += [resource for resource in context.engine.resources(unit) if resource.type == type_]
    return [resource.inputs for resource in resources]


def _note(context: Context, opening: Opening) -> None:
    registry = context.registry()
    found = (registry.bases if opening.scope is Scope.BASE else registry.environments)[opening.name]

    def change(record: Record | None) -> Record:
        return replace(record or found.record, open_until=opening.until.astimezone(UTC))

    for unit in found.units:
        context.engine.change_record(unit, change)
