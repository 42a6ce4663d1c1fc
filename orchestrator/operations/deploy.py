"""`deploy`: new images into the stack's configuration, an update, and what became of every service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator import lifecycle
from orchestrator.config.assignments import Assignment, image_assignment
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.requests import PreviewEnv, UpdateEnv
from orchestrator.model import RunReport
from orchestrator.operations import application, ps
from orchestrator.operations.application import Application
from orchestrator.operations.at_work import alone
from orchestrator.operations.aws import ecs
from orchestrator.operations.aws.clients import Clients, RecordingClients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.target import Target
from orchestrator.operations.log_source import LogSource
from orchestrator.operations.observer import Note, Observer, ignore
from orchestrator.operations.ps import ServiceState
from orchestrator.operations.rollouts import Rollouts
from pulumi_django.deploying.release_tasks import Release, ReleaseRequest
from pulumi_django.deploying.rollout import RolloutRequest, RolloutWatch
from pulumi_django.deploying.task_log import LAST_LINES, printable
from pulumi_django.deploying.task_runner import task_id
from pulumi_django.deploying.update_mode import UpdateMode

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context

RELEASE_TIMEOUT_SECONDS = 1800.0
DATABASE_FAMILY = "database"


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """What is deployed, and how."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """Image references by name: `{"backend": "registry/app:tag"}` sets `backend_image`."""

    release: bool = True
    """Run the release command on the new image before any service takes it."""

    detach: bool = False
    """Return when ECS has been told, without waiting for the rollouts; the next update sees to them."""

    dry_run: bool = False
    """Only show what would change."""

    assignments: tuple[Assignment, ...] = ()
    """Further values for the configuration (`--set`)."""

    wait_seconds: float = 0.0
    """How long to wait while another deploy from this checkout is under way."""

    def __post_init__(self) -> None:
        if not self.images:
            raise UsageError(
                "no image is given: nothing can be deployed",
                "write for example --image backend=registry.example.com/shop/backend:1.4.2; `update-env` brings an "
                "environment in line with its configuration as it is",
            )


@dataclass(frozen=True, kw_only=True)
class Crash:
    """A task that crashed while a deploy failed."""

    service: str
    task: str
    version: str
    """Family and revision that it ran on."""

    reason: str
    """How it ended, as a clause."""

    hint: str | None
    log: tuple[str, ...]
    """Its last lines."""


@dataclass(frozen=True, kw_only=True)
class DeployResult:
    """What became of it."""

    images: Mapping[str, str]
    report: RunReport
    """How the stacks were updated."""

    services: tuple[ServiceState, ...] = ()
    """The services afterwards; none when nobody looked: a dry run, the simulation, no access to AWS."""

    crashes: tuple[Crash, ...] = ()
    """When it failed: the last task of each service that crashed meanwhile."""

    @property
    def exit_code(self) -> int:
        """The report's."""
        return self.report.exit_code


Carrier = Callable[[Job], RunReport]
"""Carries a job out; the command line shows its progress meanwhile."""


def run(
    request: Deploy,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    context: Context,
    carry_out: Carrier | None = None,
) -> DeployResult:
    """Deploy, and tell how each service's rollout goes by `RolloutMoved` events; errors of the update stand in the report.

    The stack's own hooks run the release before any service is touched and see every rollout to its end, so a crash loop
    fails the update with its reason while the old version serves.

    Raises StackLockedError when somebody else is at work, and what preparing an update raises.
    """
    do = carry_out or lifecycle.run
    if request.dry_run:
        return DeployResult(images=request.images, report=do(prepare(request, target, context)))
    if target.asleep:
        observer(Note(text=f"{target.environment} sleeps: its services take the image when it wakes"))
    app = application.find(context, target.environment)
    with alone(context.settings.root, target.environment, "deploy", wait_seconds=request.wait_seconds):
        job = prepare(request, target, context)
        known = _ended(target, clients)
        with _watched(target, clients, observer):
            report = do(job)
    if isinstance(clients, RecordingClients):
        if any(result.counts.changed for result in report.results):
            rehearse(request, target, clients, app)
        return DeployResult(images=request.images, report=report)
    services, crashes = _afterwards(target, clients, observer, known if report.exit_code else None)
    return DeployResult(images=request.images, report=report, services=services, crashes=crashes)


