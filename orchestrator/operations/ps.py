"""`ps`: services and tasks as they are now: versions, health, the last events, why the last task stopped."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.operations.aws import ecs as services
from orchestrator.operations.aws.clients import Clients
from orchestrator.operations.aws.errors import explained
from orchestrator.operations.aws.targets import Service, Target
from orchestrator.operations.events import Note, Observer, ignore
from orchestrator.operations.tasks import hint_of
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.task_end import task_end
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

EVENTS_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ListTasks:
    """Which services."""

    services: tuple[str, ...] = ()
    """None are all, and the tasks that belong to no service."""


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """One task."""

    id: str
    service: str | None
    """Short name; None for a task that is run once."""

    family: str
    version: str
    """Family and revision."""

    status: str
    """PROVISIONING, PENDING, RUNNING, ... as ECS has it."""

    health: str | None
    """HEALTHY or UNHEALTHY; None where nothing checks."""

    started: datetime | None
    capacity: str | None
    """FARGATE or FARGATE_SPOT."""

    zone: str | None
    started_by: str | None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """How the task of a service that ended last did so."""

    task: str
    version: str
    at: datetime | None
    reason: str
    exit_code: int | None
    crashed: bool
    """Whether it was its own fault: not a newer deployment's, a smaller count's or AWS's."""

    hint: str | None


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    """One deployment of a service: while it is rolled out there are several."""

    version: str
    status: str
    """PRIMARY, ACTIVE or INACTIVE."""

    rollout: str | None
    """IN_PROGRESS, COMPLETED or FAILED."""

    desired: int
    running: int
    pending: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Event:
    """What ECS tells of a service."""

    at: datetime | None
    text: str


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """One service."""

    name: str
    """Short name."""

    state: str
    """`steady`, `rolling out`, `failing`, `missing tasks`, `stopped` (none is wanted) or `not there`."""

    desired: int = 0
    running: int = 0
    pending: int = 0
    healthy: int | None = None
    """Tasks that the load balancer, or the container's own check, calls healthy; None where nothing checks."""

    version: str | None = None
    """Family and revision that it is to run."""

    image: str | None = None
    exec_enabled: bool = False
    deployments: tuple[DeploymentState, ...] = ()
    events: tuple[Event, ...] = ()
    """The last ones, the newest first."""

    last_stop: Stop | None = None

    @property
    def steady(self) -> bool:
        """Whether it is as it should be."""
        return self.state in ("steady", "stopped")


@dataclass(frozen=True, kw_only=True)
class TasksResult:
    """An environment at one moment."""

    cluster: str
    asleep: bool
    services: tuple[ServiceState, ...]
    tasks: tuple[TaskState, ...]
    """Those that run or are about to, the newest first within their service."""

    @property
    def steady(self) -> bool:
        """Whether every service is as it should be."""
        return all(service.steady for service in self.services)


def run(request: ListTasks, target: Target, clients: Clients, observer: Observer = ignore) -> TasksResult:
    """Look once. Raises UsageError for an unknown service, OperationFailedError when the cluster is gone."""
    chosen = target.chosen(request.services)
    with explained(target.aws):
        result = _Look(target, clients).at(chosen, others=not request.services)
    if target.asleep:
        observer(Note(text=f"{target.environment} sleeps: wake it with `orchestrator wake {target.environment}`"))
    return result


def crashes(target: Target, clients: Clients, *, known: Container[str] = ()) -> dict[str, Stop]:
    """The last crashed task of each service by its short name, as far as ECS remembers; none of the `known` ids.

    The task of a service that ended last need not be it: a rollback ends tasks that did nothing wrong.
    """
    with explained(target.aws):
        ended = services.tasks(clients, target, None, stopped=True)
    found: dict[str, Stop] = {}
    for service in target.services:
        stops = (_stop(task) for task in _of(ended, service))
        crash = next((stop for stop in stops if stop.crashed and stop.task not in known), None)
        if crash is not None:
            found[service.short] = crash
    return found


