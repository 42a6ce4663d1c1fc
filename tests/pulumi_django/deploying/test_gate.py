"""The hooks of the release gate: their registration on services, and their runs as by the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from pulumi_django.deploying import event_loop
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.gate import ReleaseGate, takes_new_code
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs
from pulumi_django.deploying.release_tasks import ReleaseError
from pulumi_django.deploying.rollout import RolloutError
from pulumi_django.deploying.update_mode import UpdateMode
from pulumi_django.testing import SimulationResult, simulate
from tests.support.fake_ecs import CLUSTER, FakeAws, Life, arn, crashed, deployment, service

DATABASE = arn("task-definition", "alpha-database:3")
RELEASE = arn("task-definition", "alpha-backend_update:7")
OLD = arn("task-definition", "alpha-gunicorn:41")
NEW = arn("task-definition", "alpha-gunicorn:42")
SERVICE = arn("service", f"{CLUSTER}/alpha-gunicorn")
GENEROUS_SECONDS = 30
AGAIN = "  next: correct the cause, then run `orchestrator update-env alpha` or `pulumi up"


@dataclass(frozen=True, kw_only=True)
class FakeAccess(AwsAccess):
    fake: FakeAws
    on_client: Callable[[], object] = lambda: None

    def client(self, service: str) -> Any:
        self.on_client()
        return self.fake.client(service)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """The emulated account, on whose clock the hooks run."""
    account = FakeAws(frames=[(0, service(deployment("42")))])

    class HookClock:
        now = account.clock.now
        sleep = account.clock.sleep

        def cancel(self) -> None:
            pass

    monkeypatch.setattr(event_loop, "SystemClock", HookClock)
    return account


def gate(fake: FakeAws, name: str = "alpha", **args: Any) -> ReleaseGate:
    fields: dict[str, Any] = {
        "cluster": CLUSTER,
        "subnet_ids": ["subnet-a"],
        "security_group_ids": ["sg-app", "sg-tasks"],
        "database_task_definition_arn": DATABASE,
        "release_task_definition_arn": pulumi.Output.from_input(RELEASE),
        "aws": FakeAccess(fake=fake),
    }
    return ReleaseGate(name, ReleaseGateArgs(**{**fields, **args}))


def inputs(task_definition: str = NEW, count: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "cluster": CLUSTER,
        "taskDefinition": task_definition,
        "desiredCount": count,
        "name": "alpha-gunicorn",
        **more,
    }


def call(
    hooks: Any, new: dict[str, Any] | None = None, old: dict[str, Any] | None = None, name: str = "alpha-gunicorn"
) -> Awaitable[None]:
    """Run the only hook of a moment as the engine does."""
    (hook,) = hooks
    urn = f"urn:pulumi:alpha::django-app::aws:ecs/service:Service::{name}"
    service_arn = arn("service", f"{CLUSTER}/{name}")
    return hook(
        pulumi.ResourceHookArgs(
            urn=urn,
            id=service_arn,
            name=name,
            type="aws:ecs/service:Service",
            new_inputs=new or inputs(),
            old_inputs=old,
        )
    )


def run(program: Callable[[], Awaitable[None]]) -> list[tuple[str, str]]:
    """The lines that an async program logged."""
    return list(simulate(program).logs)


def ran(fake: FakeAws) -> list[str]:
    return [call["taskDefinition"] for call in fake.called("RunTask")]


def registered(fake: FakeAws, preview: bool = False, **args: Any) -> SimulationResult:
    """A stack with the services of two environments, each behind its own gate."""

    def program() -> None:
        for environment in ("alpha", "beta"):
            gates = gate(fake, environment, **args)
            for role in ("gunicorn", "default"):
                carrier = aws.ecs.Service(
                    f"{environment}-{role}",
                    cluster=CLUSTER,
                    task_definition=NEW,
                    desired_count=1,
                    opts=pulumi.ResourceOptions(hooks=gates.binding),
                )
                gates.confirm(f"{environment}-{role}", carrier)

    return simulate(program, preview=preview)


@pytest.mark.parametrize("preview", [False, True])
def test_every_service_carries_release_and_rollout_hooks_of_its_own_gate(fake: FakeAws, preview: bool) -> None:
    result = registered(fake, preview)

    assert {resource.name: resource.hooks for resource in result.of_type("aws:ecs/service:Service")} == {
        f"{environment}-{role}": {
            "before_create": [f"{environment}-release"],
            "before_update": [f"{environment}-release"],
            "after_create": [f"{environment}-rollout"],
            "after_update": [f"{environment}-rollout"],
        }
        for environment in ("alpha", "beta")
        for role in ("gunicorn", "default")
    }
    assert sorted(result.hooks) == [
        f"{environment}-{hook}"
        for environment in ("alpha", "beta")
        for hook in ("confirm", "release", "rollout", "wake")
    ]
    assert fake.calls == []


def test_every_service_has_a_record_of_its_rollout_below_it_which_is_written_when_that_is_confirmed(
    fake: FakeAws,
) -> None:
    result = registered(fake)

    services = {resource.name: resource for resource in result.of_type("aws:ecs/service:Service")}
    records = result.of_type("pulumi-django:ecs:Rollout")
    assert {record.name: (record.parent, record.hooks) for record in records} == {
        f"{environment}-{role}": (
            services[f"{environment}-{role}"].urn,
            {"before_create": [f"{environment}-confirm"], "before_update": [f"{environment}-confirm"]},
        )
        for environment in ("alpha", "beta")
        for role in ("gunicorn", "default")
    }
    assert records[0].inputs == {
        "cluster": CLUSTER,
        "service": services[records[0].name].id,
        "taskDefinition": NEW,
        "awake": True,
    }


def test_without_watching_only_the_release_hook_is_there(fake: FakeAws) -> None:
    result = registered(fake, watch_rollouts=False)

    assert result.of_type("aws:ecs/service:Service")[0].hooks == {
        "before_create": ["alpha-release"],
        "before_update": ["alpha-release"],
    }


def test_the_release_runs_before_the_first_service_and_once_for_all(fake: FakeAws) -> None:
    fake.lives = [Life(log=[(4, "CREATE DATABASE")]), Life(log=[(4, "Applying shop.0001... OK")])]

    async def program() -> None:
        binding = gate(fake).binding
        await asyncio.gather(
            call(binding.before_create, name="alpha-gunicorn"),
            call(binding.before_update, old=inputs(OLD), name="alpha-default"),
        )
        await call(binding.before_create, name="alpha-beat")

    logs = run(program)

    assert ran(fake) == [DATABASE, RELEASE]
    network = {"subnets": ["subnet-a"], "securityGroups": ["sg-app", "sg-tasks"], "assignPublicIp": "DISABLED"}
    assert fake.called("RunTask")[1]["networkConfiguration"] == {"awsvpcConfiguration": network}
    assert logs == [
        ("info", f"alpha database: task {1:032x} starts"),
        ("info", "alpha database | CREATE DATABASE"),
        ("info", "alpha database: succeeded"),
        ("info", f"alpha release: task {2:032x} runs `python manage.py migrate --no-input`"),
        ("info", "alpha release | Applying shop.0001... OK"),
        ("info", "alpha release: succeeded"),
    ]


def test_a_failed_release_fails_all_services_and_does_not_run_again_in_the_same_update(fake: FakeAws) -> None:
    fake.lives = [Life(), Life(exit_code=1, log=[(4, "ProgrammingError: column exists")])]
    errors: list[str] = []

    async def program() -> None:
        binding = gate(fake).binding
        first, second = await asyncio.gather(
            call(binding.before_create, name="alpha-gunicorn"),
            call(binding.before_create, name="alpha-default"),
            return_exceptions=True,
        )
        with pytest.raises(ReleaseError) as third:
            await call(binding.before_create, name="alpha-beat")
        errors.extend(str(error) for error in (first, second, third.value))

    run(program)

    assert errors == [
        "\n".join(
            [
                "the release command failed; no service was changed",
                "  why: the task ended with exit code 1 (Essential container in task exited)",
                "  command: python manage.py migrate --no-input",
                "  task definition: alpha-backend_update:7",
                "  last lines of its log (/ecs/alpha/backend_update):",
                "    ProgrammingError: column exists",
                f"{AGAIN}`: the release runs again",
            ]
        ),
        "not changed, because the release failed: see the error of alpha-gunicorn",
        "not changed, because the release failed: see the error of alpha-gunicorn",
    ]
    assert ran(fake) == [DATABASE, RELEASE]


def test_the_next_update_runs_the_release_again(fake: FakeAws) -> None:
    async def program() -> None:
        await call(gate(fake).binding.before_create)

    run(program)
    run(program)

    assert ran(fake) == [DATABASE, RELEASE] * 2


def test_without_a_release_command_the_database_is_still_ensured(fake: FakeAws) -> None:
    async def program() -> None:
        await call(gate(fake, release_command=None).binding.before_create)

    run(program)

    assert ran(fake) == [DATABASE]


def test_no_release_runs_for_services_that_take_no_new_code(fake: FakeAws) -> None:
    async def program() -> None:
        binding = gate(fake).binding
        await call(binding.before_create, inputs(count=0))
        await call(binding.before_update, inputs(count=3), inputs(count=1))

    run(program)

    assert fake.calls == []


@pytest.mark.parametrize(
    ("new", "old", "takes"),
    [
        (inputs(), None, True),
        (inputs(count=0), None, False),
        (inputs(), inputs(OLD), True),
        (inputs(count=0), inputs(OLD, count=1), False),
        (inputs(count=0), inputs(count=1), False),
        (inputs(count=1), inputs(count=0), True),
        (inputs(count=2), inputs(count=1), False),
        (inputs(count=2, tags={"a": "b"}), inputs(count=1), False),
        (inputs(forceNewDeployment=True), inputs(), True),
        (inputs(NEW, count=2), inputs(OLD, count=1), True),
        (inputs(), inputs(), True),
        (inputs(__defaults=["a"], tags={"a": "b"}), inputs(__defaults=[]), False),
    ],
)
def test_new_code_is_taken_by_tasks_that_start_for_another_reason_than_their_number(
    new: dict[str, Any], old: dict[str, Any] | None, takes: bool
) -> None:
    assert takes_new_code(new, old) is takes


def test_unknown_task_definitions_are_an_error_with_a_hint(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_django.deploying.gate.KNOWN_SECONDS", 0)
    errors: list[str] = []

    async def program() -> None:
        never: asyncio.Future[Any] = asyncio.Future()
        known: asyncio.Future[bool] = asyncio.Future()
        known.set_result(True)
        pending: pulumi.Output[str] = pulumi.Output(set(), never, known, known)
        with pytest.raises(ReleaseError) as caught:
            await call(gate(fake, release_task_definition_arn=pending).binding.before_create)
        errors.append(str(caught.value))
        never.set_result(RELEASE)

    run(program)

    assert errors == [
        "the task definitions of the release of alpha are not known: every service with the binding must depend on them"
    ]


def test_a_rollout_is_watched_on_the_requested_task_definition(fake: FakeAws) -> None:
    async def program() -> None:
        await call(gate(fake).binding.after_update, old=inputs(OLD))

    assert run(program) == [("info", "alpha-gunicorn rollout: 1 of 1 running on alpha-gunicorn:42")]
    assert fake.called("DescribeServices") == [
        {"cluster": CLUSTER, "services": [arn("service", f"{CLUSTER}/alpha-gunicorn")]}
    ]


def test_a_rollback_fails_the_update_and_names_the_next_step(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("41")))]
    errors: list[str] = []

    async def program() -> None:
        with pytest.raises(RolloutError) as caught:
            await call(gate(fake).binding.after_update, old=inputs(OLD))
        errors.append(str(caught.value))

    run(program)

    assert errors == [
        "the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:41 keeps serving, "
        f"alpha-gunicorn:42 does not run\n{AGAIN} --refresh`: it must be rolled out again"
    ]


@pytest.mark.parametrize(
    ("old", "told"),
    [(inputs(OLD), True), (None, True), (inputs(NEW, count=2), False)],
    ids=["new revision", "new service", "same revision"],
)
def test_a_crash_before_the_first_look_is_of_this_update_when_its_task_definition_is(
    fake: FakeAws, old: dict[str, Any] | None, told: bool
) -> None:
    fake.frames = [(0, service(deployment("41", rolloutStateReason="rolling back to 41")))]
    fake.stopped = [(0, crashed(1, "42", startedBy="ecs-svc/other"))]
    errors: list[str] = []

    async def program() -> None:
        with pytest.raises(RolloutError) as caught:
            await call(gate(fake).binding.after_update, old=old)
        errors.append(str(caught.value))

    run(program)

    assert ("why: task crash1 ended with exit code 1" in errors[0]) is told


def confirm(gates: ReleaseGate, awake: bool = True) -> Awaitable[None]:
    """Run the hook of the record of alpha-gunicorn as the engine does before it writes the record."""
    new = {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": NEW, "awake": awake}
    hooks = gates._confirmation.before_update  # pyright: ignore[reportPrivateUsage]
    return call(hooks, new, {**new, "taskDefinition": OLD})


def test_a_rollout_that_was_seen_to_its_end_is_recorded_without_looking_again(fake: FakeAws) -> None:
    async def program() -> None:
        gates = gate(fake)
        await call(gates.binding.after_update, old=inputs(OLD))
        fake.calls.clear()
        await confirm(gates)

    run(program)

    assert fake.calls == []


def test_a_rollout_that_ended_well_unseen_is_recorded_and_not_repeated(fake: FakeAws) -> None:
    async def program() -> None:
        await confirm(gate(fake))

    assert run(program) == [("info", "alpha-gunicorn rollout: 1 of 1 running on alpha-gunicorn:42")]
    assert fake.called("UpdateService") == []
    assert ran(fake) == []


@pytest.mark.parametrize("before", [deployment("41"), deployment("42", rolloutState="FAILED", runningCount=0)])
def test_a_rollout_that_failed_in_an_earlier_update_is_released_and_deployed_again(
    fake: FakeAws, before: dict[str, Any]
) -> None:
    fake.frames = [(0, service(before))]
    rolling = deployment("42", id="ecs-svc/again", rolloutState="IN_PROGRESS", runningCount=0)
    fake.after_update = [(0, service(rolling)), (20, service(deployment("42", id="ecs-svc/again")))]

    async def program() -> None:
        await confirm(gate(fake))

    logs = run(program)

    assert ran(fake) == [DATABASE, RELEASE]
    assert fake.called("UpdateService") == [
        {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": NEW, "forceNewDeployment": True}
    ]
    assert [line for _, line in logs if line.startswith("alpha-gunicorn")] == [
        "alpha-gunicorn rollout: deploying alpha-gunicorn:42 again",
        "alpha-gunicorn rollout: 0 of 1 running on alpha-gunicorn:42",
        "alpha-gunicorn rollout: 1 of 1 running on alpha-gunicorn:42",
    ]


def test_a_rollout_that_fails_again_is_not_recorded(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("41")))]
    back = deployment("41", id="ecs-svc/44", rolloutStateReason="rolling back to 41")
    failed = deployment("42", id="ecs-svc/43", status="ACTIVE", rolloutState="FAILED", runningCount=0)
    rolling = deployment("42", id="ecs-svc/43", rolloutState="IN_PROGRESS", runningCount=0)
    fake.after_update = [(0, service(rolling)), (20, service(back, failed))]
    errors: list[str] = []

    async def program() -> None:
        with pytest.raises(RolloutError) as caught:
            await confirm(gate(fake))
        errors.append(str(caught.value))

    run(program)

    assert errors == [
        "the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:41 keeps serving, "
        f"alpha-gunicorn:42 does not run\n{AGAIN}`: it must be rolled out again"
    ]


def test_nothing_is_deployed_again_when_the_release_before_it_fails(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("41")))]
    fake.lives = [Life(exit_code=3)]

    async def program() -> None:
        with pytest.raises(ReleaseError, match=r"^the database task failed; no service was changed\n"):
            await confirm(gate(fake))

    run(program)

    assert fake.called("UpdateService") == []


def test_the_release_does_not_run_for_a_sleeping_service_that_is_deployed_again(fake: FakeAws) -> None:
    fake.frames = [(0, service(deployment("41", desiredCount=0, runningCount=0)))]
    fake.after_update = [(0, service(deployment("42", desiredCount=0, runningCount=0)))]

    async def program() -> None:
        await confirm(gate(fake), awake=False)

    run(program)

    assert ran(fake) == []
    assert len(fake.called("UpdateService")) == 1


@pytest.mark.parametrize(("count", "released"), [(0, []), (2, [DATABASE, RELEASE])])
def test_a_changed_count_deploys_again_what_a_failed_update_took_back(
    fake: FakeAws, count: int, released: list[str]
) -> None:
    fake.frames = [(0, service(deployment("41", desiredCount=count, runningCount=count)))]
    fake.after_update = [(0, service(deployment("42", id="ecs-svc/again", desiredCount=count, runningCount=count)))]

    async def program() -> None:
        await call(gate(fake).binding.after_update, inputs(NEW, count), inputs(NEW, 1))

    run(program)

    assert fake.called("UpdateService") == [
        {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": NEW, "forceNewDeployment": True}
    ]
    assert ran(fake) == released


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        ("41", "the rollout of alpha-gunicorn failed and ECS rolled it back"),
        ("40", "alpha-gunicorn runs alpha-gunicorn:41, which another deployment started"),
    ],
)
def test_a_version_that_is_deployed_again_and_falls_back_to_the_one_before_has_failed(
    fake: FakeAws, before: str, verdict: str
) -> None:
    fake.frames = [(0, service(deployment(before)))]
    fake.after_update = [(0, service(deployment("42", rolloutState="IN_PROGRESS"))), (20, service(deployment("41")))]
    errors: list[str] = []

    async def program() -> None:
        try:
            await call(gate(fake).binding.after_update, inputs(NEW, 1), inputs(NEW, 2))
        except RolloutError as error:
            errors.append(str(error))

    run(program)

    assert verdict in errors[0]


def test_inputs_that_the_engine_passes_as_secret_are_understood(fake: FakeAws) -> None:
    async def program() -> None:
        new = inputs() | {"taskDefinition": pulumi.Output.secret(NEW)}
        await call(gate(fake).binding.after_create, new)

    assert run(program) == [("info", "alpha-gunicorn rollout: 1 of 1 running on alpha-gunicorn:42")]


def test_rollouts_of_several_services_are_watched_at_the_same_time(fake: FakeAws) -> None:
    # Every rollout waits for the other four, so none ends unless all run at once.
    five = threading.Barrier(5)

    class Thread(threading.local):
        met = False

    thread = Thread()

    def meet() -> None:
        if not thread.met:
            thread.met = True
            five.wait(GENEROUS_SECONDS)

    access = FakeAccess(fake=fake, on_client=meet)

    async def program() -> None:
        after = gate(fake, aws=access).binding.after_create
        await asyncio.gather(*[call(after, name=f"alpha-{role}") for role in ("web", "ui", "default", "beat", "redis")])

    assert len(run(program)) == 5


def test_missing_credentials_are_reported_with_their_sources(fake: FakeAws) -> None:
    from botocore.exceptions import NoCredentialsError

    def no_credentials() -> None:
        raise NoCredentialsError

    errors: list[str] = []

    async def program() -> None:
        binding = gate(fake, aws=FakeAccess(fake=fake, on_client=no_credentials)).binding
        for hooks in (binding.before_create, binding.after_create):
            with pytest.raises((ReleaseError, RolloutError)) as caught:
                await call(hooks)
            errors.append(str(caught.value))

    run(program)

    hint = (
        "\n  next: check that region, profile and endpoints of the stack's AWS provider give access to ECS and "
        "CloudWatch Logs, then update again"
    )
    assert errors == [
        f"the alpha release could not be finished: Unable to locate credentials{hint}",
        f"the alpha-gunicorn rollout could not be finished: Unable to locate credentials{hint}",
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            {"release_timeout_seconds": 5},
            "release_timeout_seconds is 5: it must be a number of seconds from 60 to 86400 (a day)",
        ),
        (
            {"rollout_timeout_seconds": 86401},
            "rollout_timeout_seconds is 86401: it must be a number of seconds from 60 to 86400 (a day)",
        ),
        (
            {"release_command": []},
            "release_command is empty: set the words of a command, or None for no release command",
        ),
    ],
)
def test_bad_arguments_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ReleaseGateArgs(cluster=CLUSTER, subnet_ids=[], security_group_ids=[], **args)

    assert str(caught.value) == message


# the parts that one update skips


def test_an_update_that_skips_the_release_warns_and_watches_the_rollout(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_DJANGO_RELEASE", "skip")
    gates: list[ReleaseGate] = []

    async def program() -> None:
        gates.append(gate(fake))
        await call(gates[0].binding.before_update, old=inputs(OLD))
        await call(gates[0].binding.before_update, old=inputs(OLD), name="alpha-default")
        await call(gates[0].binding.after_update, old=inputs(OLD))

    logs = run(program)

    assert ran(fake) == []
    assert logs[0] == ("warning", "alpha: the release is skipped (PULUMI_DJANGO_RELEASE=skip)")
    assert logs[1:] == [("info", "alpha-gunicorn rollout: 1 of 1 running on alpha-gunicorn:42")]


def test_a_detached_update_releases_and_does_not_wait_for_the_rollout(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_DJANGO_ROLLOUT", "detach")
    fake.frames = [(0, service(deployment("42", rolloutState="IN_PROGRESS", runningCount=0)))]

    async def program() -> None:
        gates = gate(fake)
        await call(gates.binding.before_update, old=inputs(OLD))
        await call(gates.binding.after_update, old=inputs(OLD))
        await confirm(gates)

    run(program)

    assert ran(fake) == [DATABASE, RELEASE]
    assert len(fake.called("DescribeServices")) == 1  # whether ECS has given it up, which it has not


def test_the_record_of_a_detached_update_differs_so_that_the_next_one_sees_to_it(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_DJANGO_ROLLOUT", "detach")
    assert registered(fake).of_type("pulumi-django:ecs:Rollout")[0].inputs["seen"] is False
    monkeypatch.delenv("PULUMI_DJANGO_ROLLOUT")
    assert "seen" not in registered(fake).of_type("pulumi-django:ecs:Rollout")[0].inputs


@pytest.mark.parametrize("variable", ["PULUMI_DJANGO_RELEASE", "PULUMI_DJANGO_ROLLOUT"])
def test_an_unknown_value_of_an_update_variable_is_refused(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "no")
    word = "skip" if variable.endswith("RELEASE") else "detach"
    with pytest.raises(ValueError, match=f"^{variable} is 'no': it must be '{word}' or unset$"):
        UpdateMode.from_environment()
    assert fake.calls == []


def test_the_variables_describe_the_mode() -> None:
    for mode in (UpdateMode(), UpdateMode(release=False), UpdateMode(wait=False)):
        assert UpdateMode.from_environment(mode.to_environment()) == mode
