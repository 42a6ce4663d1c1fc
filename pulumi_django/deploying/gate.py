"""The release gate: resource hooks that run the release before any ECS service changes, and watch every rollout."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pulumi
import pulumi_aws as aws

from pulumi_django.deploying import event_loop
from pulumi_django.deploying.event_loop import in_thread
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs
from pulumi_django.deploying.polling import Clock
from pulumi_django.deploying.release_steps import DatabaseRecord, ReleaseStep, Step, is_due
from pulumi_django.deploying.release_tasks import Release, ReleaseError, ReleaseRequest
from pulumi_django.deploying.rollback import Report, Rollback
from pulumi_django.deploying.rollout import RolloutError, RolloutRequest, RolloutWatch
from pulumi_django.deploying.rollout_group import Rollout, RolloutGroup, Stopped
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.update_mode import RELEASE_VARIABLE, SKIP, UpdateMode
from pulumi_django.rules.text import visible

T = TypeVar("T")

KNOWN_SECONDS = 300
"""Time within which the values of the hook's arguments must be known. When services depend on them, they are known at
once."""

# Words of PostgreSQL for a database, a role or a password that is not there.
_NO_DATABASE = re.compile(r"(database|role) \"[^\"]*\" does not exist|password authentication failed")

# A change of only these inputs starts no container on other code.
_NOT_ROLLING = frozenset({"desiredCount", "tags", "tagsAll"})


class ReleaseGate:
    """Makes updates of the ECS services that carry its `binding` safe.

    The release ensures the database and runs the release command. It runs once per update, before the first service is
    created or runs new code, and all services wait for its result. When it fails, no service changes, and the next update
    runs it again. After a service was created or updated, the update waits until the service is steady on its requested
    task definition. When one service fails, the others return to the previous version, and the error lists what each
    service runs.

    No release runs for a service without tasks (desired count 0: an environment that is created asleep, or goes to sleep),
    or for a change of only the count or the tags of a running service. Waking an environment runs the release, because the
    code can have changed meanwhile. Previews run nothing. `update_mode` has the environment variables with which one update
    skips the release or does not wait.

    The services must depend on the task definitions and on everything that their tasks need (secret values, log groups,
    permissions), because a hook runs as soon as the inputs and dependencies of its own service are known.

    `name` is the environment's name. It must be unique in its stack, because the names of the hooks contain it.
    """

    binding: pulumi.ResourceHookBinding
    """For `ResourceOptions(hooks=...)` of every ECS service."""

    bounds_binding: pulumi.ResourceHookBinding
    """For the scaling bounds of a service. Raising them from zero starts tasks."""

    def __init__(self, name: str, args: ReleaseGateArgs) -> None:
        self._name, self._args, self._mode = name, args, UpdateMode.from_environment()
        self._again = f"correct the cause, then run `orchestrator update-env {name}` or `pulumi up"
        # Without a record only a refresh finds that a rolled-back service differs from the state.
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
        self._records: list[Rollout] = []
        self._steps: list[ReleaseStep] = []
        self._database_recorded = False
        self._steady: set[str] = set()
        self._scaled: dict[str, int] = {}
        self._ran: dict[str, str | None] = {}

    def confirm(
        self,
        name: str,
        service: aws.ecs.Service,
        *,
        scaled_from: int | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> Rollout:
        """Record in the state the finished rollout of a service that has the binding.

        The provider marks a service as updated before its rollout ends. Without this record, only a refresh finds a rollout
        that failed or was not watched to its end. With the record, every update checks it again, and deploys again what ECS
        has given up. A rollout is recorded only after every service of the program has succeeded, because a service that
        fails rolls back the others.

        Pulumi ignores changes of the count of an autoscaled service. `scaled_from` is the number of tasks with which such a
        service starts, 0 while it sleeps. When it wakes, the release runs and sets that number, as soon as the resources
        `after` (its scaling bounds) exist.
        """
        self._recorded = True
        self._services.append(service)
        awake = service.desired_count.apply(bool)
        if scaled_from is not None:
            self._scaled[name] = scaled_from
            awake = pulumi.Output.from_input(scaled_from > 0)
        everything = pulumi.Output.from_input(self._all_services()).apply(lambda services: [*services, *after])
        options = pulumi.ResourceOptions(parent=service, hooks=self._confirmation, depends_on=everything)
        record = Rollout(name, service, awake, options, seen=self._mode.wait)
        self._records.append(record)
        return record

    def database(
        self, secret_versions: Sequence[pulumi.Input[str]], *, awake: bool, parent: pulumi.Resource | None = None
    ) -> pulumi.Output[pulumi.Resource]:
        """Run the database task only when its definition or one of these versions of its secrets changes, and record it.

        The services must depend on the result, which is known when the task has succeeded. Without this method the task runs
        before each release.
        """
        self._database_recorded = True
        hook = pulumi.ResourceHook(f"{self._name}-database", self.ensure_database)
        hooks = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
        record = DatabaseRecord(
            f"{self._name}-database-ready",
            self._args.database_task_definition_arn or "",
            secret_versions,
            waits=not (awake and self._mode.release),
            opts=pulumi.ResourceOptions(parent=parent, hooks=hooks),
        )

        async def ready() -> pulumi.Resource:
            await record.urn.future()
            return record

        return pulumi.Output.from_input(ready())

    async def ensure_database(self, args: pulumi.ResourceHookArgs) -> None:
        """The hook of the record of the database."""
        if (args.new_inputs or {}).get("waits"):
            return
        await self._run_tasks(await self._known(), None, database=True)

    def step(self, step: Step, *, awake: bool, parent: pulumi.Resource | None = None) -> ReleaseStep:
        """Run a command after the rollout of every service of the program and the steps before it, and record its success.

        It waits for a later update while the environment sleeps, and in an update without release or without waiting.
        """
        hook = pulumi.ResourceHook(f"{self._name}-{step.name}", lambda args: self.run_step(step, args))
        hooks = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
        confirmed = pulumi.Output.from_input(self._all_confirmed([*self._steps]))
        options = pulumi.ResourceOptions(parent=parent, hooks=hooks, depends_on=confirmed)
        definition = self._args.release_task_definition_arn or ""
        waits = not (awake and self._mode.release and self._mode.wait)
        made = ReleaseStep(f"{self._name}-{step.name}", step, definition, waits=waits, opts=options)
        self._steps.append(made)
        return made

    async def _all_confirmed(self, steps: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """The services, as soon as the engine has written the record of every rollout, and of the steps before."""
        services = await self._all_services()
        for record in (*self._records, *steps):
            # A component without children is not a dependency, but its URN is known only when its hook has succeeded.
            await record.urn.future()
        return services

    async def run_step(self, step: Step, args: pulumi.ResourceHookArgs) -> None:
        """The hook of a step."""
        if not is_due(step, args.new_inputs or {}, args.old_inputs):
            return
        await self._group.settled()
        request = self._request_of(await self._known(), step.command, f"{self._again}`: {step.setting} runs again")

        def run(clock: Clock) -> None:
            ecs, logs = self._args.aws.client("ecs"), self._args.aws.client("logs")
            release = Release(ecs, logs, request, info=_say(pulumi.log.info, self._name), clock=clock)
            release.run_afterwards(step.setting, f"the command of {step.setting}")

        await _in_hook(run, f"{self._name} {step.setting}", ReleaseError)

    async def _all_services(self) -> list[pulumi.Resource]:
        # The program has registered all its resources before the event loop continues here.
        await asyncio.sleep(0)
        return self._services

    async def _before(self, args: pulumi.ResourceHookArgs) -> None:
        if self._group.failed:
            raise RolloutError(f"not changed, because the rollout of {self._group.failed} failed: see its error")
        if takes_new_code(args.new_inputs or {}, args.old_inputs, scaled=bool(self._scaled.get(args.name))):
            await self._release_once(args.name)
        if args.old_inputs and self._mode.wait and self._args.watch_rollouts:
            await self._remember(args.id, args.new_inputs or {}, args.old_inputs)

    async def _remember(self, service: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Remember the version to which a service returns when a rollout of this update fails."""
        wanted = await _plain(new.get("taskDefinition"))
        if wanted != await _plain(old.get("taskDefinition")):
            request = RolloutRequest(cluster=await _plain(new.get("cluster")), service=service, task_definition=wanted)
            self._ran[service] = await self._watch(request, lambda watch, _: watch.before())

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
        except Exception as error:  # whatever ended the shared release ends this service too
            raise ReleaseError(
                f"not changed, because the release failed: see the error of {self._released_for}"
            ) from error
        return None

    async def _run_release(self) -> None:
        if not self._mode.release:
            pulumi.log.warn(f"{self._name}: the release is skipped ({RELEASE_VARIABLE}={SKIP})")
            return
        values = await self._known()
        try:
            await self._run_tasks(values, self._args.release_command, database=not self._database_recorded)
        except ReleaseError as error:
            if not self._database_recorded or not _NO_DATABASE.search(str(error)):
                raise
            pulumi.log.warn(f"{self._name}: the database is not as recorded, so its task runs again")
            await self._run_tasks(values, self._args.release_command, database=True)

    async def _run_tasks(self, values: Mapping[str, Any], command: Sequence[str] | None, *, database: bool) -> None:
        request = self._request_of(values, command, f"{self._again}`: the release runs again", database=database)

        def run(clock: Clock) -> None:
            ecs, logs = self._args.aws.client("ecs"), self._args.aws.client("logs")
            Release(ecs, logs, request, info=_say(pulumi.log.info, self._name), clock=clock).run()

        await _in_hook(run, f"{self._name} release", ReleaseError)

    def _request_of(
        self, values: Mapping[str, Any], command: Sequence[str] | None, advice: str, *, database: bool = False
    ) -> ReleaseRequest:
        return ReleaseRequest(
            cluster=values["cluster"],
            subnet_ids=values["subnet_ids"],
            security_group_ids=values["security_group_ids"],
            database_task_definition=values["database"] if database else None,
            release_task_definition=values["release"],
            command=command,
            timeout_seconds=self._args.release_timeout_seconds,
            advice=advice,
        )

    async def _after(self, args: pulumi.ResourceHookArgs) -> None:
        new, old = args.new_inputs or {}, args.old_inputs or {}
        wanted, previous = await _plain(new.get("taskDefinition")), await _plain(old.get("taskDefinition"))
        request = RolloutRequest(
            cluster=await _plain(new.get("cluster")),
            service=args.id,
            task_definition=wanted,
            previous=self._ran.get(args.id) or previous,
            made_now=wanted != previous,
            desired_count=None if args.name in self._scaled else int(new.get("desiredCount") or 0),
            advice=f"{self._again}{'' if self._recorded else ' --refresh'}`: it must be rolled out again",
        )
        if not self._mode.wait:
            return
        again = False
        if wanted == previous:
            # The provider sends no task definition when only the count changed. An earlier update that failed has taken
            # the service back to another one, so this one is deployed again.
            again, runs = await self._watch(request, lambda watch, _: (watch.given_up(), watch.runs))
            if again:
                if request.desired_count != 0:
                    await self._release_once(args.name)
                request = replace(request, previous=runs if runs != wanted else None)
        await self._group.watch(request, lambda stopped: self._roll(request, stopped, again=again))
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
            advice=f"{self._again}`: it must be rolled out again",
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
            return work(watch, self._args.rollout_timeout_seconds + self._args.waiting_seconds)

        return await _in_hook(run, name, RolloutError)

    async def _known(self) -> Mapping[str, Any]:
        try:
            values = await asyncio.wait_for(asyncio.shield(self._values.future()), KNOWN_SECONDS)
        except TimeoutError:
            values = None
        if values is None:
            raise ReleaseError(
                f"the task definitions of the release of {self._name} are not known: every service with the binding must"
                " depend on them"
            )
        return values


