"""`deploy`: new images in the stack's configuration, an update, and the state of every service afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator import lifecycle
from orchestrator.config.assignments import Assignment, image_assignment
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.lifecycle import states
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.requests import PreviewEnv, UpdateEnv
from orchestrator.model import RunReport
from orchestrator.operations import app_stack, deploy_lock, ps
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws import ecs
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import Note, Observer, RolloutMoved, ignore
from orchestrator.operations.log_source import LogSource
from orchestrator.operations.ps import ServiceState
from orchestrator.operations.releases import approvals
from pulumi_django.deploying.release_tasks import Release, ReleaseRequest
from pulumi_django.deploying.rollout import RolloutRequest, RolloutWatch
from pulumi_django.deploying.rollout_state import primary, short
from pulumi_django.deploying.task_log import LAST_LINES, printable
from pulumi_django.deploying.task_runner import task_id
from pulumi_django.deploying.update_mode import UpdateMode

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef

    from orchestrator.lifecycle.context import Context
    from orchestrator.operations.releases.migrations import PendingMigration

RELEASE_TIMEOUT_SECONDS = 1800.0
BACKEND = "backend"
"""Name of the image with the Django project."""

LOOK_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """The images of a deploy, and its options."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """Image references by name: `{"backend": "registry/app:tag"}` sets `backend_image`."""

    release: bool = True
    """Run the release command on the new image before any service takes it."""

    detach: bool = False
    """Return before the rollouts end; the next update waits for them."""

    dry_run: bool = False
    """Only preview the changes."""

    assignments: tuple[Assignment, ...] = ()
    """Further values for the configuration (`--set`)."""

    wait_seconds: float = 0.0
    """Longest wait for another deploy of this checkout."""

    check_migrations: bool | None = None
    """First check the pending migrations of a new backend image; None is `[deploy] check_migrations`."""

    command: str = "deploy"
    """The command for the report and for the history of the stack."""

    def __post_init__(self) -> None:
        if not self.images and not self.assignments:
            raise UsageError(
                "no image is given: there is nothing to deploy",
                "for example --image backend=registry.example.com/shop/backend:1.4.2; `update-env` applies an "
                "environment's configuration without a new image",
            )


@dataclass(frozen=True, kw_only=True)
class Crash:
    """A task that crashed during a failed deploy."""

    service: str
    task: str
    version: str
    """Family and revision of the task."""

    reason: str
    """The end of the task, as a clause."""

    hint: str | None
    log: tuple[str, ...]
    """The last lines of its log."""


@dataclass(frozen=True, kw_only=True)
class DeployResult:
    """The result of a deploy."""

    images: Mapping[str, str]
    report: RunReport
    """The update of the stacks."""

    services: tuple[ServiceState, ...] = ()
    """The services afterwards; empty after a dry run, in the simulation and without access to AWS."""

    migrations: tuple[PendingMigration, ...] | None = None
    """Pending migrations of the new image; None when they were not checked."""

    crashes: tuple[Crash, ...] = ()
    """The last crashed task of each service, if the deploy failed."""

    @property
    def exit_code(self) -> int:
        """The report's exit code."""
        return self.report.exit_code


Carrier = Callable[[Job], RunReport]
"""Carries out a job; the command line shows its progress meanwhile."""


