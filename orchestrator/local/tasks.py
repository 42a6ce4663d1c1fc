"""Services, tasks and containers as the declared task definitions describe them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.errors import OperationFailedError
from orchestrator.local.declaration import Declaration, Resource
from pulumi_django.ecs.read_only import AGENT_PATHS, PATH, PREPARING, volume

DEFAULT_STOP_SECONDS = 30
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeout"""

_TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_SERVICE = "aws:ecs/service:Service"
_DATABASE_TASK = "pulumi-django:ecs:DatabaseTask"
_RELEASE_TASK = "pulumi-django:ecs:ManagementCommand"
_STEP = "pulumi-django:ecs:ReleaseStep"
_STEP_SETTINGS = {"after-release": "release.after_command", "on-create": "on_create"}
_MANAGED_VOLUMES = {volume(path) for path in (PATH, *AGENT_PATHS)}
"""Volumes of containers with a read-only root. On this machine, they write to `/tmp` as all containers do."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container of a task."""

    name: str
    image: str
    entry_point: Sequence[str] = ()
    """Entry point in place of the image's."""

    command: Sequence[str] = ()
    """Command in place of the image's."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """`valueFrom` by variable."""

    ports: Sequence[int] = ()
    essential: bool = True
    stop_seconds: int = DEFAULT_STOP_SECONDS
    """Seconds between SIGTERM and SIGKILL."""

    folder: str | None = None
    """Working directory in the image, when the task definition names one."""

    starts_after: Sequence[str] = ()
    """Containers of the task that start first."""

    health_command: Sequence[str] = ()
    mounts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Volume by its path in the container."""

    read_only: Sequence[str] = ()
    """Paths among them that the container cannot write to."""

    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Soft and hard limit of the processes by name, such as `nofile`."""

    @property
    def open_files(self) -> int | None:
        """Limit of open files."""
        return self.limits["nofile"][0] if "nofile" in self.limits else None

    @property
    def words(self) -> list[str]:
        """Entry point and command; empty when the image decides."""
        return [*self.entry_point, *self.command]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task definition."""

    family: str
    containers: Sequence[Container]

    def container(self, name: str) -> Container | None:
        """The container of that name."""
        return next((container for container in self.containers if container.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A port of a service's tasks that a target group sends requests to."""

    group: str
    """ARN of the target group."""

    container: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """An ECS service."""

    name: str
    short: str
    """Name without the environment, also the name of the container: `gunicorn`."""

    task: Task
    count: int
    targets: Sequence[Target] = ()
    host: str | None = None
    """Name under which other services find it."""

    grace_seconds: int = 0
    """Time after the start in which failed health checks do not count."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command that runs after the start of every service, with the definition of the release."""

    setting: str
    """Key of the stack file: `release.after_command`, `on_create`."""

    task: Task
    once: bool
    """Whether it runs once in the life of the environment."""


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """Everything of an environment that runs in containers."""

    services: Sequence[Service]
    """In the order in which they start: services that others find by name, then those of the load balancer, then the rest."""

    database: Task | None
    """The task that creates role, database and extensions."""

    release: Task | None
    """The task whose command runs before new code."""

    code_image: str | None
    """Image of the application's own code."""

    steps: Sequence[Step] = ()
    """The commands after the start, in their order."""

    scheduled: Sequence[str] = ()
    """Families of tasks that only a schedule starts."""


def read(declaration: Declaration) -> Tasks:
    """Return the services and one-off tasks. Raises OperationFailedError when the environment declares no service."""
    definitions = {
        str(resource.outputs.get("arn")): (resource, read_task(resource))
        for resource in declaration.of_type(_TASK_DEFINITION)
    }
    tasks = {arn: task for arn, (_, task) in definitions.items()}
    services = [_service(declaration, resource, tasks) for resource in declaration.of_type(_SERVICE)]
    if not services:
        raise OperationFailedError(
            f"{declaration.environment} cannot run on this machine: its program declares no ECS service",
            "only environments on ECS run on this machine",
        )
    release = _of_component(definitions.values(), _RELEASE_TASK)
    used = {service.task.family for service in services}
    database = _of_component(definitions.values(), _DATABASE_TASK)
    known = {task.family for task in (database, release) if task} | used
    web = next((service for service in services if service.targets), services[0])
    return Tasks(
        services=sorted(services, key=_start),
        database=database,
        release=release,
        steps=_steps(declaration, release),
        code_image=(release or web.task).containers[0].image,
        scheduled=sorted(task.family for task in tasks.values() if task.family not in known),
    )


def extensions(database: Task | None) -> tuple[str, ...]:
    """The PostgreSQL extensions that the database task creates."""
    words = database.containers[0].words if database is not None else []
    listed = re.search(r"unnest\(ARRAY\[([^\]]*)\]\)", " ".join(words))
    return tuple(re.findall(r"'([^']+)'", listed[1])) if listed else ()


def _start(service: Service) -> tuple[int, str]:
    return (0 if service.host else 1 if service.targets else 2, service.short)


def _steps(declaration: Declaration, release: Task | None) -> tuple[Step, ...]:
    """The steps, those of every release first: they complete the tables."""
    if release is None:
        return ()
    found: list[Step] = []
    for resource in declaration.of_type(_STEP):
        name = resource.name.removeprefix(f"{declaration.environment}-")
        words = [str(word) for word in resource.inputs["command"]]
        task = Task(family=name, containers=[replace(release.containers[0], name=name, command=words)])
        once = "taskDefinition" not in resource.inputs
        found.append(Step(setting=_STEP_SETTINGS.get(name, name), task=task, once=once))
    return tuple(sorted(found, key=lambda step: step.once))


def _of_component(definitions: Iterable[tuple[Resource, Task]], component: str) -> Task | None:
    return next((task for resource, task in definitions if f"{component}$" in resource.urn), None)


def _service(declaration: Declaration, resource: Resource, tasks: Mapping[str, Task]) -> Service:
    given = resource.inputs
    name = str(given.get("name", resource.name))
    task = tasks.get(str(given.get("taskDefinition")))
    if task is None:
        raise OperationFailedError(
            f"{name} cannot run on this machine: its task definition is not declared in the same environment",
            "declare it in the environment's program",
        )
    registry = (given.get("serviceRegistries") or {}).get("registryArn")
    return Service(
        name=name,
        short=name.removeprefix(f"{declaration.environment}-"),
        task=task,
        count=int(given.get("desiredCount") or 0),
        targets=[
            Target(
                group=str(each["targetGroupArn"]), container=str(each["containerName"]), port=int(each["containerPort"])
            )
            for each in given.get("loadBalancers") or ()
        ],
        host=_host(declaration, registry) if registry else None,
        grace_seconds=int(given.get("healthCheckGracePeriodSeconds") or 0),
    )


def _host(declaration: Declaration, registry: str) -> str | None:
    """The name of a service in the base's private namespace."""
    space = declaration.base_outputs.get("service_discovery_namespace_name")
    for resource in declaration.of_type("aws:servicediscovery/service:Service"):
        if resource.outputs.get("arn") == registry:
            return f"{resource.outputs.get('name')}.{space}" if space else None
    return None


def read_task(resource: Resource) -> Task:
    """Return the task of a task definition."""
    definitions = resource.inputs.get("containerDefinitions") or "[]"
    parsed: list[dict[str, Any]] = json.loads(definitions) if isinstance(definitions, str) else definitions
    containers = [_container(each) for each in parsed if each["name"] != PREPARING]
    return Task(family=str(resource.inputs.get("family")), containers=containers)


def _container(given: Mapping[str, Any]) -> Container:
    health = list((given.get("healthCheck") or {}).get("command") or ())
    return Container(
        name=str(given["name"]),
        image=str(given.get("image", "")),
        entry_point=[str(word) for word in given.get("entryPoint") or ()],
        command=[str(word) for word in given.get("command") or ()],
        environment={str(each["name"]): str(each["value"]) for each in given.get("environment") or ()},
        secrets={str(each["name"]): str(each["valueFrom"]) for each in given.get("secrets") or ()},
        ports=[int(each["containerPort"]) for each in given.get("portMappings") or ()],
        essential=bool(given.get("essential", True)),
        stop_seconds=int(given.get("stopTimeout") or DEFAULT_STOP_SECONDS),
        folder=given.get("workingDirectory"),
        starts_after=[
            name for each in given.get("dependsOn") or () if (name := str(each["containerName"])) != PREPARING
        ],
        health_command=["sh", "-c", *health[1:]] if health[:1] == ["CMD-SHELL"] else health[1:],
        mounts={
            str(each["containerPath"]): str(each["sourceVolume"])
            for each in given.get("mountPoints") or ()
            if each["sourceVolume"] not in _MANAGED_VOLUMES
        },
        read_only=[str(each["containerPath"]) for each in given.get("mountPoints") or () if each.get("readOnly")],
        limits={
            str(each["name"]): (int(each["softLimit"]), int(each["hardLimit"])) for each in given.get("ulimits") or ()
        },
    )
