"""The result of a rollout and its messages."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django.deploying.rollout import RolloutError, RolloutRequest, RolloutWatch
from tests.support.fake_ecs import CLUSTER, FakeAws, arn, crashed, deployment, service

OLD = arn("task-definition", "alpha-gunicorn:41")
NEW = arn("task-definition", "alpha-gunicorn:42")
ADVICE = "  next: correct the cause and update again"

ROLLING = deployment("42", rolloutState="IN_PROGRESS", runningCount=0, pendingCount=1)
OLD_SERVES = deployment("41", status="ACTIVE")
FAILED = deployment(
    "42", status="ACTIVE", rolloutState="FAILED", runningCount=0, rolloutStateReason="tasks failed to start."
)
BACK = deployment(
    "41", id="ecs-svc/43", rolloutState="IN_PROGRESS", rolloutStateReason="circuit breaker: rolling back to 41."
)


class Watched:
    """A watch of alpha-gunicorn's rollout of revision 42, with its messages."""

    def __init__(self, aws: FakeAws, **request: Any) -> None:
        self.aws = aws
        self.infos: list[str] = []
        self.warnings: list[tuple[float, str]] = []
        fields: dict[str, Any] = {
            "cluster": CLUSTER,
            "service": "alpha-gunicorn",
            "task_definition": NEW,
            "previous": OLD,
            **request,
        }
        self.watch = RolloutWatch(
            aws.client("ecs"),
            aws.client("logs"),
            RolloutRequest(**fields),
            info=self.infos.append,
            warn=lambda text: self.warnings.append((self.seconds, text)),
            clock=aws.clock,
        )

    @property
    def seconds(self) -> float:
        return self.aws.clock.now() - self.aws.began

    def wait(self, timeout_seconds: float = 600) -> None:
        self.watch.wait(timeout_seconds)

    def error(self, timeout_seconds: float = 600) -> str:
        with pytest.raises(RolloutError) as caught:
            self.wait(timeout_seconds)
        return str(caught.value)


def test_a_rollout_succeeds_when_the_service_is_steady_on_the_requested_task_definition() -> None:
    half = deployment("42", rolloutState="IN_PROGRESS", desiredCount=2, pendingCount=1)
    done = deployment("42", desiredCount=2, runningCount=2)
    watched = Watched(FakeAws(frames=[(0, service(ROLLING, OLD_SERVES)), (8, service(half)), (20, service(done))]))

    watched.wait()

    assert watched.infos == [
        "0 of 1 running on alpha-gunicorn:42",
        "1 of 2 running on alpha-gunicorn:42",
        "2 of 2 running on alpha-gunicorn:42",
    ]
    assert watched.warnings == []
    assert 20 <= watched.seconds < 26


def test_running_tasks_are_not_enough_while_ecs_has_not_completed_the_deployment() -> None:
    unhealthy = deployment("42", rolloutState="IN_PROGRESS")
    watched = Watched(FakeAws(frames=[(0, service(unhealthy)), (60, service(deployment("42")))]))

    watched.wait()

    assert watched.seconds >= 60


def test_a_raised_count_starts_no_deployment_and_is_waited_for_nevertheless() -> None:
    waking = deployment("42", runningCount=0, pendingCount=1)
    watched = Watched(FakeAws(frames=[(0, service(waking)), (30, service(deployment("42")))]), previous=NEW)

    watched.wait()

    assert watched.seconds >= 30


def test_a_service_that_wants_no_task_is_done_at_once() -> None:
    asleep = deployment("42", desiredCount=0, runningCount=1, rolloutState="IN_PROGRESS")
    watched = Watched(FakeAws(frames=[(0, service(asleep, loadBalancers=[]))]))

    watched.wait()

    assert watched.seconds == 0