def run(
    request: Deploy,
    target: Target,
    clients: Clients,
    observer: Observer = ignore,
    *,
    context: Context,
    carry_out: Carrier | None = None,
) -> DeployResult:
    """Deploy, and report the progress of rollouts as `RolloutMoved` events. Errors of the update are in the report.

    The stack's own hooks run the release before any service changes and wait for the end of every rollout. A crash loop
    therefore fails the update with its reason while the old version serves.

    Raises StackLockedError while another deploy is under way, and the errors of preparing an update.
    """
    do = carry_out or lifecycle.run
    pending = _checked(request, target, clients, context, observer)
    if request.dry_run:
        return DeployResult(images=request.images, report=do(prepare(request, target, context)), migrations=pending)
    app = app_stack.find(context, target.environment)
    with deploy_lock.hold(
        context.settings.root, target.environment, request.command, wait_seconds=request.wait_seconds
    ):
        job = prepare(request, target, context)
        if target.rest:
            when = "when it wakes" if target.asleep else f"then, or after `orchestrator wake {target.environment}`"
            observer(Note(text=f"{target.environment} is {target.rest}: its services take the image {when}"))
        known = _ended(target, clients)
        with _watched(target, clients, observer, context):
            report = do(job)
    if clients.simulated:
        if any(result.counts.changed for result in report.results):
            rehearse(request, target, clients, app)
        return DeployResult(images=request.images, report=report, migrations=pending)
    services, crashes = _afterwards(target, clients, observer, known if report.exit_code else None)
    return DeployResult(images=request.images, report=report, services=services, crashes=crashes, migrations=pending)


def _checked(
    request: Deploy, target: Target, clients: Clients, context: Context, observer: Observer
) -> tuple[PendingMigration, ...] | None:
    """The pending migrations of a new backend image, if they are to be checked. Raises RefusedError for dangerous ones."""
    default, image = context.settings.deploy.check_migrations, request.images.get(BACKEND)
    if image is None or not (default if request.check_migrations is None else request.check_migrations):
        return None
    from orchestrator.operations.releases import migration_check

    return migration_check.check(image, target, clients, context, observer)


def prepare(request: Deploy, target: Target, context: Context) -> Job:
    """Check the request and return its update. Nothing is changed."""
    values = tuple(image_assignment(name, reference) for name, reference in request.images.items())
    assignments = (*values, *request.assignments)
    name = target.environment
    if request.dry_run:
        preview = lifecycle.prepare(context, PreviewEnv(name=name, assignments=assignments))
        return replace(preview, command=request.command)
    job = lifecycle.prepare(context, UpdateEnv(names=(name,), assignments=assignments))
    notes = job.notes
    if not any(config.changed for config in job.configs.values()):
        notes += (f"the configuration of {name} already has these images",)
    if not request.release:
        notes += ("the release is skipped: the new code runs on the database as it is",)
    if request.detach:
        notes += ("this command does not wait for the rollouts: the next update does",)
    mode = UpdateMode(release=request.release, wait=not request.detach)
    return replace(job, command=request.command, notes=notes, environment=mode.to_environment())


class Rollouts:
    """Reports changes of the deployments that are newer than the first look. `waits` receives whether one waits for an approval."""

    def __init__(
        self,
        target: Target,
        clients: Clients,
        observer: Observer,
        waits: Callable[[bool], None] = lambda _waits: None,
    ) -> None:
        self._target, self._clients, self._observer = target, clients, observer
        self._waits, self._paused = waits, frozenset[str]()
        self._first: dict[str, str | None] = {}
        self._reported: dict[str, RolloutMoved] = {}
        self._looked = False

    def follow(self, over: threading.Event) -> None:
        """Look until `over` is set. An error of AWS ends it: the update itself reports failures."""
        try:
            self.look()
            while not over.wait(LOOK_SECONDS):
                self.look()
            self.look()
        except OrchestratorError:
            return

    def look(self) -> None:
        """Report the changes since the last look."""
        chosen = self._target.services
        with explained(self._target.aws):
            found = ecs.describe(self._clients, self._target, chosen)
            for service in chosen:
                now = primary(found.get(service.name, {}))
                if not self._looked:
                    self._first[service.name] = now.get("id") if now else None
                elif now is not None and now.get("id") != self._first.get(service.name):
                    self._report(self._moved(service, found[service.name], now))
            self._look_for_pauses(found)
        self._looked = True

    def _look_for_pauses(self, found: Mapping[str, ServiceTypeDef]) -> None:
        ecs_client, name = self._clients.client("ecs"), self._target.environment
        pauses = {
            service.short: pause
            for service in self._target.services
            if (
                pause := approvals.pause_of_service(
                    ecs_client, self._clients, self._target, found.get(service.name, {})
                )
            )
        }
        for short_name in sorted(pauses.keys() - self._paused):
            text = f"{short_name} {pauses[short_name].text}: `orchestrator approve {name}`, or `orchestrator reject {name}`"
            self._observer(Note(text=text))
        if bool(pauses) is not bool(self._paused):
            self._waits(bool(pauses))
        self._paused = frozenset(pauses)

    def _report(self, moved: RolloutMoved) -> None:
        if self._reported.get(moved.service) != moved:
            self._reported[moved.service] = moved
            self._observer(moved)

    def _moved(self, service: Service, found: ServiceTypeDef, now: DeploymentTypeDef) -> RolloutMoved:
        return RolloutMoved(
            service=service.short,
            version=short(now.get("taskDefinition", "")),
            desired=now.get("desiredCount", 0),
            running=now.get("runningCount", 0),
            pending=now.get("pendingCount", 0),
            healthy=ecs.healthy_of(self._clients, self._target, found, now.get("id", "")),
            failed=now.get("failedTasks", 0),
            state=now.get("rolloutState", "COMPLETED"),
        )


