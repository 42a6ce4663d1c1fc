"""What a user chooses for each part of an environment. The kinds differ in defaults: `Prod...` classes hold production's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pulumi_django.data.broker import DEFAULT_MAX_RECEIVES, DEFAULT_RETENTION_SECONDS, DEFAULT_VISIBILITY_SECONDS
from pulumi_django.delivery.cdn import PriceClass, Routing
from pulumi_django.deploying.gate import DEFAULT_RELEASE_COMMAND
from pulumi_django.ecs.database_script import check_extensions
from pulumi_django.ecs.database_task import DEFAULT_CLIENT_IMAGE
from pulumi_django.ecs.deployment import DeploymentOptions
from pulumi_django.ecs.scaling import Scaling, ScalingPreset
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.web_routing import HealthCheck, TargetProtocol, check_counted, check_proxy
from pulumi_django.observability.alarms import AlarmThresholds
from pulumi_django.rules.naming import check_image
from pulumi_django.rules.schedules import check_schedule, check_timezone
from pulumi_django.rules.sizing import check_ephemeral_storage
from pulumi_django.rules.text import MAY_BE_EMPTY


@dataclass(frozen=True, kw_only=True)
class ServedOptions:
    """What all services behind the load balancer have in common."""

    hosts: Sequence[str] = ()
    """Host names that it answers; empty for the environment's own and its `extra_hosts`."""

    desired_count: int = 1
    """Tasks; where the service is scaled, the number at first."""

    scaling: Scaling | None = None
    """Bounds and policies by which tasks are added and taken; None keeps the number."""

    health_check: HealthCheck = field(default_factory=HealthCheck)
    """How the load balancer checks its tasks."""

    deregistration_delay_seconds: int = 5
    """Time in which a leaving task finishes its requests, 0 to 3600."""

    deployment: DeploymentOptions = field(default_factory=DeploymentOptions)
    """How it passes from one version to the next."""

    sidecars: Mapping[str, Sidecar] = field(default_factory=dict[str, Sidecar])
    """Container name -> one more container in each task. Values in its `env` can contain `{NAME}`, as in `extra_env`."""

    proxy: str | None = None
    """Sidecar that takes the load balancer's requests, such as nginx; None lets the service's own container take them."""

    target_protocol: TargetProtocol = "HTTP"
    """What the load balancer speaks to the tasks; with HTTPS any certificate will do."""

    ephemeral_storage_gib: int | None = None
    """Storage that goes with each task, 21 to 200; None is Fargate's 20."""

    service: str = "web"
    """Name of the service and its container."""

    def __post_init__(self) -> None:
        check_ephemeral_storage(self.ephemeral_storage_gib)
        check_proxy(self.service, self.proxy, self.sidecars)
        check_counted(self.deployment, self.scaling)


@dataclass(frozen=True, kw_only=True)
class WebOptions(ServedOptions):
    service: str = "gunicorn"

    command: Sequence[str] | None = None
    """Words of the command; None runs gunicorn on the project's WSGI module, in one process with 8 threads. An image with
    a `gunicorn.conf.py` of its own needs its own words here, since these go before what it says."""

    port: int = 8000
    """TCP port on which the container listens."""

    paths: Sequence[str] = ("/*",)
    """Path patterns that it answers."""

    cpu_units: int = 512
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 1024
    """Memory, as Fargate offers it for that CPU."""


@dataclass(frozen=True, kw_only=True)
class FrontendOptions(ServedOptions):
    service: str = "web-ui"

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

    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Environment variables; NUXT_PUBLIC_API_BASE and PORT are there already. `{FRONTEND_URL}` in a value is what Django's
    containers get as that variable, as in `extra_env`."""


# Two tasks outlive a zone; between two and five, CPU decides.
_PROD_SCALING = Scaling(min_tasks=2, max_tasks=5, cpu_percent=75)
_PROD_WORKER_SCALING = Scaling(min_tasks=1, max_tasks=4, cpu_percent=75)


@dataclass(frozen=True, kw_only=True)
class ProdWebOptions(WebOptions):
    desired_count: int = 2
    scaling: Scaling | None = _PROD_SCALING
    deregistration_delay_seconds: int = 30


@dataclass(frozen=True, kw_only=True)
class ProdFrontendOptions(FrontendOptions):
    desired_count: int = 2
    scaling: Scaling | None = _PROD_SCALING
    deregistration_delay_seconds: int = 30


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    command: Sequence[str] | None = None
    """Words of the command; None runs a Celery worker on its queues."""

    queues: Sequence[str] | None = None
    """Celery queues that it works on; None is the queue of its own name. The worker `default`, or the only worker, then also
    works on `celery`, to which Celery sends tasks that name no queue."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU."""

    desired_count: int = 1
    """Tasks; where the service is scaled, the number at first."""

    scaling: Scaling | ScalingPreset | None = None
    """Bounds and policies; `staging` and `production` are ready-made ones by queue depth, for SQS as broker. None keeps
    the number."""

    ephemeral_storage_gib: int | None = None
    """Storage that goes with each task, 21 to 200; None is Fargate's 20."""

    stop_timeout_seconds: int = 30
    """Time for the tasks in hand when a worker is told to stop, up to 120."""