class _Look:
    def __init__(self, target: Target, clients: Clients) -> None:
        self._target, self._clients = target, clients
        self._images: dict[str, str | None] = {}

    def at(self, chosen: Sequence[Service], *, others: bool) -> TasksResult:
        found = services.describe(self._clients, self._target, chosen)
        running = services.tasks(self._clients, self._target, None)
        stopped = services.tasks(self._clients, self._target, None, stopped=True)
        names = {service.name: service for service in chosen}
        mine = [task for task in running if others or _service_of(task) in names]
        order = {service.name: number for number, service in enumerate(chosen)}
        mine.sort(key=lambda task: order.get(_service_of(task) or "", len(order)))
        return TasksResult(
            cluster=self._target.outputs.cluster_name,
            asleep=self._target.asleep,
            services=tuple(
                self._service(service, found.get(service.name), _of(running, service), _of(stopped, service))
                for service in chosen
            ),
            tasks=tuple(_task(task, names) for task in mine),
        )

    def _service(
        self,
        service: Service,
        found: ServiceTypeDef | None,
        running: Sequence[TaskTypeDef],
        stopped: Sequence[TaskTypeDef],
    ) -> ServiceState:
        if found is None:
            return ServiceState(name=service.short, state="not there")
        definition = found.get("taskDefinition", "")
        return ServiceState(
            name=service.short,
            state=_state(found),
            desired=found.get("desiredCount", 0),
            running=found.get("runningCount", 0),
            pending=found.get("pendingCount", 0),
            healthy=self._healthy(found, running),
            version=short(definition),
            image=self._image(definition, service.short),
            exec_enabled=found.get("enableExecuteCommand", False),
            deployments=tuple(_deployment(d) for d in found.get("deployments", [])),
            events=tuple(
                Event(at=event.get("createdAt"), text=event.get("message", ""))
                for event in found.get("events", [])[:EVENTS_SHOWN]
            ),
            last_stop=_stop(stopped[0]) if stopped else None,
        )

    def _image(self, definition: str, container: str) -> str | None:
        if definition not in self._images:
            described: Any = self._clients.client("ecs").describe_task_definition(taskDefinition=definition)
            containers: list[Any] = described["taskDefinition"].get("containerDefinitions", [])
            self._images[definition] = next((c.get("image") for c in containers if c.get("name") == container), None)
        return self._images[definition]

    def _healthy(self, found: ServiceTypeDef, running: Sequence[TaskTypeDef]) -> int | None:
        group = services.target_group(found)
        if group:
            healthy = services.healthy_targets(self._clients, group)
            return None if healthy is None else len(healthy)
        return services.healthy_tasks(running)


def _state(found: ServiceTypeDef) -> str:
    deployments = found.get("deployments", [])
    primary: DeploymentTypeDef = next((d for d in deployments if d.get("status") == "PRIMARY"), {})
    if primary.get("rolloutState") == "FAILED":
        return "failing"
    if primary.get("rolloutState") == "IN_PROGRESS" or len(deployments) > 1:
        return "failing" if primary.get("failedTasks", 0) > 1 else "rolling out"
    if not found.get("desiredCount"):
        return "stopped"
    return "steady" if found.get("runningCount", 0) >= found.get("desiredCount", 0) else "missing tasks"


def _deployment(found: DeploymentTypeDef) -> DeploymentState:
    return DeploymentState(
        version=short(found.get("taskDefinition", "")),
        status=found.get("status", ""),
        rollout=found.get("rolloutState"),
        desired=found.get("desiredCount", 0),
        running=found.get("runningCount", 0),
        pending=found.get("pendingCount", 0),
        failed=found.get("failedTasks", 0),
    )


def _task(found: TaskTypeDef, names: dict[str, Service]) -> TaskState:
    name = _service_of(found)
    health = found.get("healthStatus")
    return TaskState(
        id=task_id(found.get("taskArn", "")),
        service=names[name].short if name in names else name,
        family=short(found.get("taskDefinitionArn", "")).split(":")[0],
        version=short(found.get("taskDefinitionArn", "")),
        status=found.get("lastStatus", ""),
        health=health if health in ("HEALTHY", "UNHEALTHY") else None,
        started=found.get("startedAt"),
        capacity=found.get("capacityProviderName") or found.get("launchType"),
        zone=found.get("availabilityZone"),
        started_by=found.get("startedBy"),
    )


def _stop(found: TaskTypeDef) -> Stop:
    end = task_end(found)
    return Stop(
        task=task_id(found.get("taskArn", "")),
        version=short(found.get("taskDefinitionArn", "")),
        at=found.get("stoppedAt"),
        reason=str(end),
        exit_code=end.exit_code,
        crashed=end.crashed,
        hint=hint_of(end) if end.crashed else None,
    )


def _of(tasks: Sequence[TaskTypeDef], service: Service) -> list[TaskTypeDef]:
    return [task for task in tasks if _service_of(task) == service.name]


def _service_of(task: TaskTypeDef) -> str | None:
    """The full name of the service that started a task: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (`group`)."""
    kind, colon, name = task.get("group", "").partition(":")
    return name if colon and kind == "service" else None
