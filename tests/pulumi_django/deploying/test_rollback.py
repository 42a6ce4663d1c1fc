"""A service of an update fails: the others return to the previous version, and the error lists what each runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from pulumi_django.deploying import event_loop
from pulumi_django.deploying.gate import ReleaseGate
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs
from pulumi_django.deploying.rollback import Rollback
from pulumi_django.deploying.rollout import RolloutError, RolloutRequest
from pulumi_django.testing import simulate
from tests.pulumi_django.deploying.test_gate import FakeAccess
from tests.support.fake_ecs import CLUSTER, FakeAws, arn, container

Frame = tuple[float, dict[str, Any]]


def definition(name: str, revision: int) -> str:
    return arn("task-definition", f"alpha-{name}:{revision}")


def state(
    name: str,
    revision: int,
    *,
    running: int = 1,
    rollout: str = "COMPLETED",
    others: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """A service with one wanted task on a revision, which is the latest deployment; `others` are earlier ones."""
    deployment: dict[str, Any] = {
        "id": f"ecs-svc/{name}-{revision}",
        "status": "PRIMARY",
        "taskDefinition": definition(name, revision),
        "desiredCount": 1,
        "runningCount": running,
        "pendingCount": 0,
        "rolloutState": rollout,
    }
    balanced: dict[str, Any] = {"loadBalancers": [{"targetGroupArn": "tg"}]} if name == "gunicorn" else {}
    return {
        "serviceName": f"alpha-{name}",
        "status": "ACTIVE",
        "desiredCount": 1,
        "deployments": [deployment, *others],
        "events": [],
        **balanced,
        **more,
    }


def rolled_back(name: str) -> dict[str, Any]:
    """ECS has returned to revision 1."""
    found = state(name, 1)
    found["deployments"][0] |= {"id": "ecs-svc/back", "rolloutStateReason": "circuit breaker: rolling back."}
    return found


def crash(name: str, revision: int, number: int = 1) -> dict[str, Any]:
    return {
        "taskArn": arn("task", f"{CLUSTER}/{name}{number}"),
        "taskDefinitionArn": definition(name, revision),
        "startedBy": f"ecs-svc/{name}-{revision}",
        "group": f"service:alpha-{name}",
        "lastStatus": "STOPPED",
        "startedAt": 1_000_000.0,
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": name, "exitCode": 1}],
    }


@dataclass(kw_only=True)
class SeveralServices(FakeAws):
    """Services by name. A change by UpdateService takes 6 s."""

    services: dict[str, list[Frame]] = field(default_factory=dict[str, "list[Frame]"])
    broken: str = ""
    """The service whose revision 2 ECS rolls back."""

    refuses: str = ""
    """Reason for which UpdateService is refused."""

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        name = parameters["services"][0].rsplit("-", 1)[-1]
        now = self.clock.now() - self.began
        return {"services": [frame for at, frame in self.services[name] if at <= now][-1:], "failures": []}

    def _ListTasks(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        # The hooks know their services by ARN, tasks by name.
        return super()._ListTasks({**parameters, "serviceName": parameters["serviceName"].rsplit("/", 1)[-1]})

    def _UpdateService(self, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:
        if self.refuses:
            return "ClientException", self.refuses
        name = parameters["service"].rsplit("-", 1)[-1]
        revision = int(parameters["taskDefinition"].rsplit(":", 1)[-1])
        now = self.clock.now() - self.began
        self.services[name] = [
            (now, state(name, revision, running=0, rollout="IN_PROGRESS")),
            (now + 6, rolled_back(name) if (name, revision) == (self.broken, 2) else state(name, revision)),
        ]
        return {"service": {}}

    @property
    def deployed(self) -> list[str]:
        """What UpdateService was asked for, in alphabetical order."""
        return sorted(call["taskDefinition"].rsplit("/", 1)[-1] for call in self.called("UpdateService"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> SeveralServices:
    account = SeveralServices()

    class HookClock:
        now = account.clock.now
        sleep = account.clock.sleep

        def cancel(self) -> None:
            pass

    monkeypatch.setattr(event_loop, "SystemClock", HookClock)
    return account


def gate(fake: FakeAws, **args: Any) -> ReleaseGate:
    fields: dict[str, Any] = {
        "cluster": CLUSTER,
        "subnet_ids": ["subnet-a"],
        "security_group_ids": ["sg-app"],
        "release_command": None,
        "aws": FakeAccess(fake=fake),
        **args,
    }
    return ReleaseGate("alpha", ReleaseGateArgs(**fields))


def hook(hooks: Any, name: str, new: int = 2, old: int | None = 1) -> Awaitable[None]:
    """Run the only hook of a moment for a service that changes its revision."""

    def inputs(revision: int) -> dict[str, Any]:
        return {"cluster": CLUSTER, "taskDefinition": definition(name, revision), "desiredCount": 1}

    (only,) = hooks
    return only(
        pulumi.ResourceHookArgs(
            urn=f"urn:pulumi:alpha::app::aws:ecs/service:Service::alpha-{name}",
            id=arn("service", f"{CLUSTER}/alpha-{name}"),
            name=f"alpha-{name}",
            type="aws:ecs/service:Service",
            new_inputs=inputs(new),
            old_inputs=inputs(old) if old else None,
        )
    )


async def updated(gates: ReleaseGate, *names: str, old: int | None = 1, new: int = 2) -> dict[str, str]:
    """The errors of services that are rolled out at the same time, by name."""
    hooks = gates.binding.after_update
    results = await asyncio.gather(*(hook(hooks, name, new=new, old=old) for name in names), return_exceptions=True)
    for result in results:
        if result is not None and not isinstance(result, RolloutError):
            raise result
    return {name: str(result) for name, result in zip(names, results, strict=True) if result is not None}


def run(program: Callable[[], Awaitable[Any]]) -> Any:
    """Return the result of an async program."""
    answers: list[Any] = []

    async def asked() -> None:
        answers.append(await program())

    simulate(asked)
    return answers[0]


def test_a_service_that_ecs_rolled_back_takes_the_others_back_with_it(fake: SeveralServices) -> None:
    fake.services = {
        "gunicorn": [(0, state("gunicorn", 2, running=0, rollout="IN_PROGRESS")), (40, rolled_back("gunicorn"))],
        "default": [(0, state("default", 2))],
        "beat": [(0, state("beat", 2, running=0, rollout="IN_PROGRESS"))],
    }
    fake.stopped = [(30, crash("gunicorn", 2)), (35, crash("beat", 2)), (36, crash("beat", 2, 2))]
    fake.containers = [container(name) for name in ("gunicorn", "default", "beat")]
    fake.streams = {"beat/beat/beat2": [(36, "ModuleNotFoundError: shop")]}

    errors = run(lambda: updated(gate(fake), "gunicorn", "default", "beat"))

    assert fake.deployed == ["alpha-beat:1", "alpha-default:1"]
    assert errors["gunicorn"].splitlines() == [
        "the rollout of alpha-gunicorn failed and ECS rolled it back: alpha-gunicorn:1 keeps serving, alpha-gunicorn:2 "
        "does not run",
        "  why: task gunicorn1 ended with exit code 1 (Essential container in task exited)",
        "  services:",
        "    alpha-default: rolled back to alpha-default:1, runs 1 on alpha-default:1 (1 desired)",
        "    alpha-beat: rolled back to alpha-beat:1, runs 1 on alpha-beat:1 (1 desired)",
        "      2 tasks crashed on alpha-beat:2: task beat2 ended with exit code 1 (Essential container in task exited)",
        "  its log (/ecs/alpha/gunicorn) is empty",
        "  last lines of its log (/ecs/alpha/beat):",
        "    ModuleNotFoundError: shop",
        "  next: correct the cause, then run `orchestrator update-env alpha` or `pulumi up --refresh`: it must be rolled out "
        "again",
    ]
    assert errors["beat"] == (
        "alpha-beat does not run alpha-beat:2, because the rollout of alpha-gunicorn failed: its error lists what each "
        "service runs"
    )


def test_a_service_that_was_deleted_after_its_rollout_is_reported_as_gone(fake: SeveralServices) -> None:
    fake.services = {
        "gunicorn": [(0, state("gunicorn", 2, running=0, rollout="IN_PROGRESS")), (90, rolled_back("gunicorn"))],
        "default": [(0, state("default", 2)), (80, {"serviceName": "alpha-default", "status": "INACTIVE"})],
    }
    errors = run(lambda: updated(gate(fake), "gunicorn", "default"))
    assert fake.deployed == []
    assert "    alpha-default: does not exist" in errors["gunicorn"].splitlines()


@pytest.mark.parametrize(
    "before",
    [
        state("default", 1),
        state(
            "default",
            2,
            running=0,
            rollout="IN_PROGRESS",
            others=[{"status": "ACTIVE", "taskDefinition": definition("default", 1), "runningCount": 1}],
        ),
    ],
    ids=["steady", "still on its way"],
)
def test_after_two_failures_every_service_returns_to_what_ran_and_not_to_the_first_failure(
    fake: SeveralServices, before: dict[str, Any]
) -> None:
    """The state has the revision of the update that failed before; AWS runs the one before that."""
    fake.services = {"gunicorn": [(0, state("gunicorn", 1))], "default": [(0, before)]}

    async def program() -> dict[str, str]:
        gates = gate(fake)
        for name in ("gunicorn", "default"):
            await hook(gates.binding.before_update, name, new=3, old=2)
        fake.services = {
            "gunicorn": [(0, state("gunicorn", 3))],
            "default": [(0, state("default", 3, running=0, rollout="IN_PROGRESS"))],
        }
        fake.stopped = [(number, crash("default", 3, number)) for number in range(1, 6)]
        return await updated(gates, "gunicorn", "default", old=2, new=3)

    errors = run(program)

    assert fake.deployed == ["alpha-default:1", "alpha-gunicorn:1"]
    assert "    alpha-gunicorn: rolled back to alpha-gunicorn:1, runs 1 on alpha-gunicorn:1" in errors["default"]


def test_a_service_that_keeps_crashing_unseen_by_ecs_is_brought_back_too(fake: SeveralServices) -> None:
    fake.services = {
        "default": [(0, state("default", 2, running=0, rollout="IN_PROGRESS"))],
        "gunicorn": [(0, state("gunicorn", 2))],
    }
    fake.stopped = [(number, crash("default", 2, number)) for number in range(1, 6)]

    errors = run(lambda: updated(gate(fake), "gunicorn", "default"))

    assert fake.deployed == ["alpha-default:1", "alpha-gunicorn:1"]
    assert "ECS has not rolled it back" in errors["default"]
    assert "    alpha-default: rolled back to alpha-default:1, runs 1 on alpha-default:1" in errors["default"]
    assert "    alpha-gunicorn: rolled back to alpha-gunicorn:1" in errors["default"]


def test_the_error_of_a_single_service_names_no_others(fake: SeveralServices) -> None:
    fake.services = {"gunicorn": [(0, rolled_back("gunicorn"))]}

    errors = run(lambda: updated(gate(fake), "gunicorn"))

    assert "services:" not in errors["gunicorn"]
    assert fake.deployed == []


def test_a_service_without_a_previous_version_stays_and_is_reported(fake: SeveralServices) -> None:
    fake.services = {
        "gunicorn": [(0, state("gunicorn", 2, running=0, rollout="FAILED"))],
        "default": [(0, state("default", 2))],
    }

    errors = run(lambda: updated(gate(fake), "default", "gunicorn", old=None))

    assert fake.deployed == []
    assert (
        "    alpha-default: no version before this update exists, runs 1 on alpha-default:2 (1 desired)"
        in errors["gunicorn"].splitlines()
    )


def test_a_failed_rollback_is_reported_with_its_reason(fake: SeveralServices) -> None:
    fake.services = {"gunicorn": [(0, rolled_back("gunicorn"))], "default": [(0, state("default", 2))]}
    fake.refuses = "TaskDefinition is inactive"

    errors = run(lambda: updated(gate(fake), "default", "gunicorn"))

    assert "    alpha-default: the rollback to alpha-default:1 failed: " in errors["gunicorn"]
    assert "TaskDefinition is inactive" in errors["gunicorn"]
    assert "runs 1 on alpha-default:2" in errors["gunicorn"]


def test_a_late_service_rolls_back_no_other_and_the_others_are_reported(fake: SeveralServices) -> None:
    fake.services = {
        "gunicorn": [(0, state("gunicorn", 2, running=0, rollout="IN_PROGRESS"))],
        "default": [(0, state("default", 2))],
    }

    errors = run(lambda: updated(gate(fake, rollout_timeout_seconds=60), "default", "gunicorn"))

    assert fake.deployed == []
    assert "is not finished after 60 s" in errors["gunicorn"]
    assert "    alpha-default: runs 1 on alpha-default:2 (1 desired)" in errors["gunicorn"].splitlines()


def test_a_rollout_that_waits_on_purpose_has_that_time_in_addition_to_the_limit(fake: SeveralServices) -> None:
    starts, late = (0, state("gunicorn", 2, running=0, rollout="IN_PROGRESS")), (600, state("gunicorn", 2))

    fake.services = {"gunicorn": [starts, late]}
    assert run(lambda: updated(gate(fake, rollout_timeout_seconds=60, waiting_seconds=600), "gunicorn")) == {}
    fake.services = {"gunicorn": [starts]}
    errors = run(lambda: updated(gate(fake, rollout_timeout_seconds=60, waiting_seconds=600), "gunicorn"))
    assert "is not finished after 660 s" in errors["gunicorn"]


def test_what_comes_after_a_failure_is_not_changed_or_is_brought_back(fake: SeveralServices) -> None:
    fake.services = {"gunicorn": [(0, rolled_back("gunicorn"))], "default": [(0, state("default", 2))]}

    async def program() -> list[str]:
        gates = gate(fake)
        errors = [(await updated(gates, "gunicorn"))["gunicorn"]]
        with pytest.raises(RolloutError) as caught:
            await hook(gates.binding.before_update, "beat")
        errors.append(str(caught.value))
        # Its update was on its way to AWS when the other one failed.
        return [*errors, (await updated(gates, "default"))["default"]]

    _, before, late = run(program)

    assert before == "not changed, because the rollout of alpha-gunicorn failed: see its error"
    assert fake.deployed == ["alpha-default:1"]
    assert late.startswith("alpha-default does not run alpha-default:2, because the rollout of alpha-gunicorn failed")


def test_no_rollout_is_recorded_before_every_service_has_ended_well(fake: SeveralServices) -> None:
    def program() -> None:
        gates = gate(fake)
        for name in ("gunicorn", "default", "beat"):
            carrier = aws.ecs.Service(name, cluster=CLUSTER, task_definition=definition(name, 2), desired_count=1)
            gates.confirm(name, carrier)

    result = simulate(program)

    services = {resource.urn for resource in result.of_type("aws:ecs/service:Service")}
    records = result.of_type("pulumi-django:ecs:Rollout")
    assert len(records) == len(services) == 3
    for record in records:
        assert services <= set(record.dependencies)


def test_a_failed_second_try_takes_the_others_back_to_what_they_ran_and_records_none(fake: SeveralServices) -> None:
    """After a failed update, the next update deploys the services that were rolled back."""
    fake.services = {"gunicorn": [(0, state("gunicorn", 1))], "default": [(0, state("default", 1))]}
    fake.broken = "gunicorn"

    async def confirm(gates: ReleaseGate, name: str) -> None:
        recorded = {
            "cluster": CLUSTER,
            "service": arn("service", f"{CLUSTER}/alpha-{name}"),
            "taskDefinition": definition(name, 2),
            "awake": True,
        }
        (only,) = gates._confirmation.before_update or []  # pyright: ignore[reportPrivateUsage]
        confirmed: Any = only
        await confirmed(
            pulumi.ResourceHookArgs(
                urn="urn", id="", name=f"alpha-{name}", type="t", new_inputs=recorded, old_inputs={"awake": True}
            )
        )

    async def program() -> list[object]:
        gates = gate(fake)
        answers = await asyncio.gather(confirm(gates, "default"), confirm(gates, "gunicorn"), return_exceptions=True)
        return [str(answer) for answer in answers]

    default, web = run(program)

    assert "not recorded" in default or "does not run" in default
    assert web.startswith("the rollout of alpha-gunicorn failed")
    assert fake.deployed == ["alpha-default:1", "alpha-default:2", "alpha-gunicorn:2"]


@pytest.mark.parametrize(
    ("status", "deployed", "told"),
    [
        ("SUCCESSFUL", ["alpha-web:1"], "    alpha-web: its traffic is moving back to alpha-web:1"),
        ("ROLLBACK_IN_PROGRESS", [], "    alpha-web: ECS is moving it back"),
    ],
)
def test_a_service_that_moves_traffic_is_moved_back_unless_ecs_does_it(
    fake: SeveralServices, status: str, deployed: list[str], told: str
) -> None:
    moving = state("web", 2, deploymentConfiguration={"strategy": "BLUE_GREEN"})
    fake.services = {"web": [(0, moving)], "default": [(0, rolled_back("default"))]}
    fake.deployments = [(0, {"arn": "deployment-2", "taskDefinition": definition("web", 2), "status": status})]

    def request(name: str) -> RolloutRequest:
        wanted, previous = definition(name, 2), definition(name, 1)
        return RolloutRequest(cluster=CLUSTER, service=f"alpha-{name}", task_definition=wanted, previous=previous)

    rollback = Rollback(fake.client("ecs"), fake.client("logs"), info=lambda _: None, clock=fake.clock)
    lines, _ = rollback.run([request("web"), request("default")], failed=request("default"), back=True)

    assert fake.deployed == deployed
    # While traffic moves, both versions run. That takes minutes, and the test does not wait.
    assert lines[1].startswith(told)
    assert fake.clock.now() == fake.began