@dataclass(frozen=True, kw_only=True)
class ProdWorkerOptions(WorkerOptions):
    scaling: Scaling | ScalingPreset | None = _PROD_WORKER_SCALING
    stop_timeout_seconds: int = 120


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

    def __post_init__(self) -> None:
        check_image("image", self.image)


@dataclass(frozen=True, kw_only=True)
class AppCacheOptions:
    """The part that an environment has of its base's cache."""

    cache_database: int | None = None
    """Database for the cache, 0 to 15; None takes the first of the two that belong to the environment's listener slot.
    Eight slots have databases of their own; after that they repeat, and `key_prefix` alone keeps environments apart."""

    broker_database: int | None = None
    """Database for Celery's messages, 0 to 15; None takes the second of the two."""

    key_prefix: str | None = field(default=None, metadata={MAY_BE_EMPTY: True})
    """Beginning of every key, given as REDIS_KEY_PREFIX and to Celery as `global_keyprefix`; None is `{environment}:`."""

    def __post_init__(self) -> None:
        for name in ("cache_database", "broker_database"):
            database: int | None = getattr(self, name)
            if database is not None and not 0 <= database < 16:
                raise ValueError(f"{name} is {database}: a Redis has the databases 0 to 15")


@dataclass(frozen=True, kw_only=True)
class SqsOptions:
    """SQS as Celery's broker, instead of a Redis."""

    visibility_timeout_seconds: int = DEFAULT_VISIBILITY_SECONDS
    """Time after which a message that a worker took comes back: longer than the longest task, countdown or ETA, up to
    43200 (12 hours)."""

    max_receives: int = DEFAULT_MAX_RECEIVES
    """Times that a message comes back before it is put aside, 1 to 1000."""

    retention_seconds: int = DEFAULT_RETENTION_SECONDS
    """Time for which an unworked message is kept, up to 1209600 (14 days)."""

    kms_key_arn: str | None = None
    """Key for the messages; None encrypts with SQS's own."""


@dataclass(frozen=True, kw_only=True)
class AppAssetsOptions:
    """The bucket for static files and media."""

    source: Literal["own", "base"] = "own"
    """Whose bucket it is; the base's is shared by the environments on it."""

    force_destroy: bool = True
    """Whether destroying the environment deletes what is in its own bucket; otherwise it must be empty."""

    versioned: bool = False
    """Whether overwritten and deleted objects of its own bucket can be restored."""

    old_version_days: int | None = 90
    """Days for which they can; None keeps them."""

    protect: bool = False
    """Whether Pulumi refuses to delete its own bucket."""


@dataclass(frozen=True, kw_only=True)
class ProdAppAssetsOptions(AppAssetsOptions):
    source: Literal["own", "base"] = "base"
    force_destroy: bool = False
    versioned: bool = True
    protect: bool = True


@dataclass(frozen=True, kw_only=True)
class ScheduledCommandOptions:
    """A management command by the clock, in the web service's image."""

    command: Sequence[str]
    """Words of the command, such as `[python, manage.py, clearsessions]`."""

    schedule: str
    """`cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`."""

    timezone: str = "UTC"
    """Time zone of the schedule, for example `Europe/Berlin`."""

    enabled: bool = True
    """Whether the clock counts; never while the environment sleeps."""

    retries: int = 0
    """Times that starting the task is tried again, 0 to 185; a command that fails is not run again."""

    cpu_units: int = 256
    """CPU; 1024 are one vCPU."""

    memory_mib: int = 512
    """Memory, as Fargate offers it for that CPU."""

    def __post_init__(self) -> None:
        check_schedule(self.schedule)
        check_timezone(self.timezone)


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
    """Time for each service to become steady, 60 to 86400; what a deployment strategy waits on purpose comes on top."""

    database_client_image: str = DEFAULT_CLIENT_IMAGE
    """Image with psql 15 or newer, which makes the database."""

    extensions: Sequence[str] = ()
    """Extensions of PostgreSQL that only the server's master role may create, such as `postgis`: they are created before
    the release command runs. One that exists keeps its version, and one that leaves this list stays in the database."""

    def __post_init__(self) -> None:
        check_extensions(self.extensions)
        check_image("database_client_image", self.database_client_image)


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
    retention_days: int = 365
    """Days for which sessions are kept: 1, 3, 5, 7, 14, 30, ..., as CloudWatch has them."""

    bucket: bool = False
    """Whether each session is also kept as a file in a bucket."""
