"""The release gate: resource hooks that run the release before any ECS service changes, and watch every rollout after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pulumi
import pulumi_aws as aws

from pulumi_django.deploying import event_loop
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.event_loop import in_thread
from pulumi_django.deploying.polling import Clock
from pulumi_django.deploying.release_tasks import Release, ReleaseError, ReleaseRequest
from pulumi_django.deploying.rollback import Report, Rollback
from pulumi_django.deploying.rollout import RolloutError, RolloutRequest, RolloutWatch
from pulumi_django.deploying.rollout_group import RolloutGroup, Stopped
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.update_mode import RELEASE_VARIABLE, SKIP, UpdateMode
from pulumi_django.rules.text import visible

T = TypeVar("T")

DEFAULT_RELEASE_COMMAND = ("python", "manage.py", "migrate", "--no-input")

MIN_TIMEOUT_SECONDS = 60
"""Pulling an image and starting a Fargate task alone takes that long."""

MAX_TIMEOUT_SECONDS = 86400
"""A day: longer than any credentials that an update runs with."""

KNOWN_SECONDS = 300
"""How long the hook waits for the values of its arguments; they are known at once when services depend on them."""

# A service that changes in nothing else starts no container on other code.
_NOT_ROLLING = frozenset({"desiredCount", "tags", "tagsAll"})


@dataclass(frozen=True, kw_only=True)
class ReleaseGateArgs:
    cluster: pulumi.Input[str]
    """ARN or name of the cluster in which the tasks run."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets of the tasks, the services' own."""

    security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Security groups of the tasks, the services' own."""

    database_task_definition_arn: pulumi.Input[str] | None = None
    """Task definition whose own command ensures the environment's role and database; None leaves that out."""

    release_task_definition_arn: pulumi.Input[str] | None = None
    """Task definition with the new image, the services' role, environment and secrets; runs the release command in its
    first essential container. None leaves the release command out."""

    release_command: Sequence[str] | None = DEFAULT_RELEASE_COMMAND
    """What has to succeed before any service takes new code; None leaves it out (the database is still ensured)."""

    release_timeout_seconds: int = 1800
    """After this the release command's task is stopped and the update fails, 60 to 86400."""

    watch_rollouts: bool = True
    """Whether an update waits until every changed service is steady on what was asked for."""

    rollout_timeout_seconds: int = 1200
    """Limit for each service, 60 to 86400; ECS goes on after it, the update fails."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """How the hooks reach AWS; as the stack's AWS provider does."""

    def __post_init__(self) -> None:
        for name in ("release_timeout_seconds", "rollout_timeout_seconds"):
            seconds: int = getattr(self, name)
            if not MIN_TIMEOUT_SECONDS <= seconds <= MAX_TIMEOUT_SECONDS:
                limits = f"from {MIN_TIMEOUT_SECONDS} to {MAX_TIMEOUT_SECONDS} (a day)"
                raise ValueError(f"{name} is {seconds}: it is a number of seconds {limits}")
        if self.release_command is not None and not self.release_command:
            raise ValueError("release_command is empty: give the words of a command, or None for no release command")


class Rollout(pulumi.ComponentResource):
    """The last rollout of a service that was seen to its end; made by `ReleaseGate.confirm`. Holds no other resource."""

    def __init__(
        self,
        name: str,
        service: aws.ecs.Service,
        awake: pulumi.Input[bool],
        opts: pulumi.ResourceOptions | None = None,
        *,
        seen: bool = True,
    ) -> None:
        recorded: dict[str, pulumi.Input[Any]] = {
            "cluster": service.cluster,
            "service": service.id,
            "taskDefinition": service.task_definition,
            "triggers": service.triggers,
            # Not the count itself, which autoscaling changes.
            "awake": awake,
            # The next update that waits finds the difference and sees to it.
            **({} if seen else {"seen": False}),
        }
        super().__init__("pulumi-django:ecs:Rollout", name, recorded, opts)
        self.register_outputs({})


