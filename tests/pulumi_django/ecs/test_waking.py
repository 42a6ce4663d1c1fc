"""Sleep and waking of services that Application Auto Scaling scales: the engine sees no change of their count."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi_aws as aws
import pytest

from pulumi_django.deploying.gate import ReleaseGate, takes_new_code
from pulumi_django.testing import simulate
from tests.pulumi_django.deploying.test_gate import call, fake, gate, inputs, ran, run
from tests.support.fake_ecs import CLUSTER, FakeAws, Life, arn, deployment, service

__all__ = ["fake"]

SERVICE = arn("service", f"{CLUSTER}/alpha-gunicorn")
NEW = inputs()["taskDefinition"]


def scaled(account: FakeAws, count: int) -> ReleaseGate:
    """A gate with one scaled service, which begins with so many tasks."""
    gates = gate(account)
    carrier = aws.ecs.Service("alpha-gunicorn", cluster=CLUSTER, task_definition=NEW, desired_count=count)
    gates.confirm("alpha-gunicorn", carrier, scaled_from=count)
    return gates


def record(awake: bool) -> dict[str, Any]:
    return {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": NEW, "awake": awake}


async def confirm(gates: ReleaseGate, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    await call(gates._confirmation.before_update, new, old)  # pyright: ignore[reportPrivateUsage]


def test_waking_runs_the_release_and_then_gives_the_service_its_tasks(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("42", desiredCount=0, runningCount=0)))]
    fake.after_update = [(0, service(deployment("42", desiredCount=2, runningCount=2)))]

    async def program() -> None:
        await confirm(scaled(fake, 2), record(True), record(False))

    run(program)
    assert len(ran(fake)) == 2
    assert [(c["service"], c["desiredCount"]) for c in fake.called("UpdateService")] == [(SERVICE, 2)]
    operations = [name for name, _ in fake.calls]
    assert operations.index("UpdateService") > max(n for n, name in enumerate(operations) if name == "RunTask")


@pytest.mark.parametrize(
    ("new", "old", "releases"),
    [
        ({"maxCapacity": 5}, {"maxCapacity": 0}, True),
        ({"maxCapacity": 5}, None, True),
        ({"maxCapacity": 5}, {"maxCapacity": 4}, False),
        ({"maxCapacity": 0}, {"maxCapacity": 5}, False),
        ({"maxCapacity": 0}, None, False),
    ],
)
def test_bounds_are_raised_from_zero_after_the_release_only(
    fake: FakeAws, new: dict[str, Any], old: dict[str, Any] | None, releases: bool
) -> None:
    """Application Auto Scaling starts tasks as soon as the bounds allow them."""

    async def program() -> None:
        await call(gate(fake).bounds_binding.before_update, new, old)

    run(program)
    assert bool(ran(fake)) is releases


def test_bounds_stay_when_the_release_fails_and_the_error_names_the_service_that_ran_it(fake: FakeAws) -> None:
    fake.lives = [Life(), Life(exit_code=1)]
    errors: list[BaseException | None] = []

    async def program() -> None:
        bounds = gate(fake).bounds_binding
        hooks = [
            call(bounds.before_update, {"maxCapacity": 5}, None, name=name) for name in ("alpha-web", "alpha-mail")
        ]
        errors.extend(await asyncio.gather(*hooks, return_exceptions=True))

    run(program)
    assert str(errors[0]).startswith("the release command failed; no service was changed\n")
    assert str(errors[1]) == "not changed, because the release failed: see the error of alpha-web"


def test_a_service_that_was_awake_is_not_given_a_count(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("42", desiredCount=4, runningCount=4)))]

    async def program() -> None:
        await confirm(scaled(fake, 2), record(True), record(True))

    run(program)
    assert ran(fake) == []
    assert fake.called("UpdateService") == []


def test_falling_asleep_starts_nothing(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("42", desiredCount=0, runningCount=0)))]

    async def program() -> None:
        await confirm(scaled(fake, 0), record(False), record(True))

    run(program)
    assert ran(fake) == []
    assert fake.called("UpdateService") == []


def test_new_code_for_a_scaled_service_runs_the_release_whatever_its_count_was_when_it_slept(fake: FakeAws) -> None:
    async def program() -> None:
        gates = scaled(fake, 2)
        old = inputs(arn("task-definition", "alpha-gunicorn:41"), count=0)
        await call(gates.binding.before_update, inputs(count=0), old)

    run(program)
    assert len(ran(fake)) == 2


@pytest.mark.parametrize(
    ("new", "old", "scaled", "expected"),
    [
        ({"desiredCount": 0, "taskDefinition": "b"}, {"desiredCount": 0, "taskDefinition": "a"}, True, True),
        ({"desiredCount": 0, "taskDefinition": "b"}, {"desiredCount": 0, "taskDefinition": "a"}, False, False),
        ({"desiredCount": 0, "tags": {"a": "b"}}, {"desiredCount": 0, "tags": {}}, True, False),
        ({"desiredCount": 2}, None, True, True),
    ],
)
def test_what_counts_as_new_code(new: dict[str, Any], old: dict[str, Any] | None, scaled: bool, expected: bool) -> None:
    assert takes_new_code(new, old, scaled=scaled) is expected


def test_the_record_says_whether_a_scaled_service_is_awake_and_not_how_many_tasks_it_has(fake: FakeAws) -> None:
    for count, awake in ((3, True), (0, False)):
        result = simulate(lambda count=count: scaled(fake, count) and None)
        assert result.one("pulumi-django:ecs:Rollout").inputs["awake"] is awake


def test_the_record_waits_for_the_bounds(fake: FakeAws) -> None:
    def program() -> None:
        gates = gate(fake)
        carrier = aws.ecs.Service("alpha-gunicorn", cluster=CLUSTER, task_definition=NEW, desired_count=1)
        bounds = aws.sqs.Queue("bounds")
        gates.confirm("alpha-gunicorn", carrier, scaled_from=1, after=[bounds])

    result = simulate(program)
    assert result.one("aws:sqs/queue:Queue").urn in result.one("pulumi-django:ecs:Rollout").dependencies


def test_a_services_own_gate_knows_nothing_of_another_stacks_services(fake: FakeAws) -> None:
    async def program() -> None:
        await call(gate(fake).binding.before_update, inputs(count=0), inputs(count=0))

    run(program)
    assert ran(fake) == []
