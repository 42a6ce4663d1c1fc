"""`run`: one task like a service's, its log, its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.errors import EngineUnavailableError, InterruptedRunError, OperationFailedError, UsageError
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.events import LogLine, Note, TaskMoved
from orchestrator.operations.run import CommandResult, OnInterrupt, RunCommand, run
from pulumi_django.deploying.polling import Cancelled
from tests.support.fake_ecs import ACCOUNT, REGION, FakeAws, Life, arn, container, deployment, service
from tests.support.operations import Heard, ScriptedClients, target

NETWORK = {"subnets": ["subnet-s"], "securityGroups": ["sg-s"], "assignPublicIp": "DISABLED"}
CHECK = ("python", "manage.py", "check")
TASK = f"{1:032x}"


def account(*lives: Life, **more: Any) -> FakeAws:
    """The service runs revision 5; tasks to come have these lives."""
    running = service(
        deployment("5"),
        taskDefinition=arn("task-definition", "alpha-gunicorn:5"),
        networkConfiguration={"awsvpcConfiguration": NETWORK},
    )
    return FakeAws(lives=list(lives), frames=[(0, running)], **more)


def carry_out(
    aws: FakeAws, request: RunCommand | None = None, heard: Heard | None = None, **more: Any
) -> CommandResult:
    return run(request or RunCommand(command=CHECK), target(), ScriptedClients(aws), heard or Heard(), **more)


def test_the_task_has_the_services_definition_and_network_and_gets_nothing_but_the_words() -> None:
    aws = account()
    words = ("python", "manage.py", "shell", "-c", "print('a  b'); print(\"$HOME\")", "")

    carry_out(aws, RunCommand(command=words, cpu_units=1024, memory_mib=2048))

    (call,) = aws.called("RunTask")
    assert call.pop("clientToken")
    assert call == {
        "cluster": "alpha-cluster",
        "taskDefinition": arn("task-definition", "alpha-gunicorn:5"),
        "count": 1,
        "launchType": "FARGATE",
        "startedBy": "orchestrator/run",
        "propagateTags": "TASK_DEFINITION",
        "networkConfiguration": {"awsvpcConfiguration": NETWORK},
        "overrides": {
            "containerOverrides": [{"name": "gunicorn", "command": list(words)}],
            "cpu": "1024",
            "memory": "2048",
        },
    }


def test_defect_s0_5_no_variable_is_ever_in_the_overrides() -> None:
    secret = {"name": "SECRET_KEY", "valueFrom": "arn:aws:secretsmanager:us-east-1:1:secret:x:SECRET_KEY::"}
    aws = account(containers=[container("gunicorn", environment=[{"name": "DEBUG", "value": "0"}], secrets=[secret])])
    carry_out(aws)
    assert "environment" not in json.dumps(aws.called("RunTask")[0]["overrides"])


def test_the_log_is_streamed_and_the_exit_code_is_the_commands_own() -> None:
    heard = Heard()
    result = carry_out(account(Life(exit_code=3, log=[(4, "one"), (6, "x" * 300_000)])), heard=heard)

    assert (result.code, result.exit_code, result.version) == (3, 3, "alpha-gunicorn:5")
    assert result.reason == "ended with exit code 3 (Essential container in task exited)"
    assert (result.log_group, result.log_stream) == ("/ecs/alpha/gunicorn", f"gunicorn/gunicorn/{TASK}")
    assert [line.text for line in heard.of(LogLine)] == ["one", "x" * 300_000]
    assert [(moved.task, moved.status) for moved in heard.of(TaskMoved)] == [
        (TASK, status) for status in ("PROVISIONING", "PENDING", "RUNNING", "STOPPED")
    ]


def test_a_command_that_prints_nothing_succeeds_in_silence() -> None:
    heard = Heard()
    assert carry_out(account(), heard=heard).code == 0
    assert heard.of(LogLine) == heard.of(Note) == []


def test_137_is_passed_on_and_explained() -> None:
    result = carry_out(account(Life(exit_code=137)))
    assert result.code == 137
    assert result.hint == (
        "it was killed, most often because its memory was used up: give it a larger size (--size CPU/MEMORY for `run`, "
        "memory_mib in the configuration for services)"
    )


def test_a_spot_interruption_is_reported_as_a_failure() -> None:
    life = Life(exit_code=None, stop_code="SpotInterruption", reason="Your Spot Task was interrupted.")
    result = carry_out(account(life), RunCommand(command=CHECK, spot=True))
    assert (result.code, result.exit_code, result.interrupted) == (1, None, True)
    assert result.reason == (
        "was interrupted: AWS took the Fargate Spot capacity back (Your Spot Task was interrupted.)"
    )
    assert result.hint == "run it again; AWS does not interrupt it without Spot"


def test_a_task_runs_on_spot_only_on_request() -> None:
    aws = account()
    carry_out(aws, RunCommand(command=CHECK, spot=True))
    (call,) = aws.called("RunTask")
    assert call["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert "launchType" not in call


NEVER: list[tuple[str, str]] = [
    (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x:1",
        "check that the image's reference is right, that it is pushed, and that tasks can reach its registry",
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: retrieve secret from asm",
        "a secret of the task is missing, or its role may not read it: see `orchestrator secrets list`",
    ),
    (
        "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: timed out'",
        "its volume cannot be mounted: the name of a new file system can be unknown for 90 s, otherwise `orchestrator drift` shows "
        "what is missing",
    ),
    (
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        "Fargate has no capacity at the moment: try again in a few minutes, or without Spot",
    ),
    (
        "exec /usr/local/bin/python: exec format error",
        "the image is built for another processor: build it for the one in `architecture`",
    ),
]


@pytest.mark.parametrize(("reason", "hint"), NEVER)
def test_a_task_that_never_starts_is_reported_with_a_hint(reason: str, hint: str) -> None:
    life = Life(starts=None, ends=20, stop_code="TaskFailedToStart", reason=reason)
    with pytest.raises(OperationFailedError) as caught:
        carry_out(account(life))
    assert caught.value.message == f"`python manage.py check` was not run: task {TASK} never started: {reason}"
    assert caught.value.hint == hint


def test_a_command_that_takes_too_long_is_stopped() -> None:
    aws = account(Life(ends=500))
    with pytest.raises(OperationFailedError) as caught:
        carry_out(aws, RunCommand(command=CHECK, timeout_seconds=60))
    assert caught.value.message == (
        f"`python manage.py check` did not end in time: task {TASK} was still RUNNING after 60 s and was stopped"
    )
    assert aws.task().stop_reason == "ran longer than 60 s"


def test_detached_it_returns_as_soon_as_the_task_is_accepted() -> None:
    aws = account()
    result = carry_out(aws, RunCommand(command=CHECK, detach=True))
    assert (result.task, result.exit_code, result.reason, result.code) == (TASK, None, None, 0)
    assert aws.clock.slept == [0]
    assert not aws.called("DescribeTasks")


def test_a_missing_log_driver_is_reported() -> None:
    heard = Heard()
    aws = account(containers=[{"name": "gunicorn", "essential": True}])
    assert carry_out(aws, heard=heard).log_group is None
    assert [note.text for note in heard.of(Note)] == ["its container does not log to CloudWatch: its log is not shown"]


def test_a_log_that_cannot_be_read_does_not_hide_the_exit_code() -> None:
    heard = Heard()
    aws = account(Life(exit_code=4), errors={"GetLogEvents": [("AccessDeniedException", "you may not")]})
    assert carry_out(aws, heard=heard).code == 4
    (note,) = heard.of(Note)
    assert note.text.startswith("its log (/ecs/alpha/gunicorn) cannot be read: ")
    assert "you may not" in note.text


def test_throttling_is_waited_out() -> None:
    aws = account(errors={"RunTask": [("ThrottlingException", "Rate exceeded")] * 2})
    assert carry_out(aws).code == 0
    assert len({call["clientToken"] for call in aws.called("RunTask")}) == 1


def test_expired_credentials_are_one_sentence() -> None:
    aws = account(errors={"DescribeServices": [("ExpiredTokenException", "The security token is expired")]})
    with pytest.raises(EngineUnavailableError, match=r"^AWS does not accept the credentials: they have expired$"):
        carry_out(aws)


def test_a_deleted_service_is_reported() -> None:
    with pytest.raises(OperationFailedError) as caught:
        carry_out(FakeAws(frames=[(0, None)]))
    assert caught.value.message == (
        "the service alpha-gunicorn does not exist in alpha-cluster: it was deleted outside Pulumi"
    )
    assert caught.value.hint == "run `orchestrator update-env alpha`, or `pulumi up --refresh` in its project"


def test_a_deleted_cluster_is_reported() -> None:
    aws = account(errors={"DescribeServices": [("ClusterNotFoundException", "Cluster not found.")]})
    with pytest.raises(OperationFailedError, match=r"^the cluster alpha-cluster of alpha does not exist"):
        carry_out(aws)


def test_commands_run_with_a_note_while_the_environment_is_asleep() -> None:
    heard = Heard()
    run(RunCommand(command=CHECK), target(asleep=True), ScriptedClients(account()), heard)
    assert [note.text for note in heard.of(Note)] == ["alpha is asleep: its Redis and workers do not run"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"command": ()}, "no command is given: there is nothing to run"),
        ({"command": ("",)}, "no command is given: there is nothing to run"),
        ({"command": ("x" * 9000,)}, "the command has 9000 characters: ECS allows 8192"),
        ({"cpu_units": 1024}, "cpu_units and memory_mib must be given together"),
        (
            {"cpu_units": 1024, "memory_mib": 512},
            "Fargate has no task of this size: memory_mib is 512: with cpu_units 1024 Fargate has 2048 to 8192 in steps of "
            "1024; the nearest is 2048, or cpu_units 256",
        ),
    ],
)
def test_an_impossible_command_is_refused_before_any_call(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunCommand(**{"command": CHECK, **change})
    assert caught.value.message == message


# Ctrl-C


class Interrupting:
    """A clock of which the sleeps with these numbers are interrupted."""

    def __init__(self, aws: FakeAws, *sleeps: int) -> None:
        self._clock, self._sleeps, self._count = aws.clock, set(sleeps), 0

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._count += 1
        if self._count in self._sleeps:
            raise Cancelled
        self._clock.sleep(seconds)


class InterruptedClients(ScriptedClients):
    def __init__(self, aws: FakeAws, *sleeps: int) -> None:
        super().__init__(aws)
        self._interrupting = Interrupting(aws, *sleeps)

    @property
    def clock(self) -> Any:
        return self._interrupting


def interrupted(aws: FakeAws, choice: Callable[[str], OnInterrupt], *sleeps: int) -> InterruptedRunError:
    with pytest.raises(InterruptedRunError) as caught:
        run(RunCommand(command=CHECK), target(), InterruptedClients(aws, *sleeps), decide=choice)
    return caught.value


def test_ctrl_c_before_the_start_starts_nothing() -> None:
    aws = account()
    error = interrupted(aws, lambda _: OnInterrupt.STOP, 1)
    assert error.message == "interrupted before `python manage.py check` was started"
    assert not aws.called("RunTask")


def test_ctrl_c_asks_with_the_task_and_stop_stops_it() -> None:
    aws, asked = account(Life(starts=1, ends=500, exit_code=143)), []

    def decide(task: str) -> OnInterrupt:
        asked.append(task)
        return OnInterrupt.STOP

    error = interrupted(aws, decide, 3)
    assert asked == [TASK]
    assert aws.task().stop_reason == "interrupted by the user"
    assert error.message == (
        f"interrupted: task {TASK} was stopped and ended with exit code 143 (Essential container in task exited)"
    )


def test_leave_keeps_the_task_running_with_a_hint_how_to_find_it() -> None:
    aws = account(Life(ends=500))
    error = interrupted(aws, lambda _: OnInterrupt.LEAVE, 3)
    assert aws.task().stopped is None
    assert error.message == f"interrupted: task {TASK} still runs"
    assert error.hint == (
        "continue with `orchestrator logs alpha --service gunicorn --follow`; stop it with "
        f"`aws ecs stop-task --region {REGION} --cluster alpha-cluster --task {TASK}`"
    )


def test_follow_continues_and_no_line_is_lost_or_repeated() -> None:
    heard = Heard()
    aws = account(Life(log=[(2, "one"), (4, "two"), (7, "three")]))
    clients = InterruptedClients(aws, 3, 4)
    result = run(RunCommand(command=CHECK), target(), clients, heard, decide=lambda _: OnInterrupt.FOLLOW)
    assert result.code == 0
    assert [line.text for line in heard.of(LogLine)] == ["one", "two", "three"]


def test_a_second_ctrl_c_does_not_wait_for_the_stop() -> None:
    aws = account(Life(invisible=50))
    error = interrupted(aws, lambda _: OnInterrupt.STOP, 2, 3)
    assert error.message == f"interrupted: ECS stops task {TASK}"


# The simulation


def test_in_the_simulation_it_records_the_same_calls() -> None:
    simulated = target(notice="simulation: nothing is created in AWS")
    clients = for_target(simulated)
    assert clients.simulated
    result = run(RunCommand(command=CHECK), simulated, clients)
    assert result.code == 0
    assert [f"{call.service}.{call.operation}" for call in clients.calls] == [
        "ecs.DescribeServices",
        "ecs.DescribeTaskDefinition",
        "ecs.RunTask",
        "ecs.DescribeTasks",
        "logs.GetLogEvents",
        "logs.GetLogEvents",  # from where the first page ended
    ]
    parameters = clients.calls[2].parameters
    assert parameters["taskDefinition"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/alpha-gunicorn:1"
    assert parameters["overrides"] == {"containerOverrides": [{"name": "gunicorn", "command": list(CHECK)}]}
