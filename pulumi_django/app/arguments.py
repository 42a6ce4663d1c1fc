"""The arguments of an environment. Both kinds have the same; what differs is the defaults that each kind sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    SqsOptions,
    StaticSiteOptions,
    WebOptions,
    WorkerOptions,
)
from pulumi_django.contract import BaseContract
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.ecs.task import Architecture
from pulumi_django.observability.otel import TracingOptions
from pulumi_django.policies import secret_references
from pulumi_django.rules import aws_rules
from pulumi_django.rules.env_references import whole_reference
from pulumi_django.rules.naming import check_image


@dataclass(frozen=True, kw_only=True)
class AppArgs:
    """What the arguments of both kinds have in common."""

    base: BaseContract
    """What the base offers."""

    backend_image: str
    """Django image as `registry/repository:tag`; web service, workers, beat, scheduled commands and release run it."""

    frontend_image: str | None = None
    """Image of a frontend that renders on the server; None has no frontend."""

    settings_module: str
    """DJANGO_SETTINGS_MODULE, for example `backend.settings.production`."""

    web: WebOptions = field(default_factory=WebOptions)
    """The service that answers Django's requests."""

    frontend: FrontendOptions = field(default_factory=FrontendOptions)
    """How the frontend runs, when there is one."""

    workers: Mapping[str, WorkerOptions] = field(default_factory=lambda: {"default": WorkerOptions()})
    """Celery workers by name; each is a service of that name, and works on the queue of that name unless its `queues` say
    otherwise."""

    beat: BeatOptions | None = field(default_factory=BeatOptions)
    """Celery beat; None has none."""

    scheduled_commands: Mapping[str, ScheduledCommandOptions] = field(
        default_factory=dict[str, ScheduledCommandOptions]
    )
    """Management commands by the clock, by name."""

    redis: RedisOptions | None = None
    """The environment's own Redis, broker and cache; None has none."""

    cache: AppCacheOptions | None = None
    """The environment's part of its base's cache, as broker and cache; None uses none."""

    sqs: SqsOptions | None = None
    """SQS as broker, a queue for each worker; None takes the Redis or cache that there is."""

    release: ReleaseOptions = field(default_factory=ReleaseOptions)
    """What runs before new code."""

    celery_app: str | None = None
    """Celery application, for example `backend.celery_app:app`; None is the first package of `settings_module`."""

    wsgi_module: str | None = None
    """WSGI module, for example `backend.wsgi`; None is `wsgi` in the first package of `settings_module`."""

    allowed_hosts: str = "*"
    """ALLOWED_HOSTS. The load balancer forwards only the environment's hosts and nobody else reaches the tasks; its health
    checks carry the task's address as host, so a narrower value needs an application that answers those too."""

    host: str | None = None
    """Host name of the environment; None is its name below the base's domain. The domain itself may be one. The base's
    certificate must cover it; one that the base issued itself covers the domain and one label below it."""

    extra_hosts: Sequence[str] = ()
    """Further host names that its services answer. Those in the base's domain get a record; the certificate of the base
    must cover them all. `*.alpha.example.com` stands for every name below `alpha.example.com`."""

    extra_env: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """More environment variables of Django's containers, or other values of ours; null drops one. `{S3_BUCKET_NAME}` in a
    value is what the stack gives as that variable; `{{` and `}}` are single braces."""

    extra_secrets: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Variable -> secret or parameter that ECS fills in: `secretsmanager:<name>`, `secretsmanager:<name>:<JSON key>`,
    `ssm:<parameter name>`, or an ARN (with `:<JSON key>::` for a JSON key); `{DB_PASSWORD}` is the stack's own secret of
    that name; null drops one."""

    secret_key_arns: Sequence[str] = ()
    """KMS keys with which those secrets are encrypted, where they are not AWS's own."""

    sentry_dsn: str | None = None
    """SENTRY_DSN."""

    email_identity_arns: Sequence[str] = ()
    """SES identities from which the application sends mail, with the task's role; none by default."""

    task_statements: Sequence[Mapping[str, Any]] = ()
    """What else the application may do in AWS: IAM statements with `Effect`, `Action`, `Resource`."""

    assets: AppAssetsOptions = field(default_factory=AppAssetsOptions)
    """The bucket for static files and media."""

    architecture: Architecture = "X86_64"
    """Processor that the images were built for: `X86_64` or `ARM64`."""

    spot: bool = False
    """Whether web, frontend and workers run on spot capacity; beat and Redis never do."""

    exec_enabled: bool = False
    """Whether a shell can be opened in a running task."""

    container_user: str | None = None
    """User inside Django's and the frontend's containers, such as `1000:1000`; None is the images' own."""

    read_only_root: bool = False
    """Whether these containers can write only below `/tmp`. Their images need `chmod`, and no shell can be opened in
    them."""

    log_retention_days: int = 30
    """Days for which log lines are kept."""

    container_insights: bool = False
    """Whether CloudWatch collects metrics of every task."""

    cdn: CdnOptions | None = None
    """CloudFront in front of the static files; None has none, and they are had with URLs that Django signs. It takes AWS
    some minutes to make and to delete one."""

    browser_uploads: bool = False
    """Whether the environment's pages may load and upload files directly, with URLs that Django signs."""

    static_site: StaticSiteOptions | None = None
    """A frontend that is only files, by CloudFront; None has none."""

    alarms: AlarmOptions | None = None
    """Alarms on errors, latency, CPU, memory and queues; None has none."""

    dashboard: bool = False
    """Whether CloudWatch has a dashboard of the environment, which is billed by the month."""

    tracing: TracingOptions | None = None
    """A collector beside each of Django's containers that hands OpenTelemetry's traces to X-Ray; None has none."""

    exec_sessions: ExecSessionOptions | None = None
    """Whether shell sessions are encrypted with a key of ours and written down; None leaves them to the container's log."""

    database_password_secret: bool = True
    """Whether DB_SECRET_NAME names a secret with the plain database password, which the application may read."""

    secret_recovery_days: int = 0
    """Days for which a deleted secret can be restored, 7 to 30; 0 deletes at once."""

    publish_parameters: bool = False
    """Whether the stack's outputs are also written to SSM parameters `/{environment}/{output}`."""

    listener_slot: int | None = None
    """Block of listener-rule priorities on the base's load balancer, 0 to 998, no other environment's. None takes one
    from a hash of the name, which two environments may share: the orchestrator allocates one."""

    asleep: bool = False
    """Whether every service has no task."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """How the release reaches AWS: as the stack's provider does."""

    def __post_init__(self) -> None:
        check_image("backend_image", self.backend_image)
        check_image("frontend_image", self.frontend_image)
        secret_references.check([reference for reference in self.external_secrets.values() if reference])
        if self.read_only_root and self.exec_enabled:
            raise ValueError(
                "read_only_root and exec_enabled are both on: the agent behind a shell writes into the container, so switch "
                "one of them off"
            )
        self._check_rules()
        if self.redis is not None and self.cache is not None:
            raise ValueError(
                "redis and cache are both set: an environment has its own Redis or uses its base's, so set one of them to null"
            )

    @property
    def external_secrets(self) -> dict[str, str | None]:
        """`extra_secrets` without those that name a secret of the stack itself, such as `{DB_PASSWORD}`."""
        return {
            variable: reference
            for variable, reference in self.extra_secrets.items()
            if not reference or whole_reference(reference) is None
        }

    def _check_rules(self) -> None:
        aws_rules.check_variables("extra_env", self.extra_env)
        aws_rules.check_variables("extra_secrets", self.extra_secrets)
        aws_rules.check_module("settings_module", self.settings_module)
        aws_rules.check_module("wsgi_module", self.wsgi_module, with_object=True)
        aws_rules.check_module("celery_app", self.celery_app, with_object=True)
        aws_rules.check_key_arns("secret_key_arns", self.secret_key_arns)
        aws_rules.check_mail_identity_arns("email_identity_arns", self.email_identity_arns)
        aws_rules.check_statements("task_statements", self.task_statements)
