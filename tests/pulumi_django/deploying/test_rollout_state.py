"""The verdict on a rollout from DescribeServices."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django.deploying.rollout_state import (
    ServiceDeployment,
    Verdict,
    crash_limit,
    failed,
    judge,
    judge_shift,
    same_task_definition,
    serving,
)
from tests.support.fake_ecs import arn, deployment, service

NEW = arn("task-definition", "alpha-gunicorn:42")
OLD = arn("task-definition", "alpha-gunicorn:41")


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (service(deployment("42")), Verdict.STEADY),
        (service(deployment("42", desiredCount=3, runningCount=3)), Verdict.STEADY),
        (service(deployment("42", desiredCount=3, runningCount=2)), Verdict.WAITING),
        (service(deployment("42", pendingCount=1)), Verdict.WAITING),
        (service(deployment("42", rolloutState="IN_PROGRESS")), Verdict.WAITING),
        (service(deployment("42", desiredCount=0, runningCount=0, rolloutState="IN_PROGRESS")), Verdict.STEADY),
        (service(deployment("42", rolloutState="FAILED")), Verdict.FAILED),
        (service(deployment("41")), Verdict.ROLLED_BACK),
        (service(deployment("43")), Verdict.SUPERSEDED),
        (service(deployment("43", rolloutStateReason="rolling back to deployment 43")), Verdict.ROLLED_BACK),
        (service(deployment("43"), deployment("42", status="ACTIVE", rolloutState="FAILED")), Verdict.ROLLED_BACK),
        (service(deployment("42", status="ACTIVE")), Verdict.WAITING),
        (service(deployment("42"), status="DRAINING"), Verdict.DELETED),
        (service(deployment("42"), status="INACTIVE"), Verdict.DELETED),
        ({}, Verdict.DELETED),
    ],
)
def test_the_verdict_follows_from_the_primary_deployment(seen: Any, verdict: Verdict) -> None:
    assert judge(seen, NEW, previous=OLD, ours="ecs-svc/42") is verdict


@pytest.mark.parametrize(
    ("wanted", "same"),
    [
        (NEW, True),
        (OLD, False),
        ("alpha-gunicorn:42", True),
        ("alpha-gunicorn:4", False),
        ("alpha-gunicorn", True),
        ("alpha", False),
    ],
)
def test_a_task_definition_is_requested_by_arn_revision_or_family(wanted: str, same: bool) -> None:
    assert same_task_definition(NEW, wanted) is same


@pytest.mark.parametrize(("desired", "limit"), [(0, 5), (1, 5), (6, 5), (7, 6), (20, 12), (1000, 202)])
def test_the_crash_limit_lies_two_beyond_the_circuit_breakers_threshold(desired: int, limit: int) -> None:
    assert crash_limit(desired) == limit


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (service(deployment("41"), deployment("42", status="ACTIVE", rolloutState="FAILED")), True),
        (service(deployment("42"), deployment("41", status="ACTIVE", rolloutState="FAILED")), False),
        (service(deployment("42")), False),
        ({}, False),
    ],
)
def test_only_a_failed_deployment_of_the_same_task_definition_has_failed(seen: Any, expected: bool) -> None:
    assert failed(seen, NEW) is expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (service(deployment("42")), None),
        (service(deployment("41")), OLD),
        (service(deployment("42"), deployment("41", status="ACTIVE", runningCount=1)), OLD),
        (service(deployment("42"), deployment("41", status="ACTIVE", runningCount=0)), None),
    ],
)
def test_another_version_serves_while_it_is_primary_or_has_a_task(seen: Any, expected: str | None) -> None:
    assert serving(seen, NEW) == expected


def lacking(*names: str) -> Any:
    """A service whose deployment lacks these members, as the answers of emulators and older APIs do."""
    found = deployment("42")
    for name in names:
        del found[name]
    return {**service(deployment("42")), "deployments": [found]}


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (lacking("pendingCount", "rolloutState"), Verdict.STEADY),
        (lacking("runningCount"), Verdict.WAITING),
        (lacking("desiredCount", "runningCount"), Verdict.STEADY),
    ],
)
def test_a_count_that_is_not_reported_is_zero(seen: Any, verdict: Verdict) -> None:
    assert judge(seen, NEW, previous=OLD, ours="ecs-svc/42") is verdict


def newest(status: str, task_definition: str = NEW) -> ServiceDeployment:
    return ServiceDeployment(arn="d", status=status, task_definition=task_definition)


ACTIVE: Any = {"status": "ACTIVE"}


@pytest.mark.parametrize(
    ("seen", "deployed", "verdict"),
    [
        ({"status": "DRAINING"}, newest("SUCCESSFUL"), Verdict.DELETED),
        (ACTIVE, None, Verdict.WAITING),
        (ACTIVE, newest("SUCCESSFUL", OLD), Verdict.SUPERSEDED),
        (ACTIVE, newest("IN_PROGRESS"), Verdict.WAITING),
        (ACTIVE, newest("ROLLBACK_SUCCESSFUL"), Verdict.ROLLED_BACK),
        (ACTIVE, newest("ROLLBACK_FAILED"), Verdict.FAILED),
        (ACTIVE, newest("STOPPED"), Verdict.FAILED),
        (ACTIVE, newest("SUCCESSFUL"), Verdict.STEADY),
        ({**ACTIVE, "runningCount": 2, "desiredCount": 2}, newest("SUCCESSFUL"), Verdict.STEADY),
        ({**ACTIVE, "runningCount": 1, "desiredCount": 2}, newest("SUCCESSFUL"), Verdict.WAITING),
        ({**ACTIVE, "desiredCount": 1}, newest("SUCCESSFUL"), Verdict.WAITING),
        ({**ACTIVE, "pendingCount": 1}, newest("SUCCESSFUL"), Verdict.WAITING),
    ],
)
def test_the_verdict_on_a_deployment_that_moves_traffic(
    seen: Any, deployed: ServiceDeployment | None, verdict: Verdict
) -> None:
    assert judge_shift(seen, deployed, NEW) is verdict
