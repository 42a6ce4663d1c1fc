"""The tasks of a release: their order, messages and errors."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django.deploying.release_tasks import STARTED_BY, Release, ReleaseError, ReleaseRequest
from pulumi_django.deploying.task_runner import TaskRequest, TaskRunner
from tests.support.fake_ecs import CLUSTER, FakeAws, Life, arn

DATABASE = arn("task-definition", "alpha-database:3")
RELEASE = arn("task-definition", "alpha-backend_update:7")
MIGRATE = ["python", "manage.py", "migrate", "--no-input"]
FIRST, SECOND = f"{1:032x}", f"{2:032x}"
ADVICE = "  next: correct the cause and update again"


class Released:
    def __init__(self, aws: FakeAws, **request: Any) -> None:
        self.aws = aws
        self.infos: list[str] = []
        fields: dict[str, Any] = {
            "cluster": CLUSTER,
            "subnet_ids": ["subnet-a"],
            "security_group_ids": ["sg-app"],
            "database_task_definition": DATABASE,
            "release_task_definition": RELEASE,
            "command": MIGRATE,
            "timeout_seconds": 1800,
        }
        self.release = Release(
            aws.client("ecs"),
            aws.client("logs"),
            ReleaseRequest(**{**fields, **request}),
            info=self.infos.append,
            clock=aws.clock,
        )

    def error(self) -> str:
        with pytest.raises(ReleaseError) as caught:
            self.release.run()
        return str(caught.value)

    @property
    def ran(self) -> list[str]:
        return [call["taskDefinition"] for call in self.aws.called("RunTask")]


def test_the_database_is_ensured_before_the_release_command_and_both_logs_are_shown() -> None:
    aws = FakeAws(lives=[Life(log=[(4, "CREATE DATABASE")]), Life(log=[(4, "Applying shop.0001... OK"), (5, "")])])
    released = Released(aws)

    released.release.run()

    assert released.ran == [DATABASE, RELEASE]
    assert released.infos == [
        f"database: task {FIRST} starts",
        "database | CREATE DATABASE",
        "database: succeeded",
        f"release: task {SECOND} runs `python manage.py migrate --no-input`",
        "release | Applying shop.0001... OK",
        "release | ",
        "release: succeeded",
    ]
    database, release = aws.called("RunTask")
    assert "overrides" not in database
    assert release["overrides"] == {"containerOverrides": [{"name": "backend_update", "command": MIGRATE}]}
    assert database["startedBy"] == release["startedBy"] == STARTED_BY
    assert database["launchType"] == release["launchType"] == "FARGATE"


@pytest.mark.parametrize("without", [{"command": None}, {"release_task_definition": None}])
def test_without_a_release_command_the_database_is_still_ensured(without: dict[str, Any]) -> None:
    released = Released(FakeAws(), **without)

    released.release.run()

    assert released.ran == [DATABASE]


def test_without_a_database_task_only_the_release_command_runs() -> None:
    released = Released(FakeAws(), database_task_definition=None)

    released.release.run()

    assert released.ran == [RELEASE]


def test_a_failing_release_command_is_reported_with_exit_code_stop_reason_and_last_lines() -> None:
    lines = [(4, f"  Applying shop.{number:04}... OK") for number in range(30)]
    failure = (9.5, "django.db.utils.ProgrammingError: column price exists")
    released = Released(FakeAws(lives=[Life(), Life(exit_code=2, log=[*lines, failure])]))

    assert released.error() == "\n".join(
        [
            "the release command failed; no service was changed",
            "  why: the task ended with exit code 2 (Essential container in task exited)",
            "  command: python manage.py migrate --no-input",
            "  task definition: alpha-backend_update:7",
            "  last lines of its log (/ecs/alpha/backend_update):",
            *[f"      Applying shop.{number:04}... OK" for number in range(16, 30)],
            "    django.db.utils.ProgrammingError: column price exists",
            ADVICE,
        ]
    )


def test_a_database_that_cannot_be_ensured_stops_the_release() -> None:
    released = Released(FakeAws(lives=[Life(exit_code=3, log=[(4, "psql: error: timeout expired")])]))

    assert released.error().splitlines()[:3] == [
        "the database task failed; no service was changed",
        "  why: the task ended with exit code 3 (Essential container in task exited)",
        "  task definition: alpha-database:3",
    ]
    assert released.ran == [DATABASE]


@pytest.mark.parametrize(
    "reason",
    [
        "CannotPullContainerError: ref web:9: not found",
        "Capacity is unavailable at this time. Please try again later",
        "ResourceInitializationError: unable to pull secrets or registry auth",
    ],
)
def test_a_task_that_never_starts_is_reported_with_the_reason_of_ecs_and_no_log(reason: str) -> None:
    life = Life(starts=None, ends=5, stop_code="TaskFailedToStart", reason=reason)
    released = Released(FakeAws(lives=[Life(), life]))

    assert released.error() == "\n".join(
        [
            "the release command failed; no service was changed",
            f"  why: the task never started: {reason}",
            "  command: python manage.py migrate --no-input",
            "  task definition: alpha-backend_update:7",
            ADVICE,
        ]
    )


def test_a_task_that_ecs_does_not_accept_is_reported_with_its_words() -> None:
    aws = FakeAws(errors={"RunTask": [("AccessDeniedException", "not authorized to perform: ecs:RunTask")]})

    assert Released(aws).error() == "\n".join(
        [
            "the database task could not run; no service was changed",
            "  why: not authorized to perform: ecs:RunTask (AccessDeniedException from RunTask)",
            "  task definition: alpha-database:3",
            ADVICE,
        ]
    )


def test_a_spot_interruption_is_called_one() -> None:
    life = Life(exit_code=137, stop_code="SpotInterruption", reason="Your Spot Task was interrupted.")
    released = Released(FakeAws(lives=[Life(), life]))

    assert released.error().splitlines()[1] == (
        "  why: the task was interrupted: AWS took the Fargate Spot capacity back (Your Spot Task was interrupted.)"
    )


def test_a_release_command_that_takes_too_long_is_stopped() -> None:
    aws = FakeAws(lives=[Life(), Life(ends=10_000, log=[(4, "waiting for a lock")])])

    assert Released(aws, timeout_seconds=120).error() == "\n".join(
        [
            "the release command did not end in time; no service was changed",
            f"  why: task {SECOND} was still RUNNING after 120 s and was stopped",
            "  command: python manage.py migrate --no-input",
            "  task definition: alpha-backend_update:7",
            "  last lines of its log (/ecs/alpha/backend_update):",
            "    waiting for a lock",
            ADVICE,
        ]
    )
    assert aws.task(1).stopped is not None


def start(aws: FakeAws, definition: str, started_by: str) -> None:
    """A task that runs before the release begins."""
    request = TaskRequest(
        cluster=CLUSTER,
        task_definition=definition,
        subnet_ids=["subnet-a"],
        security_group_ids=["sg-app"],
        started_by=started_by,
    )
    TaskRunner(aws.client("ecs"), aws.client("logs"), clock=aws.clock).start(request)


def test_a_release_of_an_interrupted_update_that_still_runs_is_waited_for() -> None:
    aws = FakeAws(lives=[Life(ends=300)])
    start(aws, arn("task-definition", "alpha-backend_update:6"), STARTED_BY)
    released = Released(aws)

    released.release.run()

    assert released.infos[0] == f"release: waiting for task {FIRST} of an earlier update"
    assert aws.task(1).created - aws.began >= 300


def test_tasks_that_are_no_release_are_not_waited_for() -> None:
    aws = FakeAws(lives=[Life(ends=10_000)])
    start(aws, arn("task-definition", "alpha-backend_update:6"), "orchestrator/run")
    released = Released(aws)

    released.release.run()

    assert released.infos[0] == f"database: task {SECOND} starts"


def test_an_earlier_release_that_does_not_end_is_not_joined_by_a_second_one() -> None:
    aws = FakeAws(lives=[Life(ends=100_000)])
    start(aws, arn("task-definition", "alpha-backend_update:6"), STARTED_BY)

    assert Released(aws, timeout_seconds=600).error() == "\n".join(
        [
            f"an earlier release is still running: task {FIRST} is still running after 600 s",
            f"  next: wait, or stop it with `aws ecs stop-task --cluster {CLUSTER} --task {FIRST}`; then update again",
        ]
    )
    assert len(aws.tasks) == 1
