"""What a user chooses for each part of an environment; the same classes for both kinds, with other defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_django.delivery.cdn import PriceClass, Routing
from pulumi_django.ecs.database_task import DEFAULT_CLIENT_IMAGE
from pulumi_django.ecs.release import DEFAULT_RELEASE_COMMAND
from pulumi_django.ecs.web_service import HealthCheck
from pulumi_django.observability.alarms import AlarmThresholds


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


@dataclass(frozen=True, kw_only=True)
class CdnOptions:
    host: str | None = None
    """Host name; None is `static.` before the environment's, where the base has a hosted zone, else CloudFront's own."""

    certificate_arn: str | None = None
    """Certificate of the host in us-east-1; None has one issued, which needs the base's hosted zone."""

    prefixes: Sequence[str] = ("static/",)
    """Beginnings of the keys that everybody may read. Media belongs here only when none of it is private."""

    price_class: PriceClass = "PriceClass_100"
    """Where files are cached: North America and Europe (`_100`), also Asia and Africa (`_200`), everywhere (`_All`)."""

    web_acl_arn: str | None = None
    """WAF web ACL of the scope CLOUDFRONT; None has none."""

    access_logs: bool = False
    """Whether a bucket keeps a line for every request, for 90 days."""


@dataclass(frozen=True, kw_only=True)
class StaticSiteOptions:
    host: str | None = None
    """Host name; None is `www.` before the environment's, where the base has a hosted zone, else CloudFront's own."""

    certificate_arn: str | None = None
    """Certificate of the host in us-east-1; None has one issued, which needs the base's hosted zone."""

    routing: Routing = "single-page"
    """What a path without a file name means: the application's index.html (`single-page`), that of the directory
    (`directories`), or just that (`files`)."""

    not_found_page: str | None = None
    """Path of the page, such as `/404.html`, for what is not there."""

    price_class: PriceClass = "PriceClass_100"
    """Where files are cached: North America and Europe (`_100`), also Asia and Africa (`_200`), everywhere (`_All`)."""

    web_acl_arn: str | None = None
    """WAF web ACL of the scope CLOUDFRONT; None has none."""

    access_logs: bool = False
    """Whether a bucket keeps a line for every request, for 90 days."""


@dataclass(frozen=True, kw_only=True)
class AlarmOptions(AlarmThresholds):
    topic_arn: str | None = None
    """SNS topic that is told; None is the base's, or one of the environment's own where the base has none."""

    emails: Sequence[str] = ()
    """Addresses that a topic of the environment's own tells; each is asked to confirm first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.topic_arn is not None and self.emails:
            raise ValueError(
                f"emails is {list(self.emails)} with topic_arn {self.topic_arn!r}: addresses subscribe to the environment's "
                "own topic, so leave one of the two out"
            )


@dataclass(frozen=True, kw_only=True)
class ExecSessionOptions:
    retention_days: int = 90
    """Days for which sessions are kept: 1, 3, 5, 7, 14, 30, ..., as CloudWatch has them."""

    bucket: bool = False
    """Whether each session is also kept as a file in a bucket."""
