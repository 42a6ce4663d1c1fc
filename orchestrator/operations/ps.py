"""`ps`: the current services and tasks: versions, health, last events, last stop."""

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
from orchestrator.operations.releases import approvals
from orchestrator.operations.tasks import hint_of
from pulumi_django.deploying.rollout_state import short
from pulumi_django.deploying.task_end import task_end
from pulumi_django.deploying.task_runner import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

EVENTS_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ListTasks:
    """The selection of services."""

    services: tuple[str, ...] = ()
    """Empty for all services and the tasks without a service."""


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """One task."""

    id: str
    service: str | None
    """Short name; None for a one-off task."""

    family: str
    version: str
    """Family and revision."""

    status: str
    """Status in ECS: PROVISIONING, PENDING, RUNNING, ..."""

    health: str | None
    """HEALTHY or UNHEALTHY; None without a health check."""

    started: datetime | None
    capacity: str | None
    """FARGATE or FARGATE_SPOT."""

    zone: str | None
    started_by: str | None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The end of a service's last ended task."""

    task: str
    version: str
    at: datetime | None
    reason: str
    exit_code: int | None
    crashed: bool
    """Whether the task itself failed; False after a newer deployment, a smaller count or an interruption by AWS."""

    hint: str | None


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    """A deployment of a service; there are several during a rollout."""

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
    """An event of a service in ECS."""

    at: datetime | None
    text: str


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """One service."""

    name: str
    """Short name."""

    state: str
    """`steady`, `rolling out`, `failing`, `missing tasks`, `stopped` (desired count 0) or `not there`."""

    desired: int = 0
    running: int = 0
    pending: int = 0
    healthy: int | None = None
    """Healthy tasks by the load balancer or the container's own check; None without a check."""

    version: str | None = None
    """Family and revision of its task definition."""

    image: str | None = None
    exec_enabled: bool = False
    deployments: tuple[DeploymentState, ...] = ()
    events: tuple[Event, ...] = ()
    """The last events, the newest first."""

    last_stop: Stop | None = None

    @property
    def steady(self) -> bool:
        """Whether it runs as configured."""
        return self.state in ("steady", "stopped")


@dataclass(frozen=True, kw_only=True)
class TasksResult:
    """The state of an environment at one moment."""

    cluster: str
    asleep: bool
    services: tuple[ServiceState, ...]
    tasks: tuple[TaskState, ...]
    """Running and starting tasks, the newest first within each service."""

    @property
    def steady(self) -> bool:
        """Whether every service runs as configured."""
        return all(service.steady for service in self.services)


def run(request: ListTasks, target: Target, clients: Clients, observer: Observer = ignore) -> TasksResult:
    """Return the current state. Raises UsageError for an unknown service, OperationFailedError without the cluster."""
    chosen = target.chosen(request.services)
    with explained(target.aws):
        result = _Look(target, clients).at(chosen, others=not request.services)
    if target.rest:
        observer(
            Note(text=f"{target.environment} is {target.rest}: wake it with `orchestrator wake {target.environment}`")
        )
    return result


def crashes(target: Target, clients: Clients, *, known: Container[str] = ()) -> dict[str, Stop]:
    """Return the last crashed task of each service by short name, except for `known` ids. ECS remembers an hour.

    It is not always the last ended task: a rollback also ends healthy tasks.
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
            state=self._state(found),
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

    def _state(self, found: ServiceTypeDef) -> str:
        pause = approvals.pause_of_service(self._clients.client("ecs"), self._clients, self._target, found)
        return _state(found) if pause is None else "waits for approval"

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
    """Return the full name of the service that started a task: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (`group`)."""
    kind, colon, name = task.get("group", "").partition(":")
    return name if colon and kind == "service" else None
