"""`run`: a command in a Fargate task with image, role, environment, secrets and network of a service."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.errors import InterruptedRunError, OperationFailedError, UsageError
from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.operations.tasks import hint_of, hint_of_words, runner
from pulumi_django.deploying.polling import Cancelled
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.task_end import TaskEnd
from pulumi_django.deploying.task_runner import RunningTask, TaskError, TaskRequest, TaskResult, TaskTimeout
from pulumi_django.rules.sizing import check_fargate_size

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import AwsVpcConfigurationOutputTypeDef, ServiceTypeDef

STARTED_BY = "orchestrator/run"
"""`startedBy` of these tasks in ECS."""

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
MAX_OVERRIDES_CHARACTERS = 8192

FOREVER_SECONDS = float("inf")


class OnInterrupt(StrEnum):
    """The fate of the task when the user interrupts the command."""

    STOP = "stop"
    LEAVE = "leave"
    FOLLOW = "follow"


@dataclass(frozen=True, kw_only=True)
class RunCommand:
    """The command and its task. Variables and secrets are those of the service."""

    command: tuple[str, ...]
    """The words of the command; no shell interprets them."""

    service: str | None = None
    """The service whose image, role, variables, secrets and network are used; None is the web service."""

    cpu_units: int | None = None
    """CPU units, 1024 for one vCPU; None for the service's size."""

    memory_mib: int | None = None
    """Memory that Fargate offers for this CPU; None for the service's size."""

    spot: bool = False
    """Use cheaper capacity that AWS may take back at any time."""

    detach: bool = False
    """Return as soon as ECS accepts the task."""

    timeout_seconds: float = FOREVER_SECONDS
    """The task is stopped after this time."""

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise UsageError(
                "no command is given: there is nothing to run",
                "write it after --, for example -- python manage.py check",
            )
        if sum(map(len, self.command)) > MAX_OVERRIDES_CHARACTERS:
            raise UsageError(
                f"the command has {sum(map(len, self.command))} characters: ECS allows {MAX_OVERRIDES_CHARACTERS}",
                "add a script to the image, or read it from a bucket",
            )
        if (self.cpu_units is None) != (self.memory_mib is None):
            raise UsageError("cpu_units and memory_mib must be given together")
        if self.cpu_units is not None and self.memory_mib is not None:
            try:
                check_fargate_size(self.cpu_units, self.memory_mib)
            except ValueError as error:
                raise UsageError(f"Fargate has no task of this size: {error}") from None


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """A command that ran, or that runs detached."""

    service: str
    version: str
    """Family and revision of the task definition."""

    command: tuple[str, ...]
    task: str
    """Short id of the task."""

    exit_code: int | None
    """Exit code of the command; None while it runs, and after a kill without an exit code."""

    reason: str | None
    """The end of the task, as a clause; None while it runs."""

    hint: str | None = None
    interrupted: bool = False
    """Whether AWS took back the Fargate Spot capacity."""

    log_group: str | None = None
    log_stream: str | None = None

    @property
    def code(self) -> int:
        """Exit code for a process that represents the command."""
        if self.reason is None:
            return 0
        return 1 if self.exit_code is None else self.exit_code


Decide = Callable[[str], OnInterrupt]
"""Gets the task's id and returns what happens to it."""


def run(
    request: RunCommand,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    decide: Decide = lambda _: OnInterrupt.STOP,
) -> CommandResult:
    """Run the command and follow it to its end; its complete log lines are `LogLine` events.

    A clock that raises `Cancelled` (`WakefulClock.wake`) interrupts: `decide` then chooses what happens to the task.
    Raises UsageError for an unknown service, OperationFailedError when the task never started or ran too long,
    InterruptedRunError after an interrupt.
    """
    service = target.service(request.service)
    with explained(target.aws):
        found = services.the_service(clients, target, service)
        if target.rest:
            observer(Note(text=f"{target.environment} is {target.rest}: its Redis and workers do not run"))
        return _Run(request, target, clients, observer, service, found).carry_out(decide)