@contextmanager
def _watched(target: Target, clients: Clients, observer: Observer, context: Context) -> Generator[None]:
    """Report rollouts while the block runs; the simulation has none."""
    if clients.simulated:
        yield
        return
    over = threading.Event()
    noted = False

    def note(waits: bool) -> None:
        nonlocal noted
        noted = waits
        states.note_waiting(context.engine, target.environment, waits=waits)

    rollouts = Rollouts(target, clients, observer, note)
    thread = threading.Thread(target=rollouts.follow, args=(over,), name=f"{target.environment} rollouts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=1)
        if noted:
            note(False)


def _ended(target: Target, clients: Clients) -> frozenset[str]:
    """Return the ids of the tasks that ended earlier; none without access to AWS, which is reported afterwards."""
    if clients.simulated:
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
    """Return the services, and their crashes that are not `known`; None skips the crashes."""
    try:
        services = ps.run(ps.ListTasks(), replace(target, asleep=False, closed=None), clients).services
        with explained(target.aws):
            return services, _crashes(target, clients, known) if known is not None else ()
    except OrchestratorError as error:
        observer(Note(text=f"the state of the services is unknown: {error.message}", severity="warning"))
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


def rehearse(request: Deploy, target: Target, clients: Clients, app: AppStack) -> None:
    """Make the calls of the stack's hooks for release and rollouts, on simulated clients."""
    from pulumi_django.deploying.gate_arguments import DEFAULT_RELEASE_COMMAND

    services, logs, outputs = clients.client("ecs"), clients.client("logs"), target.outputs
    release: ReleaseRequest | None = None
    with explained(target.aws):
        if request.release and not target.asleep:
            release = ReleaseRequest(
                cluster=outputs.cluster_name,
                subnet_ids=outputs.task_subnet_ids,
                security_group_ids=outputs.task_security_group_ids,
                # It runs only when the database itself changes.
                database_task_definition=None,
                release_task_definition=outputs.release_task_family,
                command=app.get("release", "command") or DEFAULT_RELEASE_COMMAND,
                timeout_seconds=RELEASE_TIMEOUT_SECONDS,
            )
            Release(services, logs, release, info=_quiet, clock=clients.clock).run()
        for service in target.services if not request.detach else ():
            rollout = RolloutRequest(cluster=outputs.cluster_name, service=service.name, task_definition=service.name)
            watch = RolloutWatch(services, logs, rollout, info=_quiet, warn=_quiet, clock=clients.clock)
            watch.wait(RELEASE_TIMEOUT_SECONDS)
        if release is not None and not request.detach and (after := app.get("release", "after_command")):
            last = Release(services, logs, replace(release, command=after), info=_quiet, clock=clients.clock)
            last.run_afterwards("release.after_command", "the command of release.after_command")


def _quiet(_text: str) -> None:
    pass