def test_a_rollback_fails_within_seconds_with_the_reason_and_the_last_log_lines() -> None:
    aws = FakeAws(
        frames=[(0, service(ROLLING, OLD_SERVES)), (40, service(BACK, FAILED)), (60, service(deployment("41")))],
        stopped=[(10, crashed(1, "42")), (35, crashed(2, "42"))],
        streams={"gunicorn/gunicorn/crash2": [(34, "Starting gunicorn"), (35, "KeyError: 'S3_BUCKET_NAME'")]},
    )
    watched = Watched(aws)

    assert watched.error() == "\n".join(
        [
            "the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:41 keeps serving, "
            "alpha-gunicorn:42 does not run",
            "  why: task crash2 ended with exit code 1 (Essential container in task exited)",
            "  last lines of its log (/ecs/alpha/gunicorn):",
            "    Starting gunicorn",
            "    KeyError: 'S3_BUCKET_NAME'",
            ADVICE,
        ]
    )
    assert watched.seconds < 40 + 10


def test_the_reason_is_reported_although_ecs_has_rolled_back_before_the_first_request() -> None:
    aws = FakeAws(
        frames=[(0, service(deployment("41", id="ecs-svc/43")))],
        stopped=[(0, crashed(1, "42")), (0, crashed(2, "42"))],
        streams={"gunicorn/gunicorn/crash2": [(0, "KeyError: 'S3_BUCKET_NAME'")]},
    )

    error = Watched(aws, made_now=True).error()

    assert "  why: task crash2 ended with exit code 1 (Essential container in task exited)" in error.splitlines()
    assert "    KeyError: 'S3_BUCKET_NAME'" in error.splitlines()


def test_tasks_that_crashed_at_once_count_from_the_first_look_when_their_version_is_new() -> None:
    aws = FakeAws(
        frames=[(0, service(ROLLING, OLD_SERVES))], stopped=[(0, crashed(number, "42")) for number in range(5)]
    )

    assert "5 tasks crashed one after another" in Watched(aws, made_now=True).error()


def test_a_rollback_that_is_already_complete_is_known_by_the_former_task_definition() -> None:
    watched = Watched(FakeAws(frames=[(0, service(deployment("41", id="ecs-svc/43")))]))

    assert watched.error().splitlines()[0] == (
        "the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:41 keeps serving, "
        "alpha-gunicorn:42 does not run"
    )


def test_a_rollback_to_the_same_task_definition_is_a_failure_too() -> None:
    back = deployment("42", id="ecs-svc/43", rolloutStateReason="ECS deployment circuit breaker: rolling back.")
    watched = Watched(FakeAws(frames=[(0, service(ROLLING)), (30, service(back))]), previous=NEW)

    assert watched.error().startswith("the rollout of alpha-gunicorn failed and ECS rolled it back: ")


def test_a_failed_first_deployment_has_no_previous_version() -> None:
    failed = deployment("42", rolloutState="FAILED", runningCount=0, rolloutStateReason="tasks failed to start.")
    watched = Watched(FakeAws(frames=[(0, service(ROLLING)), (30, service(failed))]), previous=None)

    assert watched.error() == "\n".join(
        ["the rollout of alpha-gunicorn failed: no task runs", "  why: tasks failed to start.", ADVICE]
    )


def test_a_failed_deployment_that_is_not_rolled_back_yet_names_what_still_serves() -> None:
    failed = deployment("42", rolloutState="FAILED", runningCount=0)
    watched = Watched(FakeAws(frames=[(0, service(failed, OLD_SERVES))]))

    assert watched.error().splitlines()[0] == (
        "the rollout of alpha-gunicorn failed: alpha-gunicorn:41 keeps serving, alpha-gunicorn:42 does not run"
    )


