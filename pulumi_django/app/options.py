"""The choices for each part of an environment. The kinds differ in defaults: `Prod...` classes have production's.

Fields that a component has too come from the component's own settings class, where name, default and text stand once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pulumi_django.data.broker import DEFAULT_MAX_RECEIVES, DEFAULT_RETENTION_SECONDS, DEFAULT_VISIBILITY_SECONDS
from pulumi_django.data.file_system import FileSystemSettings
from pulumi_django.delivery.cdn import PriceClass, Routing
from pulumi_django.deploying.gate_arguments import DEFAULT_RELEASE_COMMAND
from pulumi_django.ecs.database_script import check_extensions
from pulumi_django.ecs.database_task import DEFAULT_CLIENT_IMAGE
from pulumi_django.ecs.exec_sessions import ExecSessionSettings
from pulumi_django.ecs.scaling import Scaling, ScalingPreset
from pulumi_django.ecs.scheduled_command import ScheduleSettings
from pulumi_django.ecs.service import Counted
from pulumi_django.ecs.sidecar import Sidecar
from pulumi_django.ecs.task import Sized, StorageSized
from pulumi_django.ecs.web_routing import Served, check_proxy
from pulumi_django.observability.alarms import AlarmThresholds
from pulumi_django.rules import aws_rules
from pulumi_django.rules.aws_rules import check_command, check_image
from pulumi_django.rules.sizing import check_ephemeral_storage
from pulumi_django.rules.text import MAY_BE_EMPTY


@dataclass(frozen=True, kw_only=True)
class ServedOptions(Served, StorageSized):
    """Options of every service behind the load balancer."""

    hosts: Sequence[str] = ()
    """Host names that the service answers. Empty for the environment's own host and its `extra_hosts`."""

    sidecars: Mapping[str, Sidecar] = field(default_factory=dict[str, Sidecar])
    """Container name -> one more container in each task. Values in its `env` can contain `{NAME}`, as in `extra_env`."""

    command: Sequence[str] | None = None
    """Words of the command. None runs the image's own command."""

    port: int = 8000
    """TCP port on which the container listens, 1 to 65535."""

    paths: Sequence[str] = ("/*",)
    """Path patterns that the service answers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port is {aws_rules.shown(self.port)}: a TCP port is 1 to 65535")
        check_ephemeral_storage(self.ephemeral_storage_gib)
        check_proxy("this service", self.proxy, self.sidecars)


@dataclass(frozen=True, kw_only=True)
class WebOptions(ServedOptions):
    service: str = "gunicorn"
    """Name of the service and its container."""

    command: Sequence[str] | None = None
    """Words of the command. None runs gunicorn on the project's WSGI module, in one process with 8 threads; its settings
    replace those of a `gunicorn.conf.py` in the image, so an image with such a file needs its own words here."""

    cpu_units: int = 512
    memory_mib: int = 1024


@dataclass(frozen=True, kw_only=True)
class FrontendOptions(ServedOptions):
    service: str = "web-ui"
    """Name of the service and its container."""

    port: int = 3000

    paths: Sequence[str] = ("/*",)
    """Path patterns that the frontend answers; `/*` comes after the web service's patterns."""

    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """More environment variables, besides NUXT_PUBLIC_API_BASE and PORT. `{FRONTEND_URL}` in a value is the value of that
    variable in Django's containers, as in `extra_env`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        aws_rules.check_variables("env", self.env)


@dataclass(frozen=True, kw_only=True)
class ServiceOptions(ServedOptions):
    """One more service with Django's image, variables and rights, such as daphne for websockets."""


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
class ProdServiceOptions(ServiceOptions):
    desired_count: int = 2
    scaling: Scaling | None = _PROD_SCALING
    deregistration_delay_seconds: int = 30


@dataclass(frozen=True, kw_only=True)
class WorkerOptions(Counted, StorageSized):
    command: Sequence[str] | None = None
    """Words of the command. None runs a Celery worker on its queues."""

    queues: Sequence[str] | None = None
    """Celery queues of the worker. None is the queue of the worker's own name. The worker `default`, or the only worker, then
    also works on `celery`, to which Celery sends tasks that name no queue."""

    scaling: Scaling | ScalingPreset | None = None
    """Bounds and policies by which tasks are added and removed. `staging` and `production` are presets by queue depth, for
    SQS as broker. None keeps the number."""

    stop_timeout_seconds: int = 30
    """Time for the current tasks of a worker when it is stopped, 1 to 120 seconds."""