def takes_new_code(new: Mapping[str, Any], old: Mapping[str, Any] | None, *, scaled: bool = False) -> bool:
    """Return whether creating (`old` is None) or updating a service with these inputs can start tasks on other code.

    With `scaled`, Application Auto Scaling sets the number of tasks, and the count in the inputs has no effect.
    """
    if not new.get("desiredCount") and not scaled:
        return False
    if old is None or not (old.get("desiredCount") or scaled):
        return True
    changed = {key for key in {*new, *old} if not key.startswith("__") and new.get(key) != old.get(key)}
    # Without a changed input the service in AWS differs from the state, for example after a rollback.
    return not changed or not changed <= _NOT_ROLLING


async def _in_hook(work: Callable[[Clock], T], name: str, error_type: type[Exception]) -> T:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return await in_thread(work, name=name)
    except (BotoCoreError, ClientError) as error:
        raise error_type(
            f"the {name} could not be finished: {error}\n"
            "  next: check that region, profile and endpoints of the stack's AWS provider give access to ECS and"
            " CloudWatch Logs, then update again"
        ) from error


def _say(log: Callable[[str], None], prefix: str) -> Callable[[str], None]:
    return lambda text: log(f"{prefix} {visible(text)}")


async def _plain(value: object) -> Any:
    """Return a hook's input without the Output that the SDK wraps around a secret."""
    return await value.future() if isinstance(value, pulumi.Output) else value
