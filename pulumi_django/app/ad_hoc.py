"""A short-lived environment on an ad-hoc base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from pulumi_django import naming
from pulumi_django.app import parts
from pulumi_django.app.options import (
    AlarmOptions,
    BeatOptions,
    CdnOptions,
    ExecSessionOptions,
    FrontendOptions,
    RedisOptions,
    ReleaseOptions,
    StaticSiteOptions,
    WebOptions,
    WorkerOptions,
)
from pulumi_django.aws_access import AwsAccess
from pulumi_django.contract import AppOutputs, BaseContract, require_kind
from pulumi_django.ecs.task import Architecture
from pulumi_django.kinds import Kind
from pulumi_django.observability.otel import TracingOptions


@dataclass(frozen=True, kw_only=True)
class AdHocAppArgs:
    base: BaseContract
    """What the base offers."""

    backend_image: str
    """Django image as `registry/repository:tag`; web service, workers, beat and release run it."""

    frontend_image: str | None = None
    """Image of a frontend that renders on the server; None has no frontend."""

    settings_module: str
    """DJANGO_SETTINGS_MODULE, for example `backend.settings.production`."""

    web: WebOptions = field(default_factory=WebOptions)
    """The service that answers Django's requests."""

    frontend: FrontendOptions = field(default_factory=FrontendOptions)
    """How the frontend runs, when there is one."""

    workers: Mapping[str, WorkerOptions] = field(default_factory=lambda: {"default": WorkerOptions()})
    """Celery workers by queue; each is a service of the queue's name."""

    beat: BeatOptions | None = field(default_factory=BeatOptions)
    """Celery beat; None has none."""

    redis: RedisOptions | None = field(default_factory=RedisOptions)
    """The environment's own Redis, broker and cache; None has none."""

    release: ReleaseOptions = field(default_factory=ReleaseOptions)
    """What runs before new code."""

    celery_app: str | None = None
    """Celery application, for example `backend.celery_app:app`; None is the first package of `settings_module`."""

    wsgi_module: str | None = None
    """WSGI module, for example `backend.wsgi`; None is `wsgi` in the first package of `settings_module`."""

    allowed_hosts: str = "*"
    """ALLOWED_HOSTS. The load balancer forwards only the environment's host and nobody else reaches the tasks; its health
    checks carry the task's address as host, so a narrower value needs an application that answers those too."""

    extra_env: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """More environment variables of Django's containers, or other values of ours; null drops one."""

    extra_secrets: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Variable -> ARN of a secret or parameter (with `:KEY::` for a JSON key) that ECS fills in; null drops one."""

    sentry_dsn: str | None = None
    """SENTRY_DSN."""

    email_identity_arns: Sequence[str] = ()
    """SES identities from which the application sends mail, with the task's role; none by default."""

    task_statements: Sequence[Mapping[str, Any]] = ()
    """What else the application may do in AWS: IAM statements with `Effect`, `Action`, `Resource`."""

    architecture: Architecture = "X86_64"
    """Processor that the images were built for."""

    spot: bool = True
    """Whether web, frontend and workers run on spot capacity; beat and Redis never do."""

    exec_enabled: bool = True
    """Whether a shell can be opened in a running task."""

    log_retention_days: int = 3
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

    listener_slot: int | None = None
    """Block of listener-rule priorities on the base's load balancer, 0 to 998, no other environment's. None takes one
    from a hash of the name, which two environments may share: the orchestrator allocates one."""

    asleep: bool = False
    """Whether every service has no task."""

    aws: AwsAccess = field(default_factory=AwsAccess)
    """How the release reaches AWS: as the stack's provider does."""


class AdHocApp(pulumi.ComponentResource):
    """A Django application with everything that is its own: cluster, services, Redis, database, bucket, secrets.

    The instance's name is the environment's name.
    """

    outputs: AppOutputs
    """What people and tools need to know; `contract.export(app.outputs)` exports it."""

    def __init__(self, name: str, args: AdHocAppArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:app:AdHocApp", name, None, opts)
        naming.check_environment_name(name)
        require_kind(args.base, Kind.AD_HOC, name)
        app = parts.Assembly(name, Kind.AD_HOC, args, parent=self)
        app.check_names()
        app.data()
        app.roles()
        app.broker()
        app.release()
        app.services()
        app.monitoring()
        self.outputs = app.outputs()
        self.register_outputs({"url": self.outputs.url, "kind": self.outputs.kind})
