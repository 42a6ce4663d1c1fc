"""Commands that run after every service has the new version, and their records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from pulumi_django.deploying.release_steps import Step, is_due
from pulumi_django.deploying.release_tasks import ReleaseError
from pulumi_django.testing import SimulationResult, simulate
from tests.pulumi_django.deploying.test_gate import AGAIN, DATABASE, NEW, OLD, RELEASE, fake, gate, inputs, ran, run
from tests.pulumi_django.deploying.test_gate import call as call_hook
from tests.support.fake_ecs import CLUSTER, FakeAws, Life

__all__ = ["fake"]

AFTER = Step(name="after-release", setting="release.after_command", command=["python", "after.py"], once=False)
SEED = Step(name="on-create", setting="on_create", command=["python", "seed.py"], once=True)


def registered(fake: FakeAws, *, awake: bool = True) -> SimulationResult:
    def program() -> None:
        gates = gate(fake)
        for step in (SEED, AFTER):
            gates.step(step, awake=awake)
        options = pulumi.ResourceOptions(hooks=gates.binding)
        made = aws.ecs.Service("alpha-gunicorn", cluster=CLUSTER, task_definition=NEW, desired_count=1, opts=options)
        gates.confirm("alpha-gunicorn", made)

    return simulate(program)


def call(step: Step, new: dict[str, Any], old: dict[str, Any] | None, fake: FakeAws) -> Awaitable[None]:
    """Run the hook of a step as the engine does."""
    gates = gate(fake)
    given = pulumi.ResourceHookArgs(
        urn="urn", id="", name=step.name, type="pulumi-django:ecs:ReleaseStep", new_inputs=new, old_inputs=old
    )
    return gates.run_step(step, given)


def test_the_records_come_after_the_rollouts_of_all_services_and_carry_the_hooks(fake: FakeAws) -> None:
    result = registered(fake)
    seed, after = result.of_type("pulumi-django:ecs:ReleaseStep")
    assert seed.inputs == {"command": ["python", "seed.py"]}
    assert after.inputs == {"command": ["python", "after.py"], "taskDefinition": RELEASE}
    assert after.hooks == {"before_create": ["alpha-after-release"], "before_update": ["alpha-after-release"]}
    assert result.one("aws:ecs/service:Service").urn in after.dependencies
    types = [resource.type for resource in result.resources]
    assert types.index("pulumi-django:ecs:Rollout") < types.index("pulumi-django:ecs:ReleaseStep")
    assert fake.calls == []


def test_a_step_begins_after_the_success_of_the_steps_before_it(fake: FakeAws) -> None:
    async def late() -> str:
        await asyncio.sleep(0.05)
        return RELEASE

    def program() -> None:
        gates = gate(fake, release_task_definition_arn=pulumi.Output.from_input(late()))
        for step in (AFTER, SEED):
            gates.step(step, awake=True)

    steps = simulate(program).of_type("pulumi-django:ecs:ReleaseStep")
    assert [step.name for step in steps] == ["alpha-after-release", "alpha-on-create"]


def test_steps_and_the_record_of_the_database_are_children_of_the_given_component(fake: FakeAws) -> None:
    def program() -> None:
        gates, component = gate(fake), pulumi.ComponentResource("test:index:App", "alpha")
        gates.database(["v1"], awake=True, parent=component)
        gates.step(SEED, awake=True, parent=component)

    result = simulate(program)
    for type_ in ("pulumi-django:ecs:DatabaseRecord", "pulumi-django:ecs:ReleaseStep"):
        assert result.one(type_).parent.endswith("::test:index:App::alpha")


@pytest.mark.parametrize("variable", ["PULUMI_DJANGO_RELEASE", "PULUMI_DJANGO_ROLLOUT", None])
def test_a_command_that_cannot_run_now_waits_for_a_later_update(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, "skip" if variable.endswith("RELEASE") else "detach")
    steps = registered(fake, awake=variable is not None).of_type("pulumi-django:ecs:ReleaseStep")
    assert [step.inputs.get("waits") for step in steps] == [True, True]


def test_the_command_runs_in_a_task_of_the_release_and_its_log_is_shown(fake: FakeAws) -> None:
    fake.lives = [Life(log=[(4, "Applying shop.0002_drop... OK")])]
    logs = run(lambda: call(AFTER, {"taskDefinition": RELEASE}, None, fake))
    assert ran(fake) == [RELEASE]
    override = fake.called("RunTask")[0]["overrides"]["containerOverrides"][0]
    assert override["command"] == ["python", "after.py"]
    assert ("info", "alpha release.after_command | Applying shop.0002_drop... OK") in logs


def test_the_command_of_a_new_environment_does_not_run_again_when_it_changes(fake: FakeAws) -> None:
    run(lambda: call(SEED, {"command": ["other"]}, {"command": ["seed"]}, fake))
    assert ran(fake) == []


def test_a_failed_command_fails_the_update_and_says_that_the_services_run(fake: FakeAws) -> None:
    fake.lives = [Life(exit_code=3, log=[(4, "no such table")])]
    errors: list[str] = []

    async def program() -> None:
        with pytest.raises(ReleaseError) as caught:
            await call(SEED, {}, None, fake)
        errors.append(str(caught.value))

    run(program)
    assert errors[0].startswith("the command of on_create failed; the services keep running the new version\n")
    assert "exit code 3" in errors[0]
    assert errors[0].endswith(f"{AGAIN}`: on_create runs again")


@pytest.mark.parametrize(
    ("step", "new", "old", "due"),
    [
        (AFTER, {}, None, True),
        (AFTER, {"waits": True}, None, False),
        (AFTER, {"taskDefinition": "b"}, {"taskDefinition": "a"}, True),
        (AFTER, {}, {"waits": True}, True),
        (SEED, {}, None, True),
        (SEED, {"waits": True}, None, False),
        (SEED, {}, {"waits": True}, True),
        (SEED, {"command": ["other"]}, {"command": ["seed"]}, False),
    ],
)
def test_a_step_runs_for_each_version_or_once_in_the_life_of_the_environment(
    step: Step, new: dict[str, Any], old: dict[str, Any] | None, due: bool
) -> None:
    assert is_due(step, new, old) is due


def recorded(fake: FakeAws, *, awake: bool = True) -> SimulationResult:
    def program() -> None:
        gates = gate(fake)
        ready = gates.database(["v1"], awake=awake)
        options = pulumi.ResourceOptions(hooks=gates.binding, depends_on=[ready])
        aws.ecs.Service("alpha-gunicorn", cluster=CLUSTER, task_definition=NEW, desired_count=1, opts=options)

    return simulate(program)


def test_the_record_of_the_database_comes_before_the_services_and_changes_with_its_definition_and_password(
    fake: FakeAws,
) -> None:
    result = recorded(fake)
    record = result.one("pulumi-django:ecs:DatabaseRecord")
    assert record.inputs == {"taskDefinition": DATABASE, "secretVersions": ["v1"]}
    assert record.hooks == {"before_create": ["alpha-database"], "before_update": ["alpha-database"]}
    types = [resource.type for resource in result.resources]
    assert types.index("pulumi-django:ecs:DatabaseRecord") < types.index("aws:ecs/service:Service")
    assert recorded(fake, awake=False).one("pulumi-django:ecs:DatabaseRecord").inputs["waits"] is True


def test_what_waits_for_the_database_waits_for_its_record(fake: FakeAws) -> None:
    found: list[pulumi.Resource | None] = []

    async def program() -> None:
        found.append(await gate(fake).database(["v1"], awake=True).future())

    run(program)
    assert [type(it).__name__ for it in found] == ["DatabaseRecord"]


def with_record(fake: FakeAws, lives: list[Life]) -> list[str]:
    """The tasks of an update in which the database is recorded and unchanged."""
    fake.lives = lives

    async def program() -> None:
        gates = gate(fake)
        gates.database(["v1"], awake=True)
        await call_hook(gates.binding.before_update, old=inputs(OLD))

    run(program)
    return ran(fake)


def test_an_update_of_images_runs_the_release_command_only(fake: FakeAws) -> None:
    assert with_record(fake, [Life()]) == [RELEASE]


@pytest.mark.parametrize(
    "line", ['FATAL:  database "alpha-db" does not exist', 'password authentication failed for user "alpha-db"']
)
def test_a_database_that_is_gone_is_ensured_and_the_release_runs_again(fake: FakeAws, line: str) -> None:
    assert with_record(fake, [Life(exit_code=1, log=[(4, line)]), Life(), Life()]) == [RELEASE, DATABASE, RELEASE]


def test_another_failure_of_the_release_is_not_repeated(fake: FakeAws) -> None:
    with pytest.raises(Exception, match="the release command failed"):
        with_record(fake, [Life(exit_code=1, log=[(4, 'column "x" does not exist')])])
    assert ran(fake) == [RELEASE]


def test_the_hook_of_the_record_runs_the_database_task(fake: FakeAws) -> None:
    async def program() -> None:
        gates = gate(fake)
        for new in ({"waits": True}, {}):
            await gates.ensure_database(
                pulumi.ResourceHookArgs(urn="urn", id="", name="x", type="t", new_inputs=new, old_inputs=None)
            )

    run(program)
    assert ran(fake) == [DATABASE]
