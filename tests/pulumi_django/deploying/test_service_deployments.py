"""Rollouts with deployments that move traffic: blue-green, linear, canary."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pulumi_django.deploying.rollout import RolloutError, RolloutRequest, RolloutWatch
from pulumi_django.deploying.rollout_state import pause_of
from tests.support.fake_ecs import CLUSTER, FakeAws, arn, crashed, deployment, service

OLD = arn("task-definition", "alpha-gunicorn:41")
NEW = arn("task-definition", "alpha-gunicorn:42")
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}


def shifting(**more: Any) -> dict[str, Any]:
    """Return the service. Its deployments in DescribeServices do not matter here."""
    return service(deployment("41"), deploymentConfiguration=BLUE_GREEN, runningCount=1, pendingCount=0, **more)


def newest(status: str, task_definition: str = NEW, **more: Any) -> dict[str, Any]:
    revision = task_definition.rsplit(":", 1)[-1]
    return {
        "arn": arn("service-deployment", f"d{revision}"),
        "taskDefinition": task_definition,
        "status": status,
        **more,
    }


def watch(aws: FakeAws, infos: list[str] | None = None) -> RolloutWatch:
    request = RolloutRequest(cluster=CLUSTER, service="alpha-gunicorn", task_definition=NEW, previous=OLD)
    say = (infos if infos is not None else []).append
    return RolloutWatch(aws.client("ecs"), aws.client("logs"), request, info=say, warn=say, clock=aws.clock)


def failure(aws: FakeAws) -> str:
    with pytest.raises(RolloutError) as caught:
        watch(aws).wait(3600)
    return str(caught.value)


def test_it_ends_when_the_deployment_is_successful_not_when_its_tasks_run() -> None:
    aws = FakeAws(
        frames=[(0, shifting())],
        deployments=[
            (0, newest("SUCCESSFUL", OLD)),
            (3, newest("IN_PROGRESS", stage="SCALE_UP")),
            (60, newest("IN_PROGRESS", stage="BAKE_TIME")),
            (360, newest("SUCCESSFUL")),
        ],
    )
    infos: list[str] = []
    watch(aws, infos).wait(3600)
    assert 360 <= aws.clock.now() - aws.began < 380
    assert [text.partition(", ")[2] for text in infos] == ["", "scale up", "bake time", ""]


def test_a_rollback_fails_it_with_ecss_reason() -> None:
    aws = FakeAws(
        frames=[(0, shifting())],
        deployments=[
            (0, newest("IN_PROGRESS")),
            (60, newest("ROLLBACK_IN_PROGRESS", reason="alarm alpha-gunicorn_deployment_errors detected.")),
        ],
    )
    assert failure(aws) == (
        "the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:41 keeps serving, alpha-gunicorn:42 "
        "does not run\n  why: alarm alpha-gunicorn_deployment_errors detected.\n  next: correct the cause and update again"
    )


@pytest.mark.parametrize("status", ["STOPPED", "STOP_REQUESTED", "ROLLBACK_FAILED"])
def test_a_deployment_that_ended_otherwise_fails_it(status: str) -> None:
    aws = FakeAws(frames=[(0, shifting())], deployments=[(0, newest(status))])
    assert failure(aws).startswith("the rollout of alpha-gunicorn failed: alpha-gunicorn:41 keeps serving")


def test_another_deployment_fails_the_rollout_after_a_moment() -> None:
    aws = FakeAws(frames=[(0, shifting())], deployments=[(0, newest("SUCCESSFUL", OLD))])
    assert "which another deployment started" in failure(aws)
    assert aws.clock.now() - aws.began >= 10


def test_tasks_that_keep_crashing_fail_it_since_no_circuit_breaker_does() -> None:
    aws = FakeAws(
        frames=[(0, shifting())],
        deployments=[(0, newest("IN_PROGRESS"))],
        stopped=[(10 * n, crashed(n, "42", startedBy="ecs-svc/other")) for n in range(1, 7)],
    )
    assert "5 tasks crashed one after another" in failure(aws)


def test_it_waits_for_tasks_when_only_the_count_changed() -> None:
    aws = FakeAws(
        frames=[(0, {**shifting(), "runningCount": 0}), (40, shifting())], deployments=[(0, newest("SUCCESSFUL"))]
    )
    watch(aws).wait(3600)
    assert 40 <= aws.clock.now() - aws.began < 50


def test_a_deployment_that_was_rolled_back_is_given_up() -> None:
    aws = FakeAws(frames=[(0, shifting())], deployments=[(0, newest("ROLLBACK_SUCCESSFUL"))])
    assert watch(aws).given_up()
    assert not watch(FakeAws(frames=[(0, shifting())], deployments=[(0, newest("IN_PROGRESS"))])).given_up()


HOOK = {
    "hookId": "h1",
    "targetType": "PAUSE",
    "status": "AWAITING_ACTION",
    "expiresAt": datetime(2026, 11, 27, 14, 30, tzinfo=UTC),
    "timeoutAction": "ROLLBACK",
}


def test_it_reports_that_a_deployment_waits_for_an_approval_and_goes_on_after_it() -> None:
    aws = FakeAws(
        frames=[(0, shifting())],
        deployments=[
            (0, newest("IN_PROGRESS", stage="PRE_PRODUCTION_TRAFFIC_SHIFT", hooks=[HOOK])),
            (600, newest("IN_PROGRESS", stage="BAKE_TIME", hooks=[{**HOOK, "status": "SUCCEEDED"}])),
            (900, newest("SUCCESSFUL")),
        ],
    )
    infos: list[str] = []
    watch(aws, infos).wait(3600)
    assert 900 <= aws.clock.now() - aws.began < 920
    assert [text.partition(", ")[2] for text in infos] == [
        "pre production traffic shift: waits for approval until 2026-11-27 14:30 UTC, then ECS rolls back",
        "bake time",
        "",
    ]


@pytest.mark.parametrize(
    ("hook", "reason"),
    [("SUCCEEDED", "Service deployment rolled back by the user."), ("TIMED_OUT", "The lifecycle hook timed out.")],
)
def test_a_rejected_deployment_and_one_without_a_decision_fail_it(hook: str, reason: str) -> None:
    aws = FakeAws(
        frames=[(0, shifting())],
        deployments=[
            (0, newest("IN_PROGRESS", stage="POST_SCALE_UP", hooks=[HOOK])),
            (60, newest("ROLLBACK_SUCCESSFUL", reason=reason, hooks=[{**HOOK, "status": hook}])),
        ],
    )
    assert (
        f"ECS rolled it back: alpha-gunicorn:41 keeps serving, alpha-gunicorn:42 does not run\n  why: {reason}"
        in failure(aws)
    )


def test_the_next_run_finds_a_deployment_that_waits_after_its_engine_was_killed() -> None:
    aws = FakeAws(
        frames=[(0, shifting())],
        deployments=[
            (0, newest("IN_PROGRESS", stage="POST_SCALE_UP", hooks=[{**HOOK, "timeoutAction": "CONTINUE"}])),
            (120, newest("SUCCESSFUL")),
        ],
    )
    infos: list[str] = []
    again = watch(aws, infos)
    assert not again.given_up()
    again.wait(3600)
    assert infos[0].endswith("waits for approval until 2026-11-27 14:30 UTC, then ECS goes on")


def test_a_hook_that_is_no_pause_waits_for_no_approval() -> None:
    other: Any = {"lifecycleHookDetails": [{**HOOK, "targetType": "AWS_LAMBDA"}, {**HOOK, "status": "IN_PROGRESS"}]}
    assert pause_of(other) is None