class _Run:
    def __init__(
        self,
        request: RunCommand,
        target: Target,
        clients: Clients,
        observer: Observer,
        service: Service,
        found: ServiceTypeDef,
    ) -> None:
        self._request, self._target, self._observer, self._service = request, target, observer, service
        self._definition = found.get("taskDefinition", "")
        self._network = _network(found)
        self._clock = clients.clock
        self._runner = runner(clients, observer, service.short)

    def carry_out(self, decide: Decide) -> CommandResult:
        task = self._start()
        if self._request.detach:
            return self._result(task, None)
        deadline = self._clock.now() + self._request.timeout_seconds
        while True:
            try:
                return self._result(task, self._follow(task, deadline).end)
            except Cancelled:
                choice = decide(task.id)
                if choice is OnInterrupt.LEAVE:
                    raise self._left(task) from None
                if choice is OnInterrupt.STOP:
                    raise self._stopped(task) from None

    def _start(self) -> RunningTask:
        words = shlex.join(self._request.command)
        try:
            self._clock.sleep(0)
            return self._runner.start(self._task_request())
        except Cancelled:
            raise InterruptedRunError(f"interrupted before `{words}` was started") from None
        except TaskError as error:
            if error.__cause__ is not None:
                raise
            raise OperationFailedError(f"`{words}` was not run: {error}", hint_of_words(str(error))) from error

    def _task_request(self) -> TaskRequest:
        request, outputs = self._request, self._target.outputs
        return TaskRequest(
            cluster=outputs.cluster_name,
            task_definition=self._definition,
            subnet_ids=self._network["subnets"] or outputs.task_subnet_ids,
            security_group_ids=self._network.get("securityGroups") or outputs.task_security_group_ids,
            assign_public_ip=self._network.get("assignPublicIp") == "ENABLED",
            command=request.command,
            container=self._service.short,
            started_by=STARTED_BY,
            spot=request.spot,
            cpu_units=request.cpu_units,
            memory_mib=request.memory_mib,
        )

    def _follow(self, task: RunningTask, deadline: float) -> TaskResult:
        try:
            return self._runner.follow(task, timeout_seconds=max(0.0, deadline - self._clock.now()))
        except TaskTimeout as error:
            raise OperationFailedError(
                f"`{shlex.join(self._request.command)}` did not end in time: {error}",
                "give it more time with --timeout",
            ) from error

    def _stopped(self, task: RunningTask) -> InterruptedRunError:
        """Stop the task and follow it to its end; a second interrupt returns at once."""
        self._runner.stop(task.cluster, task.arn, "interrupted by the user")
        self._observer(Note(text=f"stopping task {task.id}: it gets a few seconds to end"))
        try:
            end = self._follow(task, FOREVER_SECONDS).end
        except Cancelled:
            return InterruptedRunError(f"interrupted: ECS stops task {task.id}")
        return InterruptedRunError(f"interrupted: task {task.id} was stopped and {end}")

    def _left(self, task: RunningTask) -> InterruptedRunError:
        environment, region = self._target.environment, self._target.aws.region
        where = f"--region {region} --cluster {task.cluster}" if region else f"--cluster {task.cluster}"
        return InterruptedRunError(
            f"interrupted: task {task.id} still runs",
            f"continue with `orchestrator logs {environment} --service {self._service.short} --follow`; stop it with "
            f"`aws ecs stop-task {where} --task {task.id}`",
        )

    def _result(self, task: RunningTask, end: TaskEnd | None) -> CommandResult:
        if end is not None and not end.started and not end.interrupted:
            raise OperationFailedError(
                f"`{shlex.join(self._request.command)}` was not run: task {task.id} {end}", hint_of(end, command=True)
            )
        if task.log and task.log.problem:
            text = f"its log ({task.log.stream.group}) cannot be read: {task.log.problem}"
            self._observer(Note(text=text, severity="warning"))
        return CommandResult(
            service=self._service.short,
            version=short(self._definition),
            command=self._request.command,
            task=task.id,
            exit_code=end.exit_code if end else None,
            reason=str(end) if end else None,
            hint=hint_of(end, command=True) if end and not end.succeeded else None,
            interrupted=bool(end and end.interrupted),
            log_group=task.log.stream.group if task.log else None,
            log_stream=task.log.stream.name if task.log else None,
        )


def _network(found: ServiceTypeDef) -> AwsVpcConfigurationOutputTypeDef:
    configuration = found.get("networkConfiguration", {})
    return configuration.get("awsvpcConfiguration", {"subnets": []})
