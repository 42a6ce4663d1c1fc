"""Additional containers of a task: a proxy such as nginx, a collector of traces, an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from pulumi_django.ecs.volumes import Mount, mount_points
from pulumi_django.rules import aws_rules, naming
from pulumi_django.rules.aws_rules import check_image


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """One more container of a task. All of a task's containers share its CPU, memory and `localhost`."""

    image: pulumi.Input[str]
    """Image as `registry/repository:tag` or with a digest."""

    command: Sequence[str] | None = None
    """Words of the command. None runs the image's own command."""

    port: int | None = None
    """TCP port on which it listens for the load balancer, 1 to 65535. None if only containers of its task use it."""

    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    """Environment variables."""

    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]], repr=False)
    """Variable -> secret or parameter. In an environment the value is a reference as in `extra_secrets`, and the execution
    role may read it. Elsewhere it is an ARN that the execution role must be allowed to read."""

    memory_mib: int | None = None
    """Memory in MiB that the task reserves for it, 4 or more. None reserves none."""

    essential: bool = True
    """Whether the task stops when this container stops."""

    user: str | None = None
    """User inside the container, such as `1000:1000`. None is the image's own user."""

    health_command: Sequence[str] | None = None
    """Words of a command that exits with 0 while the container is healthy; ECS runs it every 5 s. None runs none."""

    mounts: Mapping[str, Mount] = field(default_factory=dict[str, Mount])
    """Volume -> its place in this container. It uses volumes with the rights of the task."""

    starts_first: bool = False
    """Whether the task's own container waits until this one is healthy, or has started if it has no `health_command`."""

    def __post_init__(self) -> None:
        check_image("image", self.image)
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError(f"port is {self.port}: a TCP port is 1 to 65535")
        if self.memory_mib is not None and not 4 <= self.memory_mib <= aws_rules.MOST_MEMORY_MIB:
            raise ValueError(
                f"memory_mib is {aws_rules.shown(self.memory_mib)}: it must be 4 to {aws_rules.MOST_MEMORY_MIB}"
            )
        aws_rules.check_variables("env", self.env)
        aws_rules.check_variables("secrets", self.secrets)


def check_sidecars(service: str, port: int | None, memory_mib: int, sidecars: Mapping[str, Sidecar]) -> None:
    """Raise ValueError when names, ports or memory of the sidecars and the service's own container collide."""
    ports: dict[str, int | None] = {service: port}
    for name, sidecar in sidecars.items():
        naming.check_service_name(name, "sidecars", "sidecar")
        if name == service:
            raise ValueError(f"the sidecar {name!r} has the name of the service's own container: give it another")
        twin = next((other for other, taken in ports.items() if taken is not None and taken == sidecar.port), None)
        if twin:
            raise ValueError(
                f"the sidecar {name!r} has the port {sidecar.port}, which is {twin}'s: a task's containers share one address"
            )
        ports[name] = sidecar.port
    reserved = sum(sidecar.memory_mib or 0 for sidecar in sidecars.values())
    if reserved >= memory_mib:
        raise ValueError(
            f"the sidecars of {service} reserve {reserved} MiB and its task has memory_mib {memory_mib}: nothing is left for its "
            "own container"
        )


def sidecar_containers(
    sidecars: Mapping[str, Sidecar], log_configuration: Mapping[str, Any], stop_timeout_seconds: int
) -> list[dict[str, Any]]:
    """Return the container definitions in name order. Each logs to the task's group, in streams of its own name."""
    return [
        _container(name, sidecar, log_configuration, stop_timeout_seconds) for name, sidecar in sorted(sidecars.items())
    ]


def start_conditions(sidecars: Mapping[str, Sidecar]) -> list[dict[str, str]]:
    """Return the conditions for which the task's own container waits."""
    return [
        {"containerName": name, "condition": "HEALTHY" if sidecar.health_command else "START"}
        for name, sidecar in sorted(sidecars.items())
        if sidecar.starts_first
    ]


def _container(
    name: str, sidecar: Sidecar, log_configuration: Mapping[str, Any], stop_timeout_seconds: int
) -> dict[str, Any]:
    options = {**log_configuration["options"], "awslogs-stream-prefix": name}
    container: dict[str, Any] = {
        "name": name,
        "image": sidecar.image,
        "essential": sidecar.essential,
        "environment": [{"name": key, "value": value} for key, value in sorted(sidecar.env.items())],
        "secrets": [{"name": key, "valueFrom": value} for key, value in sorted(sidecar.secrets.items())],
        "linuxParameters": {"initProcessEnabled": True},
        "stopTimeout": stop_timeout_seconds,
        "logConfiguration": {**log_configuration, "options": options},
    }
    if sidecar.command is not None:
        container["command"] = list(sidecar.command)
    if sidecar.port is not None:
        container["portMappings"] = [{"containerPort": sidecar.port, "hostPort": sidecar.port, "protocol": "tcp"}]
    if sidecar.memory_mib is not None:
        container["memoryReservation"] = sidecar.memory_mib
    if sidecar.user is not None:
        container["user"] = sidecar.user
    if sidecar.mounts:
        container["mountPoints"] = mount_points(sidecar.mounts)
    if sidecar.health_command is not None:
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
        container["healthCheck"] = {
            "command": ["CMD", *sidecar.health_command],
            "interval": 5,
            "timeout": 3,
            "retries": 3,
            "startPeriod": 10,
        }
    return container
