"""The arguments of an environment. Both kinds have the same arguments, with defaults of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_django.app.maintenance import MaintenanceOptions
from pulumi_django.app.options import (
    AlarmOptions,
    AppAssetsOptions,
    AppCacheOptions,
    BeatOptions,
    CdnOptions,
    ExecSessionOptions,
    FrontendOptions,
    RedisOptions,
    ReleaseOptions,
    ScheduledCommandOptions,
    ServedOptions,
    ServiceOptions,
    SqsOptions,
    StaticSiteOptions,
    VolumeOptions,
    WebOptions,
    WorkerOptions,
)
from pulumi_django.contract import BaseContract
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.ecs.task import Architecture, StorageSized
from pulumi_django.ecs.volumes import Mount
from pulumi_django.ecs.web_routing import ExistingGroup
from pulumi_django.observability.otel import TracingOptions
from pulumi_django.policies import secret_references
from pulumi_django.rules import aws_rules
from pulumi_django.rules.aws_rules import check_command, check_image
from pulumi_django.rules.env_references import whole_reference
from pulumi_django.rules.office_hours import OfficeHours
from pulumi_django.rules.sizing import check_log_retention


@dataclass(frozen=True, kw_only=True)
class ServedPart:
    """A service behind the load balancer, and its place in the configuration."""

    key: str
    """Key of its options: `web`, `frontend`, `services.channels`."""

    service: str
    """Name of the service."""

    options: ServedOptions

    image: str | None = None
    """Image that receives nothing of Django. None is Django's image."""

    additional: bool = False
    """Whether it is one of `services`."""