@dataclass(frozen=True, kw_only=True)
class ProdWorkerOptions(WorkerOptions):
    scaling: Scaling | ScalingPreset | None = _PROD_WORKER_SCALING
    stop_timeout_seconds: int = 120


@dataclass(frozen=True, kw_only=True)
class BeatOptions(StorageSized):
    service: str = "beat"
    """Name of the service and its container."""

    command: Sequence[str] | None = None
    """Words of the command. None runs Celery beat with its schedule file in `/tmp`, which any user may write."""

    def __post_init__(self) -> None:
        check_ephemeral_storage(self.ephemeral_storage_gib)


@dataclass(frozen=True, kw_only=True)
class RedisOptions(Sized):
    """The environment's own Redis. Three quarters of its memory hold data."""

    image: str = "public.ecr.aws/docker/library/redis:7-alpine"
    """Image as `registry/repository:tag`. Subnets without a route to the internet need one in ECR."""

    def __post_init__(self) -> None:
        check_image("image", self.image)


@dataclass(frozen=True, kw_only=True)
class AppCacheOptions:
    """The part of the base's cache that an environment uses."""

    cache_database: int | None = None
    """Database for the cache, 0 to 15. None takes the first of the two databases of the environment's listener slot. Eight
    slots have databases of their own; after that they repeat, and only `key_prefix` keeps environments apart."""

    broker_database: int | None = None
    """Database for Celery's messages, 0 to 15. None takes the second of the two."""

    key_prefix: str | None = field(default=None, metadata={MAY_BE_EMPTY: True})
    """Beginning of every key. The application receives it as REDIS_KEY_PREFIX, and Celery as `global_keyprefix`. None is
    `{environment}:`."""

    def __post_init__(self) -> None:
        for name in ("cache_database", "broker_database"):
            database: int | None = getattr(self, name)
            if database is not None and not 0 <= database < 16:
                raise ValueError(f"{name} is {database}: a Redis has the databases 0 to 15")


@dataclass(frozen=True, kw_only=True)
class SqsOptions:
    """SQS as Celery's broker, instead of a Redis."""

    visibility_timeout_seconds: int = DEFAULT_VISIBILITY_SECONDS
    """Time after which a message that a worker took returns to the queue, 60 to 43200 seconds (12 hours). It must be longer
    than the longest task, countdown or ETA."""

    max_receives: int = DEFAULT_MAX_RECEIVES
    """Number of times that a message returns before it goes to the dead-letter queue, 1 to 1000."""

    retention_seconds: int = DEFAULT_RETENTION_SECONDS
    """Time for which an unprocessed message is kept, up to 1209600 seconds (14 days)."""

    kms_key_arn: str | None = None
    """KMS key of the messages. None uses SQS's own encryption."""

    def __post_init__(self) -> None:
        aws_rules.check_key_arn("kms_key_arn", self.kms_key_arn)


@dataclass(frozen=True, kw_only=True)
class AppAssetsOptions:
    """The bucket for static files and media."""

    source: Literal["own", "base"] = "own"
    """`own` creates a bucket for the environment. `base` uses the base's bucket, which its environments share."""

    force_destroy: bool = True
    """Whether destroying the environment deletes the files in its own bucket. Otherwise the bucket must be empty."""

    versioned: bool = True
    """Whether overwritten and deleted objects of its own bucket can be restored."""

    old_version_days: int | None = 90
    """Days for which old versions are kept, 1 or more. None keeps them forever."""

    protect: bool = False
    """Whether Pulumi refuses to delete its own bucket."""

    def __post_init__(self) -> None:
        aws_rules.check_days("old_version_days", self.old_version_days)


@dataclass(frozen=True, kw_only=True)
class ProdAppAssetsOptions(AppAssetsOptions):
    source: Literal["own", "base"] = "base"
    force_destroy: bool = False
    protect: bool = True


@dataclass(frozen=True, kw_only=True)
class ScheduledCommandOptions(ScheduleSettings, StorageSized):
    """A management command on a schedule, in the web service's image."""

    command: Sequence[str]
    """Words of the command, such as `[python, manage.py, clearsessions]`."""


@dataclass(frozen=True, kw_only=True)
class VolumeOptions(FileSystemSettings):
    """A file system that tasks share (EFS). A service names it in `mounts`."""


@dataclass(frozen=True, kw_only=True)
class ProdVolumeOptions(VolumeOptions):
    backups: bool = True
    protect: bool = True