class ReleaseGate:
    """Makes updates of the ECS services that carry its `binding` safe.

    Before the first of them is created or takes new code, the database is ensured and the release command runs, once
    per update; the others wait for the same result. When it fails, none of them is changed and the next update runs it
    again. After each of them was created or updated, the update waits until it is steady on what was asked for. When one
    of them fails, those that took the new version too are brought back to the one before, and the error says what each
    service runs.

    No release runs for services that will have no task (desired count 0, so neither for an environment created asleep
    nor while one falls asleep), nor for a change of nothing but the count or the tags of a running service. Waking runs
    it, since code may have changed meanwhile. Nothing runs in previews. `update_mode` has the environment variables by
    which one update leaves the release out, or does not wait.

    The services must depend on the task definitions and on all that their tasks need (secret values, log groups,
    permissions): a hook runs as soon as the inputs and dependencies of its own service are there.

    `name` is the environment's name; it is unique in its stack, as the names of the hooks come from it.
    """

    binding: pulumi.ResourceHookBinding
    """For `ResourceOptions(hooks=...)` of every ECS service."""

    bounds_binding: pulumi.ResourceHookBinding
    """For the bounds between which a service is scaled: raised from zero, they start tasks by themselves."""

    def __init__(self, name: str, args: ReleaseGateArgs) -> None:
        self._name, self._args, self._mode = name, args, UpdateMode.from_environment()
        self._again = f"correct the cause, then run `orchestrator update-env {name}` or `pulumi up"
        # Without a record only a refresh shows that a rolled-back service is not what the state says.
        self._recorded = False
        self._release: asyncio.Future[None] | None = None
        self._released_for = ""
        self._values = pulumi.Output.all(
            cluster=args.cluster,
            subnet_ids=args.subnet_ids,
            security_group_ids=args.security_group_ids,
            database=args.database_task_definition_arn,
            release=args.release_task_definition_arn,
        )
        event_loop.watch()
        release = pulumi.ResourceHook(f"{name}-release", self._before)
        self.binding = pulumi.ResourceHookBinding(before_create=[release], before_update=[release])
        wake = pulumi.ResourceHook(f"{name}-wake", self._wake)
        self.bounds_binding = pulumi.ResourceHookBinding(before_create=[wake], before_update=[wake])
        self._confirmation = pulumi.ResourceHookBinding()
        if args.watch_rollouts:
            rollout = pulumi.ResourceHook(f"{name}-rollout", self._after)
            confirm = pulumi.ResourceHook(f"{name}-confirm", self._confirm)
            self.binding.after_create = self.binding.after_update = [rollout]
            self._confirmation = pulumi.ResourceHookBinding(before_create=[confirm], before_update=[confirm])
        self._group = RolloutGroup(self._recover)
        self._services: list[pulumi.Resource] = []
        self._steady: set[str] = set()
        self._scaled: dict[str, int] = {}

    def confirm(
        self,
        name: str,
        service: aws.ecs.Service,
        *,
        scaled_from: int | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> Rollout:
        """Record in the state which rollout of a service with the binding was seen to its end.

        The provider counts a service as updated before its rollout is decided. Without this record a rollout that
        failed, or that nobody saw to its end, is forgotten unless a refresh finds a difference; with it every update
        comes back to it, and deploys again what ECS has given up. No rollout is recorded before every service of the
        program has ended well, since one that fails brings the others back.

        The count of an autoscaled service is ignored in its inputs, so there it says nothing. `scaled_from` is the
        number of tasks with which such a service begins, 0 while it sleeps: when it wakes, the release runs and that
        number is set, as soon as the resources `after` (its bounds) are there.
        """
        self._recorded = True
        self._services.append(service)
        awake = service.desired_count.apply(bool)
        if scaled_from is not None:
            self._scaled[name] = scaled_from
            awake = pulumi.Output.from_input(scaled_from > 0)
        everything = pulumi.Output.from_input(self._all_services()).apply(lambda services: [*services, *after])
        options = pulumi.ResourceOptions(parent=service, hooks=self._confirmation, depends_on=everything)
        return Rollout(name, service, awake, options, seen=self._mode.wait)

    async def _all_services(self) -> list[pulumi.Resource]:
        # The program has called for all its resources before the event loop comes back to this.
        await asyncio.sleep(0)
        return self._services

    async def _before(self, args: pulumi.ResourceHookArgs) -> None:
        if self._group.failed:
            raise RolloutError(f"not changed, because the rollout of {self._group.failed} failed: see its error")
        if takes_new_code(args.new_inputs or {}, args.old_inputs, scaled=bool(self._scaled.get(args.name))):
            await self._release_once(args.name)

    async def _wake(self, args: pulumi.ResourceHookArgs) -> None:
        new, old = args.new_inputs or {}, args.old_inputs or {}
        if new.get("maxCapacity") and not old.get("maxCapacity"):
            await self._release_once(args.name)

    async def _release_once(self, service: str) -> None:
        if self._release is None:
            self._released_for = service
            self._release = asyncio.ensure_future(self._run_release())
            return await asyncio.shield(self._release)
        try:
            await asyncio.shield(self._release)
        except Exception as error:
            raise ReleaseError(
                f"not changed, because the release failed: see the error of {self._released_for}"
            ) from error
        return None

    async def _run_release(self) -> None:
        if not self._mode.release:
            pulumi.log.warn(f"{self._name}: the release is left out, as asked ({RELEASE_VARIABLE}={SKIP})")
            return
        values = await self._known()
        request = ReleaseRequest(
            cluster=values["cluster"],
            subnet_ids=values["subnet_ids"],
            security_group_ids=values["security_group_ids"],
            database_task_definition=values["database"],
            release_task_definition=values["release"],
            command=self._args.release_command,
            timeout_seconds=self._args.release_timeout_seconds,
            advice=f"{self._again}`: the release runs again",
        )

        def run(clock: Clock) -> None:
            ecs, logs = self._args.aws.client("ecs"), self._args.aws.client("logs")
            Release(ecs, logs, request, info=_say(pulumi.log.info, self._name), clock=clock).run()

        await _in_hook(run, f"{self._name} release", ReleaseError)

    async def _after(self, args: pulumi.ResourceHookArgs) -> None:
        new, old = args.new_inputs or {}, args.old_inputs or {}
        wanted, previous = await _plain(new.get("taskDefinition")), await _plain(old.get("taskDefinition"))
        request = RolloutRequest(
            cluster=await _plain(new.get("cluster")),
            service=args.id,
            task_definition=wanted,
            previous=previous,
            made_now=wanted != previous,
            desired_count=None if args.name in self._scaled else int(new.get("desiredCount") or 0),
            advice=f"{self._again}{'' if self._recorded else ' --refresh'}`: it is rolled out again",
        )
        if not self._mode.wait:
            return
        await self._group.watch(request, lambda stopped: self._roll(request, stopped))
        self._steady.add(args.id)

    async def _confirm(self, args: pulumi.ResourceHookArgs) -> None:
        new = args.new_inputs or {}
        service = await _plain(new.get("service"))
        wakes = new.get("awake") and args.old_inputs is not None and not args.old_inputs.get("awake")
        count = self._scaled.get(args.name, 0) if wakes else 0
        if service in self._steady and not count:
            return
        request = RolloutRequest(
            cluster=await _plain(new.get("cluster")),
            service=service,
            task_definition=await _plain(new.get("taskDefinition")),
            desired_count=count or None,
            advice=f"{self._again}`: it is rolled out again",
        )
        with self._group.under_way():
            if count:
                await self._release_once(args.name)
                await self._watch(request, lambda watch, _: watch.scale(count))
            again, runs = await self._watch(request, lambda watch, _: (watch.given_up(), watch.runs))
            if again and new.get("awake"):
                await self._release_once(args.name)
            request = replace(request, previous=runs if again and runs != request.task_definition else None)
            await self._group.watch(request, lambda stopped: self._roll(request, stopped, again=again))
        await self._group.settled()

    async def _roll(self, request: RolloutRequest, stopped: Stopped, *, again: bool = False) -> None:
        def work(watch: RolloutWatch, timeout_seconds: float) -> None:
            if again:
                watch.deploy_again()
            if self._mode.wait:
                watch.wait(timeout_seconds, stopped)

        await self._watch(request, work)

    async def _recover(self, requests: Sequence[RolloutRequest], failed: RolloutRequest, back: bool) -> Report:
        def run(clock: Clock) -> Report:
            ecs, logs = self._args.aws.client("ecs"), self._args.aws.client("logs")
            rollback = Rollback(ecs, logs, info=_say(pulumi.log.info, self._name), clock=clock)
            return rollback.run(requests, failed=failed, back=back)

        return await _in_hook(run, f"{self._name} rollback", RolloutError)

    async def _watch(self, request: RolloutRequest, work: Callable[[RolloutWatch, float], T]) -> T:
        name = f"{short(request.service)} rollout"

        def run(clock: Clock) -> T:
            ecs, logs = self._args.aws.client("ecs"), self._args.aws.client("logs")
            info, warn = _say(pulumi.log.info, f"{name}:"), _say(pulumi.log.warn, f"{name}:")
            watch = RolloutWatch(ecs, logs, request, info=info, warn=warn, clock=clock)
            return work(watch, self._args.rollout_timeout_seconds)

        return await _in_hook(run, name, RolloutError)

    async def _known(self) -> Mapping[str, Any]:
        try:
            values = await asyncio.wait_for(asyncio.shield(self._values.future()), KNOWN_SECONDS)
        except TimeoutError:
            values = None
        if values is None:
            raise ReleaseError(
                f"the task definitions of the release of {self._name} are not there yet: let every service that carries"
                " the binding depend on them"
            )
        return values


def takes_new_code(new: Mapping[str, Any], old: Mapping[str, Any] | None, *, scaled: bool = False) -> bool:
    """Whether creating (`old` is None) or updating a service with these inputs starts tasks on perhaps other code.

    `scaled` says that Application Auto Scaling gives the service its tasks: then the count in the inputs means nothing.
    """
    if not new.get("desiredCount") and not scaled:
        return False
    if old is None or not (old.get("desiredCount") or scaled):
        return True
    changed = {key for key in {*new, *old} if not key.startswith("__") and new.get(key) != old.get(key)}
    # Without a changed input it is what AWS has that differs, for example after a rollback.
    return not changed or not changed <= _NOT_ROLLING


async def _in_hook(work: Callable[[Clock], T], name: str, error_type: type[Exception]) -> T:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return await in_thread(work, name=name)
    except (BotoCoreError, ClientError) as error:
        raise error_type(
            f"the {name} could not be seen to its end: {error}\n"
            "  next: it uses region, profile and endpoint of the stack's AWS provider; see that they give access to ECS"
            " and CloudWatch Logs, then update again"
        ) from error


def _say(log: Callable[[str], None], prefix: str) -> Callable[[str], None]:
    return lambda text: log(f"{prefix} {visible(text)}")


async def _plain(value: object) -> Any:
    """A hook's input without the Output that the SDK wraps around a secret one."""
    return await value.future() if isinstance(value, pulumi.Output) else value