def test_a_task_that_cannot_start_is_explained_without_looking_for_a_log() -> None:
    cannot_pull = crashed(
        1,
        "42",
        startedAt=None,
        stopCode="TaskFailedToStart",
        stoppedReason="CannotPullContainerError: web:9 not found",
        containers=[{"name": "gunicorn"}],
    )
    aws = FakeAws(frames=[(0, service(ROLLING)), (40, service(BACK, FAILED))], stopped=[(20, cannot_pull)])
    watched = Watched(aws)

    assert "  why: task crash1 never started: CannotPullContainerError: web:9 not found" in watched.error().splitlines()
    assert aws.called("GetLogEvents") == []


def test_the_second_crash_is_reported_with_its_reason_while_ecs_continues() -> None:
    aws = FakeAws(
        frames=[(0, service(ROLLING, OLD_SERVES)), (200, service(BACK, FAILED))],
        stopped=[(20, crashed(1, "42")), (50, crashed(2, "42")), (90, crashed(3, "42"))],
        streams={"gunicorn/gunicorn/crash2": [(51, "ImportError: no module named shop")]},
    )
    watched = Watched(aws)

    watched.error()

    ((at, text),) = watched.warnings
    assert text == "\n".join(
        [
            "2 tasks crashed; ECS tries again",
            "  why: task crash2 ended with exit code 1 (Essential container in task exited)",
            "  last lines of its log (/ecs/alpha/gunicorn):",
            "    ImportError: no module named shop",
        ]
    )
    assert 50 <= at < 60


def test_a_deployment_that_recovers_after_two_crashes_is_no_failure() -> None:
    aws = FakeAws(
        frames=[(0, service(ROLLING, OLD_SERVES)), (90, service(deployment("42")))],
        stopped=[(20, crashed(1, "42")), (50, crashed(2, "42"))],
    )
    watched = Watched(aws)

    watched.wait()

    assert len(watched.warnings) == 1


@pytest.mark.parametrize(("desired", "limit"), [(1, 5), (6, 5), (20, 12)])
def test_tasks_that_crash_beyond_the_circuit_breakers_threshold_fail_the_rollout(desired: int, limit: int) -> None:
    flapping = deployment("42", desiredCount=desired, runningCount=0, rolloutState="IN_PROGRESS")
    aws = FakeAws(
        frames=[(0, service(flapping, loadBalancers=[]))],
        stopped=[(30.0 * number, crashed(number, "42")) for number in range(1, 30)],
    )
    watched = Watched(aws)

    assert watched.error().splitlines()[:2] == [
        f"the rollout of alpha-gunicorn failed: {limit} tasks crashed one after another, and ECS has not rolled it back",
        f"  why: task crash{limit} ended with exit code 1 (Essential container in task exited)",
    ]
    assert 30 * limit <= watched.seconds < 30 * limit + 20


def test_crashes_of_an_earlier_rollout_of_the_same_task_definition_do_not_count() -> None:
    earlier = [(-60.0, crashed(number, "42", startedBy="ecs-svc/earlier")) for number in range(9)]
    aws = FakeAws(frames=[(0, service(ROLLING)), (30, service(deployment("42")))], stopped=list(earlier))
    watched = Watched(aws)

    watched.wait()

    assert watched.warnings == []


def test_crashes_before_the_first_look_do_not_count_against_a_deployment_that_runs_by_now() -> None:
    overcome = [(-60.0, crashed(number, "42")) for number in range(9)]
    watched = Watched(FakeAws(frames=[(0, service(deployment("42")))], stopped=[*overcome]))

    watched.wait()

    assert watched.warnings == []


@pytest.mark.parametrize(
    "end",
    [
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by (deployment 42)"},
        {"stopCode": "SpotInterruption", "stoppedReason": "Your Spot Task was interrupted."},
        {"stopCode": "UserInitiated", "stoppedReason": "Task stopped by user"},
    ],
)
def test_tasks_that_end_by_no_fault_of_their_own_are_no_crashes(end: dict[str, str]) -> None:
    stopped = [(10.0 + number, crashed(number, "42", **end)) for number in range(8)]
    aws = FakeAws(frames=[(0, service(ROLLING)), (60, service(deployment("42")))], stopped=list(stopped))
    watched = Watched(aws)

    watched.wait()

    assert watched.warnings == []


