"""How an environment is put together from its parts; both kinds use this, with arguments of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django import naming, priorities
from pulumi_django.app import delivery, monitoring
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.options import BeatOptions, FrontendOptions, RedisOptions, WebOptions, WorkerOptions
from pulumi_django.app_secrets import AppSecrets, AppSecretsArgs
from pulumi_django.container_env import BROKER_DATABASE, ContainerEnv, ContainerValues, container_env
from pulumi_django.contract import AppOutputs, ContractError
from pulumi_django.dns import AliasRecord, AliasRecordArgs
from pulumi_django.ecs.beat_service import BeatService, BeatServiceArgs
from pulumi_django.ecs.cluster import Cluster, ClusterArgs
from pulumi_django.ecs.container import ContainerSetup, TaskSize
from pulumi_django.ecs.database_task import DatabaseTask, DatabaseTaskArgs
from pulumi_django.ecs.frontend_service import FrontendService, FrontendServiceArgs
from pulumi_django.ecs.management_command import ManagementCommand, ManagementCommandArgs
from pulumi_django.ecs.redis_service import REDIS_PORT, RedisService, RedisServiceArgs
from pulumi_django.ecs.release import ReleaseGate, ReleaseGateArgs
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs, TaskRole, TaskRoleArgs
from pulumi_django.ecs.service import Capacity, ServicePlacement
from pulumi_django.ecs.task_security import TaskSecurityGroup, TaskSecurityGroupArgs
from pulumi_django.ecs.web_service import Rule, WebService, WebServiceArgs
from pulumi_django.ecs.worker_service import WorkerService, WorkerServiceArgs
from pulumi_django.kinds import Kind
from pulumi_django.observability import otel

REDIS_SERVICE = "redis"
CACHE_DATABASE = 0
_JSON_KEY_SUFFIX_PARTS = 7
"""Parts of a secret's ARN between colons; what follows is the JSON key, version stage and version id of ECS."""


