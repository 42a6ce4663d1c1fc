"""What a user chooses for each part of an environment; the same classes for both kinds, with other defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_django.ecs.database_task import DEFAULT_CLIENT_IMAGE
from pulumi_django.ecs.release import DEFAULT_RELEASE_COMMAND
from pulumi_django.ecs.web_service import HealthCheck


@dataclass(frozen=True, kw_only=True)
class WebOptions:
    service: str = "gunicorn"
    """Name of the service and its container."""

    command: Sequence[str] | None = None
    """Words of the command; None runs gunicorn on the project's WSGI module."""

    port: int = 8000
    """TCP port on which the container listens."""

    paths: Sequence[str] = ("/*",)
    """Path patterns that it answers."""

    cpu_units: int = 512
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 1024
    """Memory, as Fargate offers it for that CPU."""

    desired_count: int = 1
    """Tasks."""

    health_check: HealthCheck = field(default_factory=HealthCheck)
    """How the load balancer checks its tasks."""


@dataclass(frozen=True, kw_only=True)
class FrontendOptions:
    service: str = "web-ui"
    """Name of the service and its container."""

    command: Sequence[str] | None = None
    """Words of the command; None runs the image's own."""

    port: int = 3000
    """TCP port on which the container listens."""

    paths: Sequence[str] = ("/*",)
    """Path patterns that it answers; `/*` comes after the web service's."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU."""

    desired_count: int = 1
    """Tasks."""

    health_check: HealthCheck = field(default_factory=HealthCheck)
    """How the load balancer checks its tasks."""

    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Environment variables; NUXT_PUBLIC_API_BASE and PORT are there already."""


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    command: Sequence[str] | None = None
    """Words of the command; None runs a Celery worker on the queue."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU."""

    desired_count: int = 1
    """Tasks."""


@dataclass(frozen=True, kw_only=True)
class BeatOptions:
    service: str = "beat"
    """Name of the service and its container."""

    command: Sequence[str] | None = None
    """Words of the command; None runs Celery beat with its schedule file in `/tmp`, which any user may write."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU."""


@dataclass(frozen=True, kw_only=True)
class RedisOptions:
    image: str = "public.ecr.aws/docker/library/redis:7-alpine"
    """Image; subnets without a way out need one in ECR."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU; three quarters hold data."""


@dataclass(frozen=True, kw_only=True)
class ReleaseOptions:
    command: Sequence[str] | None = DEFAULT_RELEASE_COMMAND
    """What must succeed before any service takes new code; None leaves it out."""

    name: str = "backend_update"
    """Container, and last part of the task family, in which it runs."""

    cpu_units: int = 512
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 1024
    """Memory, as Fargate offers it for that CPU."""

    timeout_seconds: int = 1800
    """After this it is stopped and the update fails, 60 to 86400."""

    rollout_timeout_seconds: int = 1200
    """Time for each service to become steady, 60 to 86400."""

    database_client_image: str = DEFAULT_CLIENT_IMAGE
    """Image with psql 15 or newer, which makes the database."""