def test_a_failed_health_check_is_a_crash() -> None:
    unhealthy = {
        "stopCode": "ServiceSchedulerInitiated",
        "stoppedReason": "Task failed ELB health checks in (target-group arn:tg)",
        "containers": [{"name": "gunicorn", "exitCode": 0}],
    }
    aws = FakeAws(
        frames=[(0, service(ROLLING)), (90, service(BACK, FAILED))],
        stopped=[(30, crashed(1, "42", **unhealthy)), (60, crashed(2, "42", **unhealthy))],
    )
    watched = Watched(aws)

    assert watched.error().splitlines()[1] == (
        "  why: task crash2 ended with exit code 0 (Task failed ELB health checks in (target-group arn:tg))"
    )
    assert len(watched.warnings) == 1


def test_a_service_without_load_balancer_must_stay_steady_for_its_first_seconds() -> None:
    steady = service(deployment("42"), loadBalancers=[])
    waiting = service(deployment("42", runningCount=0, pendingCount=1), loadBalancers=[])
    aws = FakeAws(frames=[(0, steady), (6, waiting), (20, steady)], stopped=[(6, crashed(1, "42"))])
    watched = Watched(aws)

    watched.wait()

    assert watched.seconds >= 20 + 10


def test_a_worker_that_crashes_between_two_looks_is_not_taken_for_steady() -> None:
    aws = FakeAws(
        frames=[(0, service(deployment("42"), loadBalancers=[]))],
        stopped=[(6.0 * number, crashed(number, "42")) for number in range(1, 6)],
    )

    assert Watched(aws).error().splitlines()[0] == (
        "the rollout of alpha-gunicorn failed: 5 tasks crashed one after another, and ECS has not rolled it back"
    )


def test_another_deployment_that_takes_over_is_named() -> None:
    other = deployment("43", rolloutState="IN_PROGRESS")
    watched = Watched(FakeAws(frames=[(0, service(ROLLING, OLD_SERVES)), (20, service(other))]))

    assert watched.error() == "\n".join(
        ["alpha-gunicorn runs alpha-gunicorn:43, which another deployment started, and not alpha-gunicorn:42", ADVICE]
    )


def test_a_forced_redeployment_of_the_requested_task_definition_counts() -> None:
    forced = deployment("42", id="ecs-svc/forced")
    watched = Watched(FakeAws(frames=[(0, service(ROLLING)), (20, service(forced))]))

    watched.wait()

    assert 20 <= watched.seconds < 60


@pytest.mark.parametrize("gone", [None, {"status": "DRAINING"}, {"status": "INACTIVE"}])
def test_a_service_that_is_deleted_meanwhile_is_reported(gone: dict[str, str] | None) -> None:
    watched = Watched(FakeAws(frames=[(0, service(ROLLING)), (20, gone)]))

    assert watched.error() == "\n".join(
        [
            "alpha-gunicorn does not exist, so alpha-gunicorn:42 is not rolled out",
            "  next: run `pulumi up --refresh`, which creates it again",
        ]
    )
    assert watched.seconds < 30


def test_a_cluster_that_does_not_exist_has_no_services() -> None:
    aws = FakeAws(frames=[(0, service(ROLLING))])
    aws.errors["DescribeServices"] = [("ClusterNotFoundException", "Cluster not found.")] * 100

    assert Watched(aws).error().startswith("alpha-gunicorn does not exist, so alpha-gunicorn:42 is not rolled out\n")


@pytest.mark.parametrize("not_yet", [None, {"status": "INACTIVE"}])
def test_a_new_service_that_ecs_does_not_show_yet_is_waited_for(not_yet: dict[str, str] | None) -> None:
    watched = Watched(FakeAws(frames=[(0, not_yet), (15, service(deployment("42")))]))

    watched.wait()

    assert 15 <= watched.seconds < 60


