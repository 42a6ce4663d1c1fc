"""How an environment is put together from its parts; both kinds use this, with arguments of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi

from pulumi_django import contract
from pulumi_django.app import backing, checks, delivery, hosts, monitoring
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.running import Running, RunningArgs
from pulumi_django.contract import AppOutputs, require_kind
from pulumi_django.data.published_parameters import PublishedParameters, PublishedParametersArgs, published
from pulumi_django.data.secrets import AppSecrets, AppSecretsArgs
from pulumi_django.delivery.assets import AssetsBucket
from pulumi_django.deploying.gate import MAX_TIMEOUT_SECONDS, ReleaseGate, ReleaseGateArgs
from pulumi_django.ecs.cluster import Cluster, ClusterArgs
from pulumi_django.ecs.container import ContainerSetup, TaskSize
from pulumi_django.ecs.database_task import DatabaseTask, DatabaseTaskArgs
from pulumi_django.ecs.frontend_service import FrontendService
from pulumi_django.ecs.management_command import ManagementCommand, ManagementCommandArgs
from pulumi_django.ecs.redis_service import REDIS_PORT
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs, TaskRole, TaskRoleArgs
from pulumi_django.ecs.service import ServicePlacement
from pulumi_django.ecs.task_security import TaskSecurityGroup, TaskSecurityGroupArgs
from pulumi_django.ecs.web_service import WebService
from pulumi_django.network.dns import AliasRecord, AliasRecordArgs
from pulumi_django.observability import otel
from pulumi_django.observability.metrics import queue_metric
from pulumi_django.policies.secret_references import Resolved, Resolver
from pulumi_django.rules import naming
from pulumi_django.rules.container_env import ContainerEnv, ContainerValues, container_env
from pulumi_django.rules.kinds import Kind


def assemble(name: str, kind: Kind, args: AppArgs, *, parent: pulumi.Resource) -> AppOutputs:
    """All parts of an environment, as children of `parent`. Raises ValueError and ContractError."""
    naming.check_environment_name(name)
    require_kind(args.base, kind, name)
    checks.check(name, args)
    app = Assembly(name, kind, args, parent=parent)
    app.data()
    app.roles()
    app.network()
    app.release()
    app.services()
    app.monitoring()
    outputs = app.outputs()
    app.publish(outputs)
    return outputs


class Assembly:
    """Builds the parts of one environment, each step from what the steps before it made."""

    def __init__(self, name: str, kind: Kind, args: AppArgs, *, parent: pulumi.Resource) -> None:
        self._name, self._kind, self._args, self._base = name, kind, args, args.base
        self._child = pulumi.ResourceOptions(parent=parent)
        self._database = naming.database_name(name)
        self._hosts = hosts.environment_hosts(name, args)
        scheme = "https" if self._base.domain_name else "http"
        self._url = pulumi.Output.concat(f"{scheme}://", self._hosts[0])
        self._rules = hosts.assigned_rules(name, args, self._hosts)
        resolver = Resolver(self._base.region, parent)
        self._external: dict[str, Resolved | None] = {
            variable: resolver.resolve(reference) if reference else None
            for variable, reference in args.extra_secrets.items()
        }

    # steps

    def data(self) -> None:
        """Secrets, bucket, broker and cache."""
        args = self._args
        self._secrets = AppSecrets(
            f"{self._name}-secrets",
            AppSecretsArgs(
                database_host=self._base.database_host,
                database_port=self._base.database_port,
                database_name=self._database,
                password_secret=args.database_password_secret,
                recovery_window_days=args.secret_recovery_days,
                kms_key_arn=self._base.kms_key_arn,
            ),
            self._child,
        )
        self._bucket = backing.bucket(args, self._files())
        self._sqs = backing.sqs_broker(self._name, args, self._child)
        self._redis = backing.redis_access(self._name, args)

    def roles(self) -> None:
        """What tasks may do, and where their shell sessions are written down."""
        needs_key = self._args.exec_sessions is not None or monitoring.has_own_topic(self._base, self._args.alarms)
        self._key_arn = monitoring.key_arn(self._name, self._base, needed=needs_key, opts=self._child)
        self._sessions = monitoring.exec_sessions(
            self._name, self._base, self._args.exec_sessions, self._key_arn, self._child
        )
        sessions = self._sessions.statements if self._sessions is not None else ()
        traces = otel.STATEMENTS if self._args.tracing is not None else ()
        queues = self._sqs.statements if self._sqs is not None else ()
        args, own = self._args, self._secrets.password_secret_arn
        self._execution = ExecutionRole(
            f"{self._name}-execution",
            ExecutionRoleArgs(
                account_id=self._base.account_id,
                log_group_arns=[self._log_group_pattern()],
                secret_arns=[self._secrets.secret_arn, *self._external_arns()],
                key_arns=[*self._base_keys(), *args.secret_key_arns],
                shared_role_arn=self._base.execution_role_arn,
            ),
            self._child,
        )
        self._task_role = TaskRole(
            f"{self._name}-task",
            TaskRoleArgs(
                account_id=self._base.account_id,
                bucket_arns=[self._bucket.arn],
                readable_secret_arns=[own] if own is not None else [],
                key_arns=self._base_keys() if own is not None else [],
                exec_enabled=args.exec_enabled,
                email_identity_arns=args.email_identity_arns,
                statements=[*sessions, *traces, *queues, *args.task_statements],
                shared_role_arn=self._base.task_role_arn,
            ),
            self._child,
        )
        # Redis, and a frontend, have no business in AWS beyond their shell.
        self._plain_role = TaskRole(
            f"{self._name}-plain",
            TaskRoleArgs(account_id=self._base.account_id, exec_enabled=args.exec_enabled, statements=sessions),
            self._child,
        )

    def network(self) -> None:
        """Cluster, and the security group that keeps environments apart."""
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
        served = [args.web, *([args.frontend] if args.frontend_image else [])]
        ports = [options.sidecars[options.proxy].port if options.proxy else options.port for options in served]
        self._group = TaskSecurityGroup(
            f"{self._name}-tasks",
            TaskSecurityGroupArgs(
                vpc_id=self._base.vpc_id,
                alb_security_group_id=self._base.alb_sg_id,
                web_ports=[port for port in ports if port is not None],
                internal_ports=[REDIS_PORT] if args.redis else [],
            ),
            self._child,
        )
        self._django = self._setup(args.backend_image, self._django_env(), self._task_role)

    def release(self) -> None:
        """The tasks that come before new code, and the hooks that run them."""
        options, args = self._args.release, self._args
        groups = [self._base.app_sg_id, self._group.security_group_id]
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
                rollout_timeout_seconds=self._rollout_timeout_seconds(),
                aws=args.aws,
            ),
        )
        self._database_task, self._release_command = database, command
        self._placement = ServicePlacement(
            environment=self._name,
            cluster_arn=self._cluster.cluster_arn,
            cluster_name=self._cluster.cluster_name,
            subnet_ids=self._base.private_subnet_ids,
            security_group_ids=groups,
            exec_enabled=args.exec_enabled,
            hooks=gate.binding,
            bounds_hooks=gate.bounds_binding,
            confirm=gate.confirm,
            asleep=args.asleep,
            depends_on=[database, command, *self._secrets.versions],
        )

    def services(self) -> None:
        """Everything that runs, by itself or by the clock, and the host names."""
        self._running = Running(
            RunningArgs(
                name=self._name,
                app=self._args,
                placement=self._placement,
                django=self._django,
                traced=self._traced,
                plain=self._plain_setup,
                rules=self._rules,
                url=self._url,
                queue_names=self._sqs.queue_names if self._sqs else {},
            ),
            self._child,
        )
        zone = self._base.hosted_zone_id
        for key, host in hosts.records(self._name, self._args) if zone is not None else []:
            AliasRecord(
                key,
                AliasRecordArgs(
                    host=host,
                    hosted_zone_id=zone or "",
                    target_dns_name=self._base.alb_dns_name,
                    target_zone_id=self._base.alb_zone_id,
                ),
                self._child,
            )

    def monitoring(self) -> None:
        """Alarms and dashboard."""
        services = self._running.services
        web = {name: part for name, part in services.items() if isinstance(part, WebService | FrontendService)}
        watched = monitoring.Watched(
            name=self._name,
            base=self._base,
            cluster_name=self._cluster.cluster_name,
            services={name: part.service_name for name, part in services.items()},
            target_groups={
                name if index == 0 else f"{name}-{index}": suffix
                for name, part in web.items()
                for index, suffix in enumerate(part.target_group_arn_suffixes)
            },
            queues={queue: queue_metric(name) for queue, name in (self._sqs.queue_names if self._sqs else {}).items()},
        )
        if self._args.alarms is not None:
            monitoring.alarms(watched, self._args.alarms, self._key_arn, self._child)
        if self._args.dashboard:
            monitoring.dashboard(watched, self._child)

    def outputs(self) -> AppOutputs:
        """The application's outputs."""
        services = self._running.services
        tasks = {
            **self._running.commands,
            self._args.release.name: self._release_command,
            "database": self._database_task,
        }
        return AppOutputs(
            url=self._url,
            environment=self._name,
            kind=self._kind.value,
            base_stack_name=self._base.base_stack_name,
            cluster_name=self._cluster.cluster_name,
            service_names=[service.service_name for service in services.values()],
            task_families=[part.task_family for part in (*services.values(), *tasks.values())],
            log_groups={name: part.log_group_name for name, part in {**services, **tasks}.items()},
            release_task_family=self._release_command.task_family,
            task_subnet_ids=self._base.private_subnet_ids,
            task_security_group_ids=[self._base.app_sg_id, self._group.security_group_id],
            database_name=self._database,
            exec_command=self._exec_command(),
            static_url=self._static_url(),
            site_url=self._site.url if self._site is not None else None,
            site_bucket_name=self._site.bucket_name if self._site is not None else None,
            site_distribution_id=self._site.distribution_id if self._site is not None else None,
        )

    def publish(self, outputs: AppOutputs) -> None:
        """The outputs once more as SSM parameters, on request."""
        if self._args.publish_parameters:
            PublishedParameters(
                f"{self._name}-parameters",
                PublishedParametersArgs(stack=self._name, values=published(contract.to_outputs(outputs))),
                self._child,
            )

    # details

    def _files(self) -> AssetsBucket | None:
        """The site that is only files, and the environment's own bucket, when it has one."""
        args = self._args
        env = delivery.Environment(
            name=self._name,
            base=self._base,
            host=self._hosts[0],
            url=self._url,
            opts=self._child,
        )
        self._site = delivery.static_site(env, args.static_site)
        if args.assets.source == "base":
            return None
        return delivery.assets(
            env,
            args.cdn,
            self._site,
            browser_uploads=args.browser_uploads,
            force_destroy=args.assets.force_destroy,
            versioned=args.assets.versioned,
            old_version_days=args.assets.old_version_days if args.assets.versioned else None,
            protect=args.assets.protect,
        )

    def _static_url(self) -> pulumi.Output[str] | None:
        cdn = self._bucket.made.cdn if self._bucket.made is not None else None
        return cdn.url if cdn is not None else None

    def _external_arns(self) -> Sequence[pulumi.Input[str]]:
        """ARNs of what ECS reads beside our own secret, each once."""
        known = [resolved.arn for resolved in self._external.values() if resolved]
        plain = sorted({arn for arn in known if isinstance(arn, str)})
        others = [arn for arn in known if not isinstance(arn, str)]
        return [*plain, *others, *(self._redis.secret_arns if self._redis else [])]

    def _log_group_pattern(self) -> str:
        return f"arn:aws:logs:{self._base.region}:*:log-group:/ecs/{self._name}/*"

    def _rollout_timeout_seconds(self) -> int:
        """A deployment that moves traffic slowly waits on purpose; that time comes on top."""
        served = [self._args.web, *([self._args.frontend] if self._args.frontend_image else [])]
        waiting = max(options.deployment.waiting_seconds for options in served)
        return min(self._args.release.rollout_timeout_seconds + waiting, MAX_TIMEOUT_SECONDS)

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
            user=self._args.container_user,
            read_only_root=self._args.read_only_root,
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
        values = ContainerValues(
            environment=self._name,
            base=base.base_stack_name,
            domain=base.domain_name or base.alb_dns_name,
            url=self._url,
            region=base.region,
            settings_module=args.settings_module,
            allowed_hosts=args.allowed_hosts,
            bucket=self._bucket.name,
            static_url=self._static_url(),
            frontend_url=self._site.url if self._site is not None and not args.frontend_image else None,
            database_host=base.database_host,
            database_port=pulumi.Output.from_input(base.database_port).apply(str),
            database_name=self._database,
            password_secret_name=self._secrets.password_secret_name,
            sentry_dsn=args.sentry_dsn,
            **backing.broker_values(self._redis, self._sqs),
        )
        return container_env(
            values,
            secret_reference=self._secrets.references,
            extra_env=args.extra_env,
            extra_secrets={name: resolved and resolved.value_from for name, resolved in self._external.items()},
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
            account_id=self._base.account_id,
            log_group_arn_pattern=self._log_group_pattern(),
            region=self._base.region,
            image=self._args.release.database_client_image,
            architecture=self._args.architecture,
            log_retention_days=self._args.log_retention_days,
            log_kms_key_arn=self._key_arn,
            secret_key_arns=self._base_keys(),
        )

    def _base_keys(self) -> list[pulumi.Input[str]]:
        """The base's key, which encrypts the secrets where there is one."""
        return [] if self._base.kms_key_arn is None else [self._base.kms_key_arn]

    def _exec_command(self) -> str:
        """Shell line: a task has no name that stays, so the line looks one up first."""
        cluster, service = self._cluster.cluster_name, naming.service_name(self._name, self._args.web.service)
        where = f"--region {self._base.region} --cluster {cluster}"
        task = f"$(aws ecs list-tasks {where} --service-name {service} --query 'taskArns[0]' --output text)"
        return (
            f"aws ecs execute-command {where} --task {task} --container {self._args.web.service} "
            "--interactive --command /bin/bash"
        )
