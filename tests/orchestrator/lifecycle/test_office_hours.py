"""Bases and environments outside their office hours: what is refused, what is said, what counts as drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.api import Orchestrator
from orchestrator.engines.protocol import UnitOutcome
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import Drift, Refresh, UpdateBase, UpdateEnv, drift, office_hours
from orchestrator.model import (
    ChangeCounts,
    ChangeOp,
    Kind,
    Operation,
    OutputValue,
    Record,
    ResourceChange,
    Status,
    Unit,
    UnitResult,
)
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

HOURS = "Mon-Fri 08:00-18:00 Europe/Berlin"
FRIDAY_EVENING = datetime(2026, 11, 27, 20, tzinfo=UTC)
FRIDAY_NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
CREATED = datetime(2026, 11, 1, 12, tzinfo=UTC)
IN_STACK_FILE = "  {key}:hours:\n    open: Mon-Fri 08:00-18:00\n    timezone: Europe/Berlin\n"


def exists(workspace: Workspace, *, base: str | None = None, alpha: str | None = HOURS, **record: Any) -> None:
    """Base and environment with these hours in their outputs and, for the base, in its stack file."""
    plain = {"contract_version": 1, "domain_name": "example.com", "region": "eu-west-1"}
    made = {"created": CREATED, **record}
    workspace.engine.has(
        Unit("base", "dev"), outputs=_outputs({**plain, "office_hours": base}), record=Record(kind=Kind.AD_HOC, **made)
    )
    workspace.engine.has(
        Unit("app", "alpha"),
        outputs=_outputs({"office_hours": alpha}),
        record=Record(kind=Kind.AD_HOC, base="dev", **made),
    )
    workspace.write("base", "dev", BASE_CONFIG + (IN_STACK_FILE.format(key="django-base") if base else ""))
    workspace.write("app", "alpha", APP_CONFIG + (IN_STACK_FILE.format(key="django-app") if alpha and not base else ""))


def _outputs(values: dict[str, Any]) -> dict[str, OutputValue]:
    return {name: OutputValue(value=value) for name, value in values.items() if value is not None}


def at(workspace: Workspace, now: datetime) -> Orchestrator:
    workspace.now = now
    return workspace.orchestrator()


def refused(work: Callable[[], object]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        work()
    return caught.value


def test_the_clock_decides_whether_an_environment_is_closed(workspace: Workspace) -> None:
    exists(workspace)
    evening = {each.name: each.closed_until for each in at(workspace, FRIDAY_EVENING).list()}
    assert evening["dev"] is None
    assert evening["alpha"] is not None
    assert evening["alpha"].isoformat() == "2026-11-30T08:00:00+01:00"
    assert all(each.closed_until is None for each in at(workspace, FRIDAY_NOON).list())


def test_one_that_wake_opened_is_open_until_that_time(workspace: Workspace) -> None:
    exists(workspace, open_until=FRIDAY_EVENING + timedelta(hours=1))
    alpha = workspace.context().registry().environment("alpha")
    assert office_hours.closed(alpha, FRIDAY_EVENING) is None
    assert office_hours.closed(alpha, FRIDAY_EVENING + timedelta(hours=1)) is not None


def test_one_that_was_created_in_the_evening_runs_until_the_next_closing(workspace: Workspace) -> None:
    exists(workspace, created=FRIDAY_EVENING)
    alpha = workspace.context().registry().environment("alpha")
    assert office_hours.closed(alpha, FRIDAY_EVENING + timedelta(days=1)) is None
    assert office_hours.closed(alpha, FRIDAY_EVENING + timedelta(days=4)) is not None


@pytest.mark.parametrize("text", ["always", "Mon 08:00-18:00 Europe/Bonn", ""])
def test_hours_of_another_version_count_as_none(workspace: Workspace, text: str) -> None:
    exists(workspace, alpha=text)
    assert office_hours.hours_of(workspace.context().registry().environment("alpha")) is None


def test_an_update_needs_the_database_of_the_base(workspace: Workspace) -> None:
    exists(workspace, base=HOURS)
    error = refused(lambda: at(workspace, FRIDAY_EVENING).prepare(UpdateEnv(names=("alpha",))))
    assert error.message == "alpha was not changed: dev is closed until Mon 08:00, and its database server does not run"
    assert error.hint == "open both: `orchestrator wake dev alpha --until 3h`"
    at(workspace, FRIDAY_NOON).prepare(UpdateEnv(names=("alpha",)))


def test_an_environment_that_sleeps_needs_no_database(workspace: Workspace) -> None:
    exists(workspace, base=HOURS)
    workspace.write("app", "alpha", f"{APP_CONFIG}  django-app:asleep: true\n")
    assert at(workspace, FRIDAY_EVENING).prepare(UpdateEnv(names=("alpha",))).notes == ()


def test_an_update_of_a_closed_environment_says_when_it_counts(workspace: Workspace) -> None:
    exists(workspace)
    job = at(workspace, FRIDAY_EVENING).prepare(UpdateEnv(names=("alpha",)))
    assert job.notes == (
        "alpha is closed until Mon 08:00: its services take the change then, or after `orchestrator wake alpha`",
    )


def test_hours_are_not_removed_while_they_keep_services_at_zero(workspace: Workspace) -> None:
    exists(workspace)
    workspace.write("app", "alpha", APP_CONFIG)
    error = refused(lambda: at(workspace, FRIDAY_EVENING).prepare(UpdateEnv(names=("alpha",))))
    assert error.message == (
        "alpha was not changed: alpha is closed until Mon 08:00, and without its hours nothing would open it"
    )
    assert error.hint == "open it first: `orchestrator wake alpha`"
    at(workspace, FRIDAY_NOON).prepare(UpdateEnv(names=("alpha",)))


def test_hours_of_a_base_are_not_removed_while_its_server_is_stopped(workspace: Workspace) -> None:
    exists(workspace, base=HOURS)
    workspace.write("base", "dev", BASE_CONFIG)
    error = refused(lambda: at(workspace, FRIDAY_EVENING).prepare(UpdateBase(names=("dev",))))
    assert error.hint == "open it first: `orchestrator wake dev`"


def test_a_refresh_outside_the_hours_is_refused(workspace: Workspace) -> None:
    exists(workspace)
    error = refused(lambda: at(workspace, FRIDAY_EVENING).prepare(Refresh(names=("alpha",))))
    assert error.message == (
        "alpha was not refreshed: alpha is closed until Mon 08:00, and its state would keep its services at zero"
    )


def change(type_: str, *properties: str, op: ChangeOp = ChangeOp.UPDATE) -> ResourceChange:
    return ResourceChange(
        urn=f"urn::{type_}::{'-'.join(properties)}", type=type_, name="x", op=op, properties=properties
    )


BY_HOURS = (
    change("aws:appautoscaling/target:Target", "maxCapacity", "minCapacity"),
    change("aws:appautoscaling/scheduledAction:ScheduledAction", "startTime"),
    change("aws:scheduler/schedule:Schedule", "startDate"),
)
BY_HAND = (
    change("aws:appautoscaling/target:Target", "roleArn", "minCapacity"),
    change("aws:appautoscaling/scheduledAction:ScheduledAction", "schedule"),
    change("aws:ecs/service:Service", "taskDefinition"),
    change("aws:appautoscaling/target:Target", op=ChangeOp.DELETE),
)


def drifted(workspace: Workspace, *changes: ResourceChange) -> UnitResult:
    job = at(workspace, FRIDAY_EVENING).prepare(Drift(names=("alpha",)))
    result = UnitResult(
        unit=Unit("app", "alpha"),
        operation=Operation.DRIFT,
        status=Status.SUCCEEDED,
        changes=changes,
        counts=ChangeCounts(update=len(changes), same=10),
    )
    return drift.unexpected(job, result)


def test_what_the_schedules_change_is_no_drift(workspace: Workspace) -> None:
    exists(workspace)
    found = drifted(workspace, *BY_HOURS)
    assert (found.changes, found.counts, found.status) == ((), ChangeCounts(same=13), Status.UNCHANGED)


def test_other_changes_stay_drift(workspace: Workspace) -> None:
    exists(workspace)
    found = drifted(workspace, *BY_HOURS, *BY_HAND)
    assert (found.changes, found.counts) == (BY_HAND, ChangeCounts(update=4, same=13))


def test_without_hours_changed_bounds_are_drift(workspace: Workspace) -> None:
    exists(workspace, alpha=None)
    assert drifted(workspace, *BY_HOURS).changes == BY_HOURS


def test_a_run_reports_no_drift_of_the_schedules(workspace: Workspace) -> None:
    exists(workspace)
    unit = Unit("app", "alpha")
    outcome = UnitOutcome(counts=ChangeCounts(update=3, same=10), changes=BY_HOURS)
    workspace.engine.scripts[unit] = lambda _request, _sink: outcome
    report = at(workspace, FRIDAY_EVENING).drift("alpha")
    assert [result.status for result in report.results] == [Status.UNCHANGED]


def test_a_record_keeps_the_time_of_an_opening(workspace: Workspace) -> None:
    until = FRIDAY_EVENING + timedelta(hours=1)
    exists(workspace, open_until=until)
    context = workspace.context()
    changed = context.engine.change_record(
        Unit("app", "alpha"), lambda now: replace(now or Record(kind=Kind.AD_HOC), owner="ada")
    )
    assert (changed.open_until, changed.owner) == (until, "ada")