def test_an_update_that_ecs_does_not_show_yet_is_not_taken_for_a_rollback() -> None:
    aws = FakeAws(frames=[(0, service(deployment("41"))), (5, service(ROLLING)), (30, service(deployment("42")))])
    watched = Watched(aws)

    watched.wait()

    assert watched.seconds >= 30


def test_a_count_that_ecs_does_not_show_yet_is_not_taken_for_steady() -> None:
    asleep = deployment("42", desiredCount=0, runningCount=0)
    frames = [(0, service(asleep)), (5, service(deployment("42", runningCount=0))), (30, service(deployment("42")))]
    watched = Watched(FakeAws(frames=[*frames]), previous=NEW, desired_count=1)

    watched.wait()

    assert watched.seconds >= 30


def test_a_count_that_autoscaling_has_changed_is_accepted() -> None:
    scaled = deployment("42", desiredCount=4, runningCount=4)
    watched = Watched(FakeAws(frames=[(0, service(scaled))]), desired_count=2)

    watched.wait()

    assert watched.seconds < 20


@pytest.mark.parametrize(
    ("seen", "given_up"),
    [
        (service(deployment("42")), False),
        (service(ROLLING, OLD_SERVES), False),
        (service(deployment("42", rolloutState="FAILED", runningCount=0)), True),
        (service(deployment("41")), True),
        (service(deployment("43")), True),
    ],
)
def test_a_rollout_is_given_up_when_ecs_does_not_work_towards_it(seen: dict[str, Any], given_up: bool) -> None:
    assert Watched(FakeAws(frames=[(0, seen)])).watch.given_up() is given_up


def test_deploying_again_forces_a_deployment_of_the_requested_task_definition() -> None:
    aws = FakeAws(frames=[(0, service(deployment("41")))])
    watched = Watched(aws)

    watched.watch.deploy_again()

    assert aws.called("UpdateService") == [
        {"cluster": CLUSTER, "service": "alpha-gunicorn", "taskDefinition": NEW, "forceNewDeployment": True}
    ]
    assert watched.infos == ["deploying alpha-gunicorn:42 again"]


def test_the_error_of_a_late_rollout_names_its_progress_and_the_last_message_of_ecs() -> None:
    said = "(service alpha-gunicorn) was unable to place a task. Reason: Capacity is unavailable at this time."
    stuck = service(ROLLING, events=[{"message": said, "createdAt": 1_000_060.0}])
    watched = Watched(FakeAws(frames=[(0, service(ROLLING)), (60, stuck)]))

    assert watched.error(300) == "\n".join(
        [
            "the rollout of alpha-gunicorn is not finished after 300 s: 0 of 1 tasks run on alpha-gunicorn:42; "
            "ECS continues",
            f"  why: {said}",
            ADVICE,
        ]
    )
    assert [text for _, text in watched.warnings] == [said]
    assert watched.warnings[0][0] < 70


def test_throttling_and_server_errors_are_waited_out() -> None:
    aws = FakeAws(
        frames=[(0, service(deployment("42")))],
        errors={
            "DescribeServices": [("ThrottlingException", "Rate exceeded"), ("ServerException", "Service Unavailable")],
            "ListTasks": [("ThrottlingException", "Rate exceeded")],
        },
    )

    Watched(aws).wait()

    assert len(aws.called("DescribeServices")) == 3
    assert len(aws.called("ListTasks")) == 2


def test_looks_become_rarer_but_never_rarer_than_every_five_seconds() -> None:
    aws = FakeAws(frames=[(0, service(ROLLING)), (60, service(deployment("42")))])

    Watched(aws).wait()

    assert aws.clock.slept[:4] == [2.0, 2.5, 3.125, 3.90625]
    assert set(aws.clock.slept[5:]) == {5.0}