@dataclass(frozen=True, kw_only=True)
class AppArgs:
    """Arguments of both kinds."""

    base: BaseContract
    """Contract of the base (`contract.read`)."""

    backend_image: str
    """Django image as `registry/repository:tag`. Web service, workers, beat, scheduled commands and release run it."""

    frontend_image: str | None = None
    """Image of a frontend that renders on the server. None creates no frontend."""

    settings_module: str
    """DJANGO_SETTINGS_MODULE, for example `backend.settings.production`."""

    web: WebOptions = field(default_factory=WebOptions)
    """The service that answers Django's requests."""

    frontend: FrontendOptions = field(default_factory=FrontendOptions)
    """The service of the frontend; it counts only with `frontend_image`."""

    services: Mapping[str, ServiceOptions] = field(default_factory=dict[str, ServiceOptions])
    """Name -> one more service behind the load balancer, with Django's image. Its `paths`, such as `[/ws/*]`, or its `hosts`
    are those of no other service."""

    volumes: Mapping[str, VolumeOptions] = field(default_factory=dict[str, VolumeOptions])
    """Name -> file system (EFS). Services, sidecars, workers, beat, scheduled commands and the release have it where their
    `mounts` name it. Deleting a file system deletes its files."""

    workers: Mapping[str, WorkerOptions] = field(default_factory=lambda: {"default": WorkerOptions()})
    """Name -> Celery worker. Each worker is a service of that name, and works on the queue of that name unless it has
    `queues`."""

    beat: BeatOptions | None = field(default_factory=BeatOptions)
    """Celery beat. None creates none."""

    scheduled_commands: Mapping[str, ScheduledCommandOptions] = field(
        default_factory=dict[str, ScheduledCommandOptions]
    )
    """Name -> management command on a schedule."""

    redis: RedisOptions | None = None
    """The environment's own Redis, as broker and cache. None creates none."""

    cache: AppCacheOptions | None = None
    """The environment's part of its base's cache, as broker and cache. None does not use it."""

    sqs: SqsOptions | None = None
    """SQS as broker, with a queue for each worker. None uses `redis` or `cache` as broker."""

    release: ReleaseOptions = field(default_factory=ReleaseOptions)
    """The tasks that run before any service takes new code."""

    maintenance: MaintenanceOptions | None = None
    """Whether the load balancer answers 503 for the environment while its services keep running. None: requests reach the
    services. `orchestrator maintenance on` sets it."""

    on_create: Sequence[str] | None = None
    """Words of a command that runs once in the environment's life, after its services run for the first time, for example to
    load data. If it fails, the next update runs it again. An environment that exists already runs it with its next
    update. None runs no command."""

    on_destroy: Sequence[str] | None = None
    """Words of a command that the orchestrator runs before it destroys the environment. If it fails, nothing is destroyed. A bare
    `pulumi destroy` does not run it."""

    celery_app: str | None = None
    """Celery application, for example `backend.celery_app:app`. None is the first package of `settings_module`."""

    wsgi_module: str | None = None
    """WSGI module, for example `backend.wsgi`. None is `wsgi` in the first package of `settings_module`."""

    allowed_hosts: str = "*"
    """ALLOWED_HOSTS. Only the load balancer reaches the tasks, and it forwards only the environment's hosts. Its health checks
    have the task's address as host, so with a narrower value the application must answer that address too."""

    host: str | None = None
    """Host name of the environment, which may be the base's domain itself. None is the environment's name below the domain.
    The base's certificate must cover it; a certificate that the base issued covers the domain and one label below it."""

    extra_hosts: Sequence[str] = ()
    """More host names that the services answer. Those in the base's domain get a DNS record; the base's certificate must
    cover all of them. `*.alpha.example.com` is every name below `alpha.example.com`."""

    extra_env: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """More environment variables of Django's containers, or other values for the stack's own variables; null removes one.
    `{S3_BUCKET_NAME}` in a value is the stack's value of that variable; `{{` and `}}` are single braces."""

    extra_secrets: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Variable -> secret or parameter that ECS fills in: `secretsmanager:<name>`, `secretsmanager:<name>:<JSON key>`,
    `ssm:<parameter name>`, or an ARN (with `:<JSON key>::` for a JSON key). `{DB_PASSWORD}` is the stack's own secret of
    that name; null removes one."""

    secret_key_arns: Sequence[str] = ()
    """KMS keys of those secrets, where they are not AWS's own keys."""

    sentry_dsn: str | None = None
    """SENTRY_DSN. None sets no such variable."""

    email_identity_arns: Sequence[str] = ()
    """SES identities from which the application may send mail, with the role of its tasks."""

    task_statements: Sequence[Mapping[str, Any]] = ()
    """More rights of the application in AWS: IAM statements with `Effect`, `Action`, `Resource`. All policies of a role have
    10,240 characters at most."""

    assets: AppAssetsOptions = field(default_factory=AppAssetsOptions)
    """The bucket for static files and media."""

    architecture: Architecture = "X86_64"
    """Processor that the images were built for: `X86_64` or `ARM64`."""

    spot: bool = False
    """Whether web, frontend and workers run on spot capacity. Beat and Redis never do."""

    exec_enabled: bool = False
    """Whether a shell (ECS Exec) can be opened in a running task."""

    container_user: str | None = None
    """User inside Django's and the frontend's containers, such as `1000:1000`. None is the images' own user."""

    read_only_root: bool = False
    """Whether these containers can write only below `/tmp`, and with `exec_enabled` to the folders of the shell's agent. Their
    images need `chmod`."""

    log_retention_days: int = 30
    """Days for which CloudWatch keeps log lines: 1, 3, 5, 7, 14, 30, ...
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

    container_insights: bool = False
    """Whether CloudWatch collects metrics of every task, which AWS bills by metric."""

    cdn: CdnOptions | None = None
    """CloudFront in front of the static files; AWS needs a few minutes to create and to delete it. None serves them with URLs
    that Django signs."""

    browser_uploads: bool = False
    """Whether the environment's pages may load and upload files directly (CORS), with URLs that Django signs."""

    static_site: StaticSiteOptions | None = None
    """A frontend of static files behind CloudFront. None creates none."""

    alarms: AlarmOptions | None = None
    """Alarms on errors, latency, CPU, memory and queues. None creates none."""

    dashboard: bool = False
    """Whether CloudWatch has a dashboard of the environment, which AWS bills by the month."""

    tracing: TracingOptions | None = None
    """A collector beside each Django container that sends OpenTelemetry traces to X-Ray. None creates none."""

    exec_sessions: ExecSessionOptions | None = None
    """Encrypts shell sessions with a KMS key and records them. None leaves them to the container's log."""

    database_password_secret: bool = True
    """Whether DB_SECRET_NAME names a secret with the plain database password, which the application may read."""

    secret_recovery_days: int = 0
    """Days for which a deleted secret can be restored, 7 to 30; 0 deletes it at once."""

    publish_parameters: bool = False
    """Whether the stack's outputs are also written to SSM parameters `/{environment}/{output}`."""

    listener_slot: int | None = None
    """Block of listener-rule priorities on the base's load balancer, 0 to 998, different for each environment. The
    orchestrator allocates it. None takes a hash of the name, which two environments may share."""

    listener_priorities: Mapping[str, int] = field(default_factory=dict[str, int])
    """Listener rules in the stack's state: name -> priority. A rule keeps its priority, and none takes one that another rule
    still has, which AWS refuses. The projects read them from the state. Without them every rule has the priority of a new
    environment."""

    target_groups: Mapping[str, ExistingGroup] = field(default_factory=dict[str, ExistingGroup])
    """Target groups in the stack's state: resource name -> the group. AWS deletes none that a rule uses, so one with another port
    or protocol gets a name of its own. The projects read them from the state."""

    hours: OfficeHours | None = None
    """Times of the week in which the services run; AWS stops them at the end and starts them again. None takes the base's
    hours; without these too, the services always run."""

    asleep: bool = False
    """Whether the environment sleeps: no service has a task, and no schedule starts one."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """Credentials and endpoints with which the release reaches AWS."""

    def __post_init__(self) -> None:
        check_image("backend_image", self.backend_image)
        check_command("on_create", self.on_create)
        check_command("on_destroy", self.on_destroy)
        check_image("frontend_image", self.frontend_image)
        secret_references.check([reference for reference in self.external_secrets.values() if reference])
        self._check_rules()
        self._check_hours()
        if self.redis is not None and self.cache is not None:
            raise ValueError(
                "redis and cache are both set: an environment has its own Redis or uses its base's, so set one of them to null"
            )

    @property
    def served(self) -> list[ServedPart]:
        """Every service behind the load balancer, the web service first."""
        found = [ServedPart(key="web", service=self.web.service, options=self.web)]
        if (image := self.frontend_image) is not None:
            part = ServedPart(key="frontend", service=self.frontend.service, options=self.frontend, image=image)
            found.append(part)
        return [
            *found,
            *(
                ServedPart(key=f"services.{name}", service=name, options=options, additional=True)
                for name, options in sorted(self.services.items())
            ),
        ]

    @property
    def sized(self) -> dict[str, StorageSized]:
        """Key in the configuration -> everything that runs as a task with Django's image, or with the frontend's."""
        return {
            **{part.key: part.options for part in self.served},
            **{f"workers.{name}": options for name, options in self.workers.items()},
            **({"beat": self.beat} if self.beat is not None else {}),
            **{f"scheduled_commands.{name}": options for name, options in self.scheduled_commands.items()},
            "release": self.release,
        }

    @property
    def mounts(self) -> dict[str, Mapping[str, Mount]]:
        """Key in the configuration -> the mounts of every container, `web.sidecars.nginx` that of a sidecar."""
        sidecars = {
            f"{part.key}.sidecars.{name}": sidecar.mounts
            for part in self.served
            for name, sidecar in part.options.sidecars.items()
        }
        return {**{key: sized.mounts for key, sized in self.sized.items()}, **sidecars}

    @property
    def external_secrets(self) -> dict[str, str | None]:
        """`extra_secrets` without references to the stack's own secrets, such as `{DB_PASSWORD}`."""
        return {
            variable: reference
            for variable, reference in self.extra_secrets.items()
            if not reference or whole_reference(reference) is None
        }

    def _check_hours(self) -> None:
        if self.hours is None:
            return
        around = self.base.hours
        if around is not None and not self.hours.within(around):
            raise ValueError(
                f"hours is {self.hours.text!r} and the base {self.base.base_stack_name} is open {around.text}: without the "
                "base's database nothing runs, so choose times within the base's, in its time zone"
            )

    def _check_rules(self) -> None:
        aws_rules.check_variables("extra_env", self.extra_env)
        aws_rules.check_variables("extra_secrets", self.extra_secrets)
        aws_rules.check_module("settings_module", self.settings_module)
        aws_rules.check_module("wsgi_module", self.wsgi_module, with_object=True)
        aws_rules.check_module("celery_app", self.celery_app, with_object=True)
        aws_rules.check_key_arns("secret_key_arns", self.secret_key_arns)
        aws_rules.check_mail_identity_arns("email_identity_arns", self.email_identity_arns)
        check_log_retention("log_retention_days", self.log_retention_days)
        if self.secret_recovery_days and not 7 <= self.secret_recovery_days <= 30:
            raise ValueError(
                f"secret_recovery_days is {aws_rules.shown(self.secret_recovery_days)}: it must be 0, or 7 to 30"
            )
        aws_rules.check_statements("task_statements", self.task_statements)