def prepare(request: Deploy, target: Target, context: Context) -> Job:
    """The update that the request comes to, checked; nothing is touched yet."""
    values = tuple(image_assignment(name, reference) for name, reference in request.images.items())
    assignments = (*values, *request.assignments)
    name = target.environment
    if request.dry_run:
        return replace(
            lifecycle.prepare(context, PreviewEnv(name=name, assignments=assignments)),
            command="deploy",
        )
    job = lifecycle.prepare(context, UpdateEnv(names=(name,), assignments=assignments))
    notes = job.notes
    if not any(config.changed for config in job.configs.values()):
        notes += (f"{name} is configured with these images already",)
    if not request.release:
        notes += ("the release is left out: the new code runs on the database as it is",)
    if request.detach:
        notes += ("nobody waits for the rollouts: the next update sees to them",)
    mode = UpdateMode(release=request.release, wait=not request.detach)
    return replace(job, command="deploy", notes=notes, environment=mode.to_environment())


@contextmanager
def _watched(target: Target, clients: Clients, observer: Observer) -> Generator[None]:
    """Tell of rollouts while the block runs; nobody is told in the simulation, where none is."""
    if isinstance(clients, RecordingClients):
        yield
        return
    over = threading.Event()
    rollouts = Rollouts(target, clients, observer)
    thread = threading.Thread(target=rollouts.follow, args=(over,), name=f"{target.environment} rollouts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=1)


def _ended(target: Target, clients: Clients) -> frozenset[str]:
    """Ids of the tasks that had ended before; none when AWS cannot be asked, which is told afterwards."""
    if isinstance(clients, RecordingClients):
        return frozenset()
    try:
        with explained(target.aws):
            ended = ecs.tasks(clients, target, None, stopped=True)
            return frozenset(task_id(task.get("taskArn", "")) for task in ended)
    except OrchestratorError:
        return frozenset()


def _afterwards(
    target: Target, clients: Clients, observer: Observer, known: frozenset[str] | None
) -> tuple[tuple[ServiceState, ...], tuple[Crash, ...]]:
    """The services, and what crashed of them that was not `known`; None: nothing is looked for."""
    try:
        services = ps.run(ps.ListTasks(), replace(target, asleep=False), clients).services
        with explained(target.aws):
            return services, _crashes(target, clients, known) if known is not None else ()
    except OrchestratorError as error:
        observer(Note(text=f"the services could not be looked at: {error.message}", severity="warning"))
        return (), ()


def _crashes(target: Target, clients: Clients, known: frozenset[str]) -> tuple[Crash, ...]:
    found: list[Crash] = []
    for service, stop in ps.crashes(target, clients, known=known).items():
        group = target.outputs.log_groups.get(service)
        source = LogSource(clients, service, group, since_ms=None) if group else None
        lines = source.last_of_task(stop.task, LAST_LINES) if source else []
        log = tuple(printable(line.text) for line in lines)
        found.append(
            Crash(service=service, task=stop.task, version=stop.version, reason=stop.reason, hint=stop.hint, log=log)
        )
    return tuple(found)


def rehearse(request: Deploy, target: Target, clients: RecordingClients, app: Application) -> None:
    """Make the calls with which the hooks of the stack would release and watch the rollouts, to nobody."""
    from pulumi_django.deploying.gate import DEFAULT_RELEASE_COMMAND

    services, logs, outputs = clients.client("ecs"), clients.client("logs"), target.outputs
    with explained(target.aws):
        if request.release and not target.asleep:
            database = f"{target.environment}-{DATABASE_FAMILY}"
            release = ReleaseRequest(
                cluster=outputs.cluster_name,
                subnet_ids=outputs.task_subnet_ids,
                security_group_ids=outputs.task_security_group_ids,
                database_task_definition=database if database in outputs.task_families else None,
                release_task_definition=outputs.release_task_family,
                command=app.get("release", "command") or DEFAULT_RELEASE_COMMAND,
                timeout_seconds=RELEASE_TIMEOUT_SECONDS,
            )
            Release(services, logs, release, info=_say_nothing, clock=clients.clock).run()
        for service in target.services if not request.detach else ():
            rollout = RolloutRequest(cluster=outputs.cluster_name, service=service.name, task_definition=service.name)
            watch = RolloutWatch(services, logs, rollout, info=_say_nothing, warn=_say_nothing, clock=clients.clock)
            watch.wait(RELEASE_TIMEOUT_SECONDS)


def _say_nothing(_text: str) -> None:
    pass
