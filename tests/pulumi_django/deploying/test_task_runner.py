"""A Fargate task: the calls of ECS, the events, and the result."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pulumi_django.deploying import task_runner
from pulumi_django.deploying.task_runner import (
    RunningTask,
    TaskError,
    TaskObserver,
    TaskRequest,
    TaskRunner,
    TaskTimeout,
)
from tests.support.fake_ecs import CLUSTER, FakeAws, Life, arn, container

DEFINITION = arn("task-definition", "alpha-backend_update:7")
TASK = f"{1:032x}"


class Recorder(TaskObserver):
    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.heard: list[tuple[float, str]] = []

    def _note(self, text: str) -> None:
        self.heard.append((self.aws.clock.now() - self.aws.began, text))

    def started(self, task: RunningTask) -> None:
        self._note(f"task {task.id}")

    def status(self, status: str) -> None:
        self._note(status)

    def line(self, line: str) -> None:
        self._note(f"> {line}")

    @property
    def words(self) -> list[str]:
        return [text for _, text in self.heard]


def request(**more: object) -> TaskRequest:
    fields: dict[str, object] = {
        "cluster": CLUSTER,
        "task_definition": DEFINITION,
        "subnet_ids": ["subnet-a", "subnet-b"],
        "security_group_ids": ["sg-app", "sg-tasks"],
    }
    return TaskRequest(**{**fields, **more})  # pyright: ignore[reportArgumentType]


def runner(aws: FakeAws, observer: TaskObserver | None = None) -> TaskRunner:
    return TaskRunner(aws.client("ecs"), aws.client("logs"), observer=observer, clock=aws.clock)


def test_the_task_runs_on_fargate_in_the_given_network_with_the_command_as_an_override() -> None:
    aws = FakeAws()

    runner(aws).run(request(command=["python", "manage.py", "migrate"], started_by="release"), timeout_seconds=60)

    (call,) = aws.called("RunTask")
    assert call.pop("clientToken")
    assert call == {
        "cluster": CLUSTER,
        "taskDefinition": DEFINITION,
        "count": 1,
        "launchType": "FARGATE",
        "startedBy": "release",
        "propagateTags": "TASK_DEFINITION",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-a", "subnet-b"],
                "securityGroups": ["sg-app", "sg-tasks"],
                "assignPublicIp": "DISABLED",
            }
        },
        "overrides": {
            "containerOverrides": [{"name": "backend_update", "command": ["python", "manage.py", "migrate"]}]
        },
    }


def test_without_a_command_the_container_keeps_its_own() -> None:
    aws = FakeAws()

    runner(aws).run(request(), timeout_seconds=60)

    assert "overrides" not in aws.called("RunTask")[0]


def test_a_task_on_spot_asks_for_the_spot_capacity_provider_and_for_no_launch_type() -> None:
    aws = FakeAws()

    runner(aws).run(request(spot=True, assign_public_ip=True), timeout_seconds=60)

    (call,) = aws.called("RunTask")
    assert call["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert "launchType" not in call
    assert call["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED"


def test_states_and_log_lines_are_reported_while_the_task_runs() -> None:
    aws = FakeAws(
        lives=[Life(starts=3, ends=12, log=[(4, "Applying shop.0001... OK"), (9, "Applying shop.0002... OK")])]
    )
    told = Recorder(aws)

    result = runner(aws, told).run(request(), timeout_seconds=60)

    assert result.end.succeeded
    assert [(round(at, 1), text) for at, text in told.heard] == [
        (0, f"task {TASK}"),
        (0, "PROVISIONING"),
        (2, "PENDING"),
        (4.5, "RUNNING"),
        (4.5, "> Applying shop.0001... OK"),
        (11.5, "> Applying shop.0002... OK"),
        (16.4, "STOPPED"),
    ]


def test_lines_that_arrive_after_the_end_are_reported() -> None:
    aws = FakeAws(lives=[Life(ends=4, exit_code=1, log=[(3.5, "Traceback"), (6.5, "ProgrammingError: column exists")])])
    told = Recorder(aws)

    result = runner(aws, told).run(request(), timeout_seconds=60)

    assert str(result.end) == "ended with exit code 1 (Essential container in task exited)"
    assert told.words[-2:] == ["> Traceback", "> ProgrammingError: column exists"]


def test_a_line_that_arrives_just_after_a_success_is_reported() -> None:
    aws = FakeAws(lives=[Life(ends=4, log=[(3.5, "Applying"), (5, "OK")])])
    told = Recorder(aws)

    assert runner(aws, told).run(request(), timeout_seconds=60).end.succeeded
    assert told.words[-2:] == ["> Applying", "> OK"]


def test_every_start_has_a_token_of_its_own() -> None:
    aws = FakeAws()

    runner(aws).start(request())
    runner(aws).start(request())

    first, second = aws.called("RunTask")
    assert first["clientToken"] != second["clientToken"]


def test_a_task_without_any_log_stream_ends_without_lines() -> None:
    aws = FakeAws(lives=[Life(log=[])])
    told = Recorder(aws)

    assert runner(aws, told).run(request(), timeout_seconds=60).end.exit_code == 0
    assert [word for word in told.words if word.startswith(">")] == []


def test_a_log_that_may_not_be_read_does_not_fail_a_task_that_succeeded() -> None:
    aws = FakeAws(
        lives=[Life(log=[(4, "OK")])], errors={"GetLogEvents": [("AccessDeniedException", "no logs for you")]}
    )

    result = runner(aws).run(request(), timeout_seconds=60)

    assert result.end.succeeded
    assert result.task.log is not None
    assert result.task.log.problem is not None
    assert result.task.log.problem.endswith("no logs for you")
    assert len(aws.called("GetLogEvents")) == 1


def test_huge_lines_are_cut_and_control_characters_spelled_out() -> None:
    lines = [(4.0, "x" * 1500), (4.0, "\x1b[31mred\x1b[0m \x07bell"), (4.0, "10%\r60%\r100%"), (4.0, "one\ntwo\n")]
    aws = FakeAws(lives=[Life(log=lines)])
    told = Recorder(aws)

    runner(aws, told).run(request(), timeout_seconds=60)

    assert [word for word in told.words if word.startswith("> ")] == [
        f"> {'x' * 1000} ... (500 more characters)",
        "> red \\u0007bell",
        "> 10%\\u000d60%\\u000d100%",
        "> one",
        "> two",
    ]


@pytest.mark.parametrize(
    ("life", "says"),
    [
        (
            Life(
                starts=None, ends=5, stop_code="TaskFailedToStart", reason="CannotPullContainerError: web:9 not found"
            ),
            "never started: CannotPullContainerError: web:9 not found",
        ),
        (
            Life(starts=None, ends=5, stop_code="TaskFailedToStart", reason="Capacity is unavailable at this time"),
            "never started: Capacity is unavailable at this time",
        ),
        (
            Life(exit_code=137, container_reason="OutOfMemoryError: Container killed due to memory usage"),
            "ended with exit code 137 (OutOfMemoryError: Container killed due to memory usage; "
            "Essential container in task exited)",
        ),
        (
            Life(exit_code=143, stop_code="SpotInterruption", reason="Your Spot Task was interrupted."),
            "was interrupted: AWS took the Fargate Spot capacity back (Your Spot Task was interrupted.)",
        ),
        (
            Life(exit_code=None, stop_code="UserInitiated", reason="Task stopped by user"),
            "ended without an exit code: Task stopped by user",
        ),
    ],
)
def test_the_end_of_a_task_is_one_clause(life: Life, says: str) -> None:
    aws = FakeAws(lives=[life])

    end = runner(aws).run(request(), timeout_seconds=60).end

    assert str(end) == says
    assert not end.succeeded


def test_a_task_that_never_started_is_reported_at_the_next_look_without_waiting_for_a_log() -> None:
    aws = FakeAws(lives=[Life(starts=None, ends=5, stop_code="TaskFailedToStart", reason="no such secret")])

    runner(aws).run(request(), timeout_seconds=60)

    assert aws.clock.now() - aws.began < 10
    assert aws.called("GetLogEvents") == []


def test_a_task_that_ecs_refuses_is_an_error_with_its_words() -> None:
    aws = FakeAws(errors={"RunTask": [("ClientException", "Capacity is unavailable at this time.")]})

    with pytest.raises(TaskError) as caught:
        runner(aws).run(request(), timeout_seconds=60)

    assert str(caught.value) == "Capacity is unavailable at this time. (ClientException from RunTask)"


def test_throttling_is_waited_out_and_starts_no_second_task() -> None:
    throttled = [("ThrottlingException", "Rate exceeded")] * 2
    aws = FakeAws(errors={"RunTask": list(throttled), "DescribeTasks": list(throttled)})

    assert runner(aws).run(request(), timeout_seconds=60).end.succeeded

    first, second, third = aws.called("RunTask")
    assert first["clientToken"] == second["clientToken"] == third["clientToken"]
    assert len(aws.tasks) == 1


def test_throttling_without_end_is_an_error() -> None:
    aws = FakeAws(errors={"RunTask": [("ThrottlingException", "Rate exceeded")] * 20})

    with pytest.raises(TaskError) as caught:
        runner(aws).run(request(), timeout_seconds=60)

    assert str(caught.value) == "Rate exceeded (ThrottlingException from RunTask)"
    assert len(aws.called("RunTask")) == 6


def test_a_role_that_is_not_usable_yet_gets_another_attempt() -> None:
    not_ready = "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/alpha-task' that was provided"
    aws = FakeAws(
        lives=[Life(starts=None, ends=4, stop_code="TaskFailedToStart", reason=not_ready), Life(exit_code=0)],
        errors={"RunTask": [("ClientException", not_ready)]},
    )

    assert runner(aws).run(request(), timeout_seconds=60).end.succeeded
    assert len(aws.tasks) == 2


def test_a_file_system_whose_name_is_not_known_yet_gets_another_attempt() -> None:
    reason = (
        "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve "
        '"fs-0123abcd.efs.us-east-1.amazonaws.com" - check that your file system ID is correct'
    )
    lives = [Life(starts=None, ends=4, stop_code="TaskFailedToStart", reason=reason), Life(exit_code=0)]
    aws = FakeAws(lives=lives)

    assert runner(aws).run(request(), timeout_seconds=60).end.succeeded
    assert len(aws.tasks) == 2


def test_a_role_that_is_never_usable_is_reported_in_the_end() -> None:
    reason = "ECS was unable to assume the role"
    lives = [Life(starts=None, ends=4, stop_code="TaskFailedToStart", reason=reason) for _ in range(4)]
    aws = FakeAws(lives=lives)

    assert str(runner(aws).run(request(), timeout_seconds=60).end) == f"never started: {reason}"
    assert len(aws.tasks) == 4


def test_a_command_that_failed_is_never_run_a_second_time() -> None:
    aws = FakeAws(lives=[Life(exit_code=1, reason="unable to assume role in the middle of a migration")])

    assert runner(aws).run(request(), timeout_seconds=60).end.exit_code == 1
    assert len(aws.tasks) == 1


def test_a_task_that_exceeds_its_time_limit_is_stopped_and_its_last_lines_are_reported() -> None:
    aws = FakeAws(lives=[Life(ends=10_000, log=[(5, "waiting for a lock"), (61, "still waiting")])])
    told = Recorder(aws)

    with pytest.raises(TaskTimeout) as caught:
        runner(aws, told).run(request(), timeout_seconds=60)

    assert str(caught.value) == f"task {TASK} was still RUNNING after 60 s and was stopped"
    assert aws.task().stop_reason == "ran longer than 60 s"
    assert told.words[-1] == "> still waiting"


def test_a_task_that_ecs_does_not_show_yet_is_waited_for() -> None:
    aws = FakeAws(lives=[Life(invisible=6, starts=1, ends=8)])

    assert runner(aws).run(request(), timeout_seconds=60).end.succeeded


def test_a_task_that_ecs_never_shows_is_an_error() -> None:
    aws = FakeAws(lives=[Life(invisible=10_000)])

    with pytest.raises(TaskError) as caught:
        runner(aws).run(request(), timeout_seconds=600)

    assert str(caught.value) == f"ECS reports no task {TASK}: MISSING"


def test_the_first_essential_container_is_meant_unless_another_is_named() -> None:
    aws = FakeAws(containers=[container("proxy", essential=False), container("app"), container("agent")])

    runner(aws).run(request(command=["true"]), timeout_seconds=60)
    runner(aws).run(request(command=["true"], container="agent"), timeout_seconds=60)

    named = [call["overrides"]["containerOverrides"][0]["name"] for call in aws.called("RunTask")]
    assert named == ["app", "agent"]


def test_a_container_that_the_task_definition_lacks_is_refused_with_those_it_has() -> None:
    aws = FakeAws(containers=[container("app"), container("agent")])

    with pytest.raises(TaskError) as caught:
        runner(aws).run(request(container="web"), timeout_seconds=60)

    assert str(caught.value) == f"task definition {DEFINITION} has no container web: its containers are app, agent"
    assert aws.tasks == {}


def test_tasks_are_found_by_family_and_mark_while_they_live() -> None:
    aws = FakeAws(lives=[Life(ends=100), Life(ends=100), Life(ends=1)])
    tasks = runner(aws)
    mine = tasks.start(request(started_by="release"))
    tasks.start(request(started_by="somebody"))
    tasks.start(request(started_by="release"))
    aws.clock.sleep(2)

    assert tasks.find(CLUSTER, "alpha-backend_update", "release") == [mine.arn]
    assert tasks.find(CLUSTER, "alpha-database", "release") == []


def test_waiting_for_a_task_of_another_process_does_not_stop_it() -> None:
    aws = FakeAws(lives=[Life(ends=20)])
    tasks = runner(aws)
    other = tasks.start(request())

    tasks.wait(CLUSTER, other.arn, timeout_seconds=60)

    assert aws.clock.now() - aws.began >= 20
    assert aws.called("StopTask") == []


def test_waiting_too_long_for_a_task_of_another_process_is_an_error_and_does_not_stop_it() -> None:
    aws = FakeAws(lives=[Life(ends=1000)])
    tasks = runner(aws)
    other = tasks.start(request())

    with pytest.raises(TaskTimeout, match=f"^task {TASK} is still running after 60 s$"):
        tasks.wait(CLUSTER, other.arn, timeout_seconds=60)

    assert aws.called("StopTask") == []


def test_a_task_of_another_size_overrides_cpu_and_memory_together() -> None:
    aws = FakeAws()
    runner(aws).run(request(cpu_units=1024, memory_mib=2048), timeout_seconds=60)
    assert aws.called("RunTask")[0]["overrides"] == {"cpu": "1024", "memory": "2048"}


def test_a_refusal_without_a_reason_says_so() -> None:
    assert task_runner.aws_message(ClientError({}, "RunTask")) == "no message (unknown from RunTask)"
