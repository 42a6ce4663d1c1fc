"""The end of a task: which container counts, and which crash is the latest."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django.deploying.task_end import Crash, Crashes, task_end
from tests.support.fake_ecs import CLUSTER, FakeAws, arn

DEFINITION = arn("task-definition", "alpha-gunicorn:42")


def ended(*containers: dict[str, Any], **task: Any) -> Any:
    return {"containers": list(containers), "stopCode": "EssentialContainerExited", **task}


@pytest.mark.parametrize(
    ("containers", "culprit", "exit_code"),
    [
        ([{"name": "proxy", "exitCode": 0}, {"name": "web", "exitCode": 3}], "web", 3),
        ([{"name": "proxy", "reason": "killed"}, {"name": "web", "exitCode": 3}], "web", 3),
        ([{"name": "proxy"}, {"name": "web", "reason": "no such image"}], "web", None),
        ([{"name": "web", "exitCode": 0}, {"name": "proxy", "exitCode": 0}], "web", 0),
        ([], "", None),
    ],
)
def test_the_container_that_failed_counts_an_exit_code_before_a_reason(
    containers: list[dict[str, Any]], culprit: str, exit_code: int | None
) -> None:
    end = task_end(ended(*containers))
    assert (end.container, end.exit_code) == (culprit, exit_code)


def test_a_named_container_counts_although_another_one_failed() -> None:
    task = ended({"name": "proxy", "exitCode": 1, "reason": "proxy failed"}, {"name": "web", "exitCode": 0})
    end = task_end(task, "web")
    assert (end.container, end.exit_code, end.reason) == ("web", 0, "ECS reports no reason")
    assert (task_end(task, "beat").container, task_end(task, "beat").exit_code) == ("beat", None)


@pytest.mark.parametrize(
    ("task", "started"),
    [
        (ended({"name": "web"}), False),
        (ended({"name": "web"}, startedAt="2026-01-01"), True),
        (ended({"name": "proxy"}, {"name": "web", "exitCode": 0}), True),
    ],
)
def test_a_task_started_when_ecs_gives_its_start_or_a_container_has_an_exit_code(task: Any, started: bool) -> None:
    assert task_end(task).started is started


def test_the_reasons_of_container_and_task_are_named_once_each() -> None:
    assert task_end(ended({"name": "web", "reason": "a"}, stoppedReason="b")).reason == "a; b"
    assert task_end(ended({"name": "web", "reason": "a"}, stoppedReason="a")).reason == "a"


def crashes(*found: tuple[str, str | None, bool]) -> Crashes:
    fake = FakeAws()
    made = Crashes(
        fake.client("ecs"),
        fake.client("logs"),
        fake.clock,
        cluster=CLUSTER,
        service="alpha-gunicorn",
        task_definition=DEFINITION,
    )
    end = task_end(ended({"name": "web", "exitCode": 1}))
    made.found = [Crash(arn=name, end=end, deployment=deployment, old=old) for name, deployment, old in found]
    return made


@pytest.mark.parametrize(
    ("found", "latest"),
    [
        ([], None),
        ([("a", "ours", False), ("b", "ours", False), ("c", "other", False)], "b"),
        ([("a", "ours", True), ("b", "other", False)], "a"),
        ([("a", "other", False), ("b", "other", False), ("c", "other", True)], "b"),
        ([("a", "other", True)], None),
    ],
)
def test_the_latest_crash_is_of_this_deployment_else_of_this_update(
    found: list[tuple[str, str | None, bool]], latest: str | None
) -> None:
    crash = crashes(*found).latest("ours")
    assert (crash.arn if crash else None) == latest


def test_crashes_before_the_first_look_are_not_counted() -> None:
    made = crashes(("a", "ours", True), ("b", "ours", False), ("c", "other", False))
    assert (made.count("ours"), made.count_all()) == (1, 2)
