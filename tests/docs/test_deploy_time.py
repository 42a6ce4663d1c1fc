"""The figures of docs/deploy-time.md follow from the defaults."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pulumi_django import DeploymentOptions, ProdWebOptions, ProdWorkerOptions, WebOptions, WorkerOptions
from pulumi_django.deploying.rollout import SETTLE_SECONDS
from pulumi_django.ecs.task import TaskSize

DOCUMENT = (Path(__file__).parents[2] / "docs" / "deploy-time.md").read_text(encoding="utf-8")
# Seconds that Fargate and the application need; no default decides them.
PLACE, BOOT, DATABASE, RELEASE = 30, 5, 2, 5
STOP = TaskSize().stop_timeout_seconds


def healthy(options: WebOptions) -> int:
    return options.health_check.interval_seconds * options.health_check.healthy_threshold


def row(options: WebOptions, tasks: int, deployment: DeploymentOptions) -> str:
    room = math.floor(tasks * deployment.maximum_percent / 100) - tasks
    spare = tasks - math.ceil(tasks * deployment.minimum_healthy_percent / 100)
    rounds = math.ceil(tasks / (room + spare))
    new = rounds * (PLACE + BOOT + healthy(options))
    drained = new + options.deregistration_delay_seconds
    return f"| {tasks} | {rounds} | {new} s | {drained} s | {drained + STOP} s |"


def test_a_web_task_is_healthy_within_thirty_seconds_of_its_start() -> None:
    for options in (WebOptions(), ProdWebOptions()):
        assert BOOT + healthy(options) == 15
        assert 20 + healthy(options) <= 30
        assert options.health_check.timeout_seconds < options.health_check.interval_seconds


@pytest.mark.parametrize(
    ("label", "options", "tasks", "deployment"),
    [
        ("ad-hoc web", WebOptions(), WebOptions().desired_count, WebOptions().deployment),
        ("prod web", ProdWebOptions(), ProdWebOptions().desired_count, ProdWebOptions().deployment),
        ("prod web, scaled out", ProdWebOptions(), 5, ProdWebOptions().deployment),
        (
            "prod web at 50 % and 100 %",
            ProdWebOptions(),
            2,
            DeploymentOptions(minimum_healthy_percent=50, maximum_percent=100),
        ),
    ],
)
def test_the_times_of_rolling_updates_follow_from_the_parameters(
    label: str, options: WebOptions, tasks: int, deployment: DeploymentOptions
) -> None:
    assert f"| {label} {row(options, tasks, deployment)}" in DOCUMENT


def test_the_times_of_draining_and_stopping_follow_from_the_parameters() -> None:
    delays = [options.deregistration_delay_seconds for options in (WebOptions(), ProdWebOptions())]
    assert f"go elsewhere | {delays[0]} s | {delays[1]} s |" in DOCUMENT
    stops = [options.stop_timeout_seconds for options in (WorkerOptions(), ProdWorkerOptions())]
    assert f"(ad-hoc {stops[0]} s, prod {stops[1]} s" in DOCUMENT


def test_the_time_of_an_update_is_the_sum_of_its_parts() -> None:
    release = [PLACE + RELEASE]
    slowest = [
        max(
            PLACE + BOOT + healthy(web) + web.deregistration_delay_seconds + STOP,
            PLACE + int(SETTLE_SECONDS) + worker.stop_timeout_seconds,
        )
        for web, worker in ((WebOptions(), WorkerOptions()), (ProdWebOptions(), ProdWorkerOptions()))
    ]
    assert f"| {slowest[0]} s | {slowest[1]} s |" in DOCUMENT
    assert f"| **together** | **{sum(release) + slowest[0]} s** | **{sum(release) + slowest[1]} s** |" in DOCUMENT
    web = ProdWebOptions()
    idle = sum(release) + PLACE + BOOT + healthy(web) + web.deregistration_delay_seconds + STOP
    assert f"the whole update takes {idle} s" in DOCUMENT
    assert f"An update that changes the database takes {PLACE + DATABASE} s more" in DOCUMENT
    assert sum(release) + slowest[0] <= 115, "the goal for an image update of an ad-hoc environment"
    assert sum(release) + slowest[1] <= 195, "the goal for an image update of a production environment"


@pytest.mark.parametrize("strategy", ["blue-green", "canary", "linear"])
def test_the_times_of_moving_traffic_follow_from_the_parameters(strategy: str) -> None:
    minutes = {"blue-green": 5, "canary": 10, "linear": 50}
    options = {name: DeploymentOptions(strategy=name) for name in ("blue-green", "canary", "linear")}
    assert options[strategy].waiting_seconds == minutes[strategy] * 60
    assert f"| {strategy} | 45 s + {minutes[strategy]} min |" in DOCUMENT