@dataclass(frozen=True, kw_only=True)
class ReleaseOptions(StorageSized):
    command: Sequence[str] | None = DEFAULT_RELEASE_COMMAND
    """Words of the command that must succeed before any service takes new code. None runs no command."""

    after_command: Sequence[str] | None = None
    """Words of a command that runs once after every service runs a new version, such as the second phase of migrations. If it
    fails, the update fails, the services keep running, and the next update runs it again. None runs no command."""

    name: str = "backend_update"
    """Name of the container, and last part of the task family, in which the command runs."""

    cpu_units: int = 512
    memory_mib: int = 1024

    timeout_seconds: int = 1800
    """Time after which the task is stopped and the update fails, 60 to 86400 seconds."""

    rollout_timeout_seconds: int = 1200
    """Time for each service to become steady, 60 to 86400 seconds; the waiting time of a deployment strategy is added."""

    database_client_image: str = DEFAULT_CLIENT_IMAGE
    """Image with psql, pg_dump and pg_restore of the server's version or newer, for the tasks that create and copy the
    database."""

    extensions: Sequence[str] = ()
    """Extensions of PostgreSQL that only the server's master role may create, such as `postgis`. They are created before
    the release command runs. An extension that exists keeps its version; one that leaves this list stays in the database."""

    def __post_init__(self) -> None:
        check_extensions(self.extensions)
        check_command("after_command", self.after_command)
        check_image("database_client_image", self.database_client_image)


@dataclass(frozen=True, kw_only=True)
class DistributionOptions:
    """Options of every CloudFront distribution."""

    host: str | None = None
    """Host name of the distribution."""

    certificate_arn: str | None = None
    """Certificate of the host in us-east-1. None issues one, which needs the base's hosted zone."""

    price_class: PriceClass = "PriceClass_100"
    """Regions in which files are cached: North America and Europe (`_100`), also Asia and Africa (`_200`), everywhere (`_All`)."""

    web_acl_arn: str | None = None
    """WAF web ACL of the scope CLOUDFRONT. None uses no firewall."""

    access_logs: bool = False
    """Whether a bucket keeps a line for every request, for 90 days."""

    def __post_init__(self) -> None:
        aws_rules.check_certificate_arn("certificate_arn", self.certificate_arn, region="us-east-1")
        aws_rules.check_web_acl_arn("web_acl_arn", self.web_acl_arn)


@dataclass(frozen=True, kw_only=True)
class CdnOptions(DistributionOptions):
    host: str | None = None
    """Host name. None is `static.` before the environment's host where the base has a hosted zone, else CloudFront's own
    name."""

    prefixes: Sequence[str] = ("static/",)
    """Beginnings of the keys that everyone may read. Media belongs here only when all of it is public."""

    def __post_init__(self) -> None:
        super().__post_init__()
        aws_rules.check_prefixes("prefixes", self.prefixes)


@dataclass(frozen=True, kw_only=True)
class StaticSiteOptions(DistributionOptions):
    host: str | None = None
    """Host name. None is `www.` before the environment's host where the base has a hosted zone, else CloudFront's own
    name."""

    routing: Routing = "single-page"
    """Meaning of a path without a file name: the application's index.html (`single-page`), the directory's index.html
    (`directories`), or the path itself (`files`)."""

    not_found_page: str | None = None
    """Path of the page for files that do not exist, such as `/404.html`. None shows CloudFront's own answer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        aws_rules.check_page("not_found_page", self.not_found_page)


@dataclass(frozen=True, kw_only=True)
class AlarmOptions(AlarmThresholds):
    topic_arn: str | None = None
    """SNS topic that receives the alarms. None is the base's topic, or a topic of the environment's own where the base has
    none."""

    emails: Sequence[str] = ()
    """E-mail addresses that a topic of the environment's own notifies; each address must confirm first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        aws_rules.check_topic_arn("topic_arn", self.topic_arn)
        aws_rules.check_addresses("emails", self.emails)
        if self.topic_arn is not None and self.emails:
            raise ValueError(
                f"emails is {list(self.emails)} with topic_arn {self.topic_arn!r}: addresses subscribe to the environment's "
                "own topic, so leave one of the two out"
            )


@dataclass(frozen=True, kw_only=True)
class ExecSessionOptions(ExecSessionSettings):
    """Encrypted and recorded shell sessions."""

    retention_days: int = 365