class Assembly:
    """Builds the parts of one environment, each step from what the steps before it made."""

    def __init__(self, name: str, kind: Kind, args: AppArgs, *, parent: pulumi.Resource) -> None:
        self._name, self._kind, self._args, self._base = name, kind, args, args.base
        self._child = pulumi.ResourceOptions(parent=parent)
        self._database = naming.database_name(name)
        self._host: pulumi.Input[str] = (
            f"{name}.{self._base.domain_name}" if self._base.domain_name else self._base.alb_dns_name
        )
        scheme = "https" if self._base.domain_name else "http"
        self._url = pulumi.Output.concat(f"{scheme}://", self._host)
        self._rules = self._assigned_rules()
        self._made: dict[str, WebService | FrontendService | WorkerService | BeatService | RedisService] = {}

    # steps

    def check_names(self) -> None:
        """ValueError when two services have one name, or a name cannot be used."""
        args = self._args
        names = [args.web.service, *([args.frontend.service] if args.frontend_image else []), *args.workers]
        names += [
            *([args.beat.service] if args.beat else []),
            *([REDIS_SERVICE] if args.redis else []),
            args.release.name,
        ]
        for name in names:
            naming.check_service_name(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} names more than one service of {self._name}: give each its own name")
        if args.redis and self._base.service_discovery_namespace_id is None:
            raise ContractError(
                f"{self._name} wants its own Redis and its base {self._base.base_stack_name} has no namespace to find it "
                "in: set redis to null, or use a base with service discovery"
            )

    def data(self) -> None:
        """Secrets and bucket."""
        self._secrets = AppSecrets(
            f"{self._name}-secrets",
            AppSecretsArgs(
                database_host=self._base.database_host,
                database_port=self._base.database_port,
                database_name=self._database,
                password_secret=self._args.database_password_secret,
            ),
            self._child,
        )
        env = delivery.Environment(
            name=self._name,
            base=self._base,
            host=self._host,
            url=self._url,
            account_id=self._account_id,
            opts=self._child,
        )
        self._site = delivery.static_site(env, self._args.static_site)
        self._bucket = delivery.assets(
            env, self._args.cdn, self._site, browser_uploads=self._args.browser_uploads, force_destroy=True
        )

    def roles(self) -> None:
        """What tasks may do, and where their shell sessions are written down."""
        needs_key = self._args.exec_sessions is not None or monitoring.has_own_topic(self._base, self._args.alarms)
        self._key_arn = monitoring.key_arn(self._name, self._base, self._account_id, needed=needs_key, opts=self._child)
        self._sessions = monitoring.exec_sessions(
            self._name, self._base, self._args.exec_sessions, self._key_arn, self._child
        )
        sessions = self._sessions.statements if self._sessions is not None else ()
        traces = otel.STATEMENTS if self._args.tracing is not None else ()
        own = self._secrets.password_secret_arn
        external = [_secret_arn(reference) for reference in self._args.extra_secrets.values() if reference]
        self._execution = ExecutionRole(
            f"{self._name}-execution",
            ExecutionRoleArgs(
                log_group_arns=[self._log_group_pattern()],
                secret_arns=[self._secrets.secret_arn, *sorted(set(external))],
            ),
            self._child,
        )
        self._task_role = TaskRole(
            f"{self._name}-task",
            TaskRoleArgs(
                bucket_arns=[self._bucket.bucket_arn],
                readable_secret_arns=[own] if own is not None else [],
                exec_enabled=self._args.exec_enabled,
                email_identity_arns=self._args.email_identity_arns,
                statements=[*sessions, *traces, *self._args.task_statements],
            ),
            self._child,
        )
        # Redis, and a frontend, have no business in AWS beyond their shell.
        self._plain_role = TaskRole(
            f"{self._name}-plain", TaskRoleArgs(exec_enabled=self._args.exec_enabled, statements=sessions), self._child
        )

    def broker(self) -> None:
        """Cluster, security group and the name of Redis, which Django's variables need."""
        args = self._args
        self._cluster = Cluster(
            f"{self._name}-cluster",
            ClusterArgs(
                environment=self._name,
                container_insights=args.container_insights,
                configuration=self._sessions.configuration if self._sessions is not None else None,
            ),
            self._child,
        )
        ports = [args.web.port, *([args.frontend.port] if args.frontend_image else [])]
        self._group = TaskSecurityGroup(
            f"{self._name}-tasks",
            TaskSecurityGroupArgs(
                vpc_id=self._base.vpc_id,
                alb_security_group_id=self._base.alb_sg_id,
                web_ports=ports,
                internal_ports=[REDIS_PORT] if args.redis else [],
            ),
            self._child,
        )
        self._django = self._setup(args.backend_image, self._django_env(), self._task_role)

    def release(self) -> None:
        """The tasks that come before new code, and the hooks that run them."""
        options, groups = self._args.release, [self._base.app_sg_id, self._group.security_group_id]
        database = DatabaseTask(f"{self._name}-database", self._database_args(), self._child)
        command = ManagementCommand(
            f"{self._name}-{options.name}",
            ManagementCommandArgs(
                environment=self._name,
                command_name=options.name,
                container=self._django,
                size=TaskSize(command=options.command, cpu_units=options.cpu_units, memory_mib=options.memory_mib),
            ),
            self._child,
        )
        gate = ReleaseGate(
            self._name,
            ReleaseGateArgs(
                cluster=self._cluster.cluster_arn,
                subnet_ids=self._base.private_subnet_ids,
                security_group_ids=groups,
                database_task_definition_arn=database.task_definition_arn,
                release_task_definition_arn=command.task_definition_arn,
                release_command=options.command,
                release_timeout_seconds=options.timeout_seconds,
                rollout_timeout_seconds=options.rollout_timeout_seconds,
                aws=self._args.aws,
            ),
        )
        self._database_task, self._release_command = database, command
        self._placement = ServicePlacement(
            environment=self._name,
            cluster_arn=self._cluster.cluster_arn,
            subnet_ids=self._base.private_subnet_ids,
            security_group_ids=groups,
            exec_enabled=self._args.exec_enabled,
            hooks=gate.binding,
            confirm=gate.confirm,
            depends_on=[database, command, *self._secrets.versions],
        )

    def services(self) -> None:
        """Everything that keeps running, and the host name."""
        args, running = self._args, not self._args.asleep
        django = self._traced(args.web.service)
        web = WebService(f"{self._name}-{args.web.service}", self._web(args.web, django), self._child)
        self._made[args.web.service] = web
        if args.frontend_image is not None:
            self._made[args.frontend.service] = self._frontend(args.frontend, args.frontend_image)
        for queue, options in sorted(args.workers.items()):
            self._made[queue] = self._worker(queue, options)
        if args.beat is not None:
            self._made[args.beat.service] = self._beat(args.beat, running)
        if args.redis is not None:
            self._made[REDIS_SERVICE] = self._redis(args.redis, running)
        if self._base.domain_name and self._base.hosted_zone_id is not None:
            AliasRecord(
                f"{self._name}-host",
                AliasRecordArgs(
                    host=str(self._host),
                    hosted_zone_id=self._base.hosted_zone_id,
                    target_dns_name=self._base.alb_dns_name,
                    target_zone_id=self._base.alb_zone_id,
                ),
                self._child,
            )

    def monitoring(self) -> None:
        """Alarms and dashboard."""
        web = {name: part for name, part in self._made.items() if isinstance(part, WebService | FrontendService)}
        watched = monitoring.Watched(
            name=self._name,
            base=self._base,
            cluster_name=self._cluster.cluster_name,
            services={name: part.service_name for name, part in self._made.items()},
            target_groups={name: part.target_group_arn_suffix for name, part in web.items()},
        )
        if self._args.alarms is not None:
            monitoring.alarms(watched, self._args.alarms, self._account_id, self._key_arn, self._child)
        if self._args.dashboard:
            monitoring.dashboard(watched, self._child)

    def outputs(self) -> AppOutputs:
        """The application's outputs."""
        tasks = {self._args.release.name: self._release_command, "database": self._database_task}
        return AppOutputs(
            url=self._url,
            environment=self._name,
            kind=self._kind.value,
            base_stack_name=self._base.base_stack_name,
            cluster_name=self._cluster.cluster_name,
            service_names=[service.service_name for service in self._made.values()],
            task_families=[part.task_family for part in (*self._made.values(), *tasks.values())],
            log_groups={name: part.log_group_name for name, part in {**self._made, **tasks}.items()},
            release_task_family=self._release_command.task_family,
            task_subnet_ids=self._base.private_subnet_ids,
            task_security_group_ids=[self._base.app_sg_id, self._group.security_group_id],
            database_name=self._database,
            exec_command=self._exec_command(),
            static_url=self._bucket.cdn.url if self._bucket.cdn is not None else None,
            site_url=self._site.url if self._site is not None else None,
            site_bucket_name=self._site.bucket_name if self._site is not None else None,
            site_distribution_id=self._site.distribution_id if self._site is not None else None,
        )

    # details

    def _account_id(self) -> pulumi.Output[str]:
        return aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self._child.parent)).account_id

    def _assigned_rules(self) -> dict[str, list[Rule]]:
        args = self._args
        services: list[tuple[str, Sequence[str]]] = [(args.web.service, args.web.paths)]
        if args.frontend_image is not None:
            services.append((args.frontend.service, args.frontend.paths))
        slot = priorities.stable_slot(self._name) if args.listener_slot is None else args.listener_slot
        return {name: list(rules) for name, rules in priorities.assign(slot, services).items()}

    def _log_group_pattern(self) -> str:
        return f"arn:aws:logs:{self._base.region}:*:log-group:/ecs/{self._name}/*"

    def _setup(self, image: str, env: ContainerEnv, role: TaskRole) -> ContainerSetup:
        return ContainerSetup(
            image=image,
            env=env.plain,
            secrets=env.secrets,
            execution_role_arn=self._execution.role_arn,
            task_role_arn=role.role_arn,
            region=self._base.region,
            architecture=self._args.architecture,
            log_retention_days=self._args.log_retention_days,
            log_kms_key_arn=self._key_arn,
        )

    def _traced(self, service: str) -> ContainerSetup:
        """Django's container, with the collector of traces beside it when there is one."""
        options = self._args.tracing
        if options is None:
            return self._django
        return replace(
            self._django,
            env={**self._django.env, **otel.variables(options, self._name, service)},
            sidecars={**self._django.sidecars, otel.CONTAINER: otel.collector(options, self._base.region)},
        )

    def _plain_setup(self, image: str) -> ContainerSetup:
        return self._setup(image, ContainerEnv(), self._plain_role)

    def _django_env(self) -> ContainerEnv:
        args, base = self._args, self._base
        redis = f"{naming.service_name(self._name, REDIS_SERVICE)}.{base.service_discovery_namespace_name}"
        url = f"redis://{redis}:{REDIS_PORT}"
        values = ContainerValues(
            environment=self._name,
            base=base.base_stack_name,
            domain=base.domain_name or base.alb_dns_name,
            url=self._url,
            region=base.region,
            settings_module=args.settings_module,
            allowed_hosts=args.allowed_hosts,
            bucket=self._bucket.bucket_name,
            static_url=self._bucket.cdn.url if self._bucket.cdn is not None else None,
            frontend_url=self._site.url if self._site is not None and not args.frontend_image else None,
            database_host=base.database_host,
            database_port=pulumi.Output.from_input(base.database_port).apply(str),
            database_name=self._database,
            redis_host=redis if args.redis else None,
            redis_url=f"{url}/{CACHE_DATABASE}" if args.redis else None,
            broker_url=f"{url}/{BROKER_DATABASE}" if args.redis else None,
            password_secret_name=self._secrets.password_secret_name,
            sentry_dsn=args.sentry_dsn,
        )
        return container_env(
            values,
            secret_reference=self._secrets.references,
            extra_env=args.extra_env,
            extra_secrets=args.extra_secrets,
        )

    def _database_args(self) -> DatabaseTaskArgs:
        return DatabaseTaskArgs(
            environment=self._name,
            host=self._base.database_host,
            port=self._base.database_port,
            master_secret_arn=self._base.database_master_secret_arn,
            database_name=self._database,
            password_reference=self._secrets.references["DB_PASSWORD"],
            password_secret_arn=self._secrets.secret_arn,
            log_group_arn_pattern=self._log_group_pattern(),
            region=self._base.region,
            image=self._args.release.database_client_image,
            architecture=self._args.architecture,
            log_retention_days=self._args.log_retention_days,
            log_kms_key_arn=self._key_arn,
        )

    def _web(self, options: WebOptions | FrontendOptions, container: ContainerSetup) -> WebServiceArgs:
        command = options.command
        if command is None and isinstance(options, WebOptions):
            module = self._args.wsgi_module or f"{self._package()}.wsgi"
            command = ["gunicorn", "--bind", f"0.0.0.0:{options.port}", module]
        return WebServiceArgs(
            service=options.service,
            placement=self._placement,
            container=container,
            size=TaskSize(
                command=command, cpu_units=options.cpu_units, memory_mib=options.memory_mib, port=options.port
            ),
            vpc_id=self._base.vpc_id,
            listener_arn=self._base.listener_arn,
            host=self._host,
            rules=self._rules[options.service],
            health_check=options.health_check,
            desired_count=0 if self._args.asleep else options.desired_count,
            capacity=self._capacity(),
        )

    def _frontend(self, options: FrontendOptions, image: str) -> FrontendService:
        return FrontendService(
            f"{self._name}-{options.service}",
            FrontendServiceArgs(web=self._web(options, self._plain_setup(image)), api_url=self._url, env=options.env),
            self._child,
        )

    def _worker(self, queue: str, options: WorkerOptions) -> WorkerService:
        command = options.command or [*self._celery(), "worker", "--loglevel=INFO", "-Q", queue]
        return WorkerService(
            f"{self._name}-{queue}",
            WorkerServiceArgs(
                service=queue,
                placement=self._placement,
                container=self._traced(queue),
                size=TaskSize(command=command, cpu_units=options.cpu_units, memory_mib=options.memory_mib),
                desired_count=0 if self._args.asleep else options.desired_count,
                capacity=self._capacity(),
            ),
            self._child,
        )

    def _beat(self, options: BeatOptions, running: bool) -> BeatService:
        default = [*self._celery(), "beat", "--loglevel=INFO", "--schedule=/tmp/celerybeat-schedule"]
        return BeatService(
            f"{self._name}-{options.service}",
            BeatServiceArgs(
                service=options.service,
                placement=self._placement,
                container=self._traced(options.service),
                size=TaskSize(
                    command=options.command or default, cpu_units=options.cpu_units, memory_mib=options.memory_mib
                ),
                running=running,
            ),
            self._child,
        )

    def _redis(self, options: RedisOptions, running: bool) -> RedisService:
        namespace_id: Any = self._base.service_discovery_namespace_id
        return RedisService(
            f"{self._name}-{REDIS_SERVICE}",
            RedisServiceArgs(
                service=REDIS_SERVICE,
                placement=self._placement,
                container=self._plain_setup(options.image),
                namespace_id=namespace_id,
                namespace_name=str(self._base.service_discovery_namespace_name),
                cpu_units=options.cpu_units,
                memory_mib=options.memory_mib,
                running=running,
            ),
            self._child,
        )

    def _capacity(self) -> Capacity:
        return "FARGATE_SPOT" if self._args.spot else "FARGATE"

    def _package(self) -> str:
        return self._args.settings_module.partition(".")[0]

    def _celery(self) -> list[str]:
        return ["celery", f"--app={self._args.celery_app or self._package()}"]

    def _exec_command(self) -> str:
        """Shell line: a task has no name that stays, so the line looks one up first."""
        cluster, service = self._cluster.cluster_name, naming.service_name(self._name, self._args.web.service)
        where = f"--region {self._base.region} --cluster {cluster}"
        task = f"$(aws ecs list-tasks {where} --service-name {service} --query 'taskArns[0]' --output text)"
        return (
            f"aws ecs execute-command {where} --task {task} --container {self._args.web.service} "
            "--interactive --command /bin/bash"
        )


def _secret_arn(reference: str) -> str:
    """The ARN that a policy names, of an ECS `valueFrom`, which may end with a JSON key."""
    if ":secret:" not in reference:
        return reference
    return ":".join(reference.split(":")[:_JSON_KEY_SUFFIX_PARTS])
