"""Limits of AWS and of patience: pages, lengths, transient errors, and what is waited for at most."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from pulumi_django.deploying import rollout, task_runner
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import PATIENCE_ATTEMPTS, PATIENCE_PAUSE_SECONDS, is_transient, patiently
from pulumi_django.deploying.rollback import BACK_SECONDS, Rollback
from pulumi_django.deploying.rollout import RolloutError, RolloutRequest, RolloutWatch
from pulumi_django.deploying.rollout_group import RolloutGroup
from pulumi_django.deploying.task_end import TASKS_PER_CALL, Crashes
from pulumi_django.deploying.task_log import DRAIN_LOOKS, DRAIN_PAUSE_SECONDS, LogStream, TaskLog
from pulumi_django.deploying.task_runner import TaskRequest, TaskRunner
from tests.pulumi_django.deploying.test_rollback import SeveralServices, definition, rolled_back, state
from tests.support.fake_ecs import CLUSTER, FakeAws, FakeClock, Life, arn, crashed, deployment, service

NEW = arn("task-definition", "alpha-gunicorn:42")


def refused(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DescribeServices")


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (refused("ThrottlingException", 400), True),
        (refused("ServerException", 500), True),
        (refused("NewKindOfOutage", 500), True),
        (refused("NewKindOfOutage", 503), True),
        (refused("NewKindOfRefusal", 499), False),
        (refused("AccessDeniedException", 403), False),
        (ClientError({}, "DescribeServices"), False),
        (ConnectionClosedError(endpoint_url="x"), True),
        (EndpointConnectionError(endpoint_url="x"), True),
        (ReadTimeoutError(endpoint_url="x"), True),
        (ValueError("x"), False),
    ],
)
def test_throttling_server_errors_and_lost_connections_are_transient(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


def test_a_transient_error_is_repeated_a_few_times_and_then_raised() -> None:
    clock, calls = FakeClock(), []
    began = clock.now()

    def call() -> None:
        calls.append(clock.now() - began)
        raise refused("Throttling", 400)

    with pytest.raises(ClientError):
        patiently(call, clock)
    assert calls == [number * PATIENCE_PAUSE_SECONDS for number in range(PATIENCE_ATTEMPTS)]


def test_ended_tasks_are_described_in_chunks_that_ecs_accepts_each_task_once() -> None:
    number = 2 * TASKS_PER_CALL + 1
    fake = FakeAws(stopped=[(0, crashed(index, "42")) for index in range(number)])
    crashes = Crashes(
        fake.client("ecs"),
        fake.client("logs"),
        fake.clock,
        cluster=CLUSTER,
        service="alpha-gunicorn",
        task_definition=NEW,
        made_now=True,
    )
    crashes.look()
    crashes.look()
    described = [call["tasks"] for call in fake.called("DescribeTasks")]
    assert [len(chunk) for chunk in described] == [TASKS_PER_CALL, TASKS_PER_CALL, 1]
    assert len({task for chunk in described for task in chunk}) == number
    assert crashes.count("ecs-svc/42") == number
    assert fake.called("ListTasks")[0] == {
        "cluster": CLUSTER,
        "serviceName": "alpha-gunicorn",
        "desiredStatus": "STOPPED",
    }


@pytest.mark.parametrize(("lines", "quiet", "seconds"), [(["a"], 1, 1), (["a"], 3, 3), ([], 1, DRAIN_LOOKS - 1)])
def test_a_log_is_read_until_it_is_quiet_and_an_empty_one_a_few_seconds_longer(
    lines: list[str], quiet: int, seconds: int
) -> None:
    fake = FakeAws(streams={"web": [(0, line) for line in lines]})
    log = TaskLog(fake.client("logs"), LogStream("/ecs/alpha", "web"), fake.clock)
    assert log.drain(quiet_looks=quiet) == lines
    assert fake.clock.now() - fake.began == seconds * DRAIN_PAUSE_SECONDS


def test_a_line_that_arrives_late_begins_the_quiet_time_again() -> None:
    fake = FakeAws(streams={"web": [(0, "a"), (2, "b")]})
    log = TaskLog(fake.client("logs"), LogStream("/ecs/alpha", "web"), fake.clock)
    assert log.drain(quiet_looks=3) == ["a", "b"]
    assert fake.clock.now() - fake.began == 5


def test_the_reason_of_a_stop_is_cut_to_the_length_that_ecs_accepts() -> None:
    fake = FakeAws(lives=[Life()])
    runner = TaskRunner(fake.client("ecs"), fake.client("logs"), clock=fake.clock)
    fake.client("ecs").run_task(cluster=CLUSTER, taskDefinition=NEW)
    runner.stop(CLUSTER, fake.task().arn, "because " * 50)
    (stop,) = fake.called("StopTask")
    assert stop["reason"] == ("because " * 50)[:255]
    assert len(stop["reason"]) == 255


def test_real_time_is_the_clock_where_no_other_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeAws(frames=[(0, service(deployment("42", runningCount=0))), (20, service(deployment("42")))])
    for module in (rollout, task_runner):
        monkeypatch.setattr(module, "SystemClock", lambda: fake.clock)
    request = RolloutRequest(cluster=CLUSTER, service="alpha-gunicorn", task_definition=NEW)
    watch = RolloutWatch(
        fake.client("ecs"), fake.client("logs"), request, info=lambda _text: None, warn=lambda _text: None
    )
    watch.wait(60)
    assert fake.clock.now() - fake.began >= 20
    release = TaskRequest(cluster=CLUSTER, task_definition=NEW, subnet_ids=["a"], security_group_ids=["b"])
    assert TaskRunner(fake.client("ecs"), fake.client("logs")).run(release, timeout_seconds=600).end.exit_code == 0


def test_a_service_that_does_not_return_is_waited_for_only_so_long() -> None:
    class Stuck(SeveralServices):
        def _UpdateService(self, parameters: Any) -> Any:
            self.services["default"] = [(0, state("default", 1, running=0, rollout="IN_PROGRESS"))]
            return {"service": {"serviceName": parameters["service"]}}

    fake = Stuck(services={"gunicorn": [(0, rolled_back("gunicorn"))], "default": [(0, state("default", 2))]})
    requests = [
        RolloutRequest(
            cluster=CLUSTER,
            service=f"alpha-{name}",
            task_definition=definition(name, 2),
            previous=definition(name, 1),
        )
        for name in ("gunicorn", "default")
    ]
    back = Rollback(fake.client("ecs"), fake.client("logs"), info=lambda _text: None, clock=fake.clock)
    lines, _ = back.run(requests, failed=requests[0], back=True)
    assert BACK_SECONDS <= fake.clock.now() - fake.began < BACK_SECONDS + 60
    assert "runs no task of alpha-default:1 (1 desired)" in "\n".join(lines)


def test_the_error_of_a_rollout_says_when_the_other_services_are_unknown() -> None:
    async def recover(*_: Any) -> Any:
        raise RolloutError("AWS did not answer")

    async def work(_stopped: Any) -> None:
        raise RolloutError("the rollout of gunicorn failed", advice="update again", failed=True)

    request = RolloutRequest(cluster=CLUSTER, service="alpha-gunicorn", task_definition=NEW)
    with pytest.raises(RolloutError) as caught:
        asyncio.run(RolloutGroup(recover).watch(request, work))
    assert str(caught.value).splitlines() == [
        "the rollout of gunicorn failed",
        "  services: AWS did not answer",
        "  next: update again",
    ]


def test_a_request_to_aws_that_gets_no_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    config = AwsAccess(region="eu-west-1").client("ecs").meta.config
    assert (config.connect_timeout, config.read_timeout) == (10, 60)
