"""How an environment is put together from its parts; both kinds use this, with arguments of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi

from pulumi_django import contract
from pulumi_django.app import backing, checks, delivery, hosts, monitoring, sidecars
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.running import Running, RunningArgs, rollout_timeout_seconds
from pulumi_django.app.variables import Sources, Variables, variables
from pulumi_django.contract import AppOutputs, require_kind
from pulumi_django.data.published_parameters import PublishedParameters, PublishedParametersArgs, published
from pulumi_django.data.secrets import AppSecrets, AppSecretsArgs
from pulumi_django.delivery.assets import AssetsBucket
from pulumi_django.deploying.gate import ReleaseGate, ReleaseGateArgs
from pulumi_django.ecs.cluster import Cluster, ClusterArgs
from pulumi_django.ecs.container import ContainerSetup, TaskSize
from pulumi_django.ecs.database_task import DatabaseTask, DatabaseTaskArgs
from pulumi_django.ecs.exec_sessions import exec_command
from pulumi_django.ecs.frontend_service import FrontendService
from pulumi_django.ecs.management_command import ManagementCommand, ManagementCommandArgs
from pulumi_django.ecs.redis_service import REDIS_PORT
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs, Statement, TaskRole, TaskRoleArgs
from pulumi_django.ecs.service import ServicePlacement
from pulumi_django.ecs.task_security import TaskSecurityGroup, TaskSecurityGroupArgs
from pulumi_django.ecs.web_service import WebService
from pulumi_django.network.dns import AliasRecord, AliasRecordArgs
from pulumi_django.observability import otel
from pulumi_django.observability.metrics import queue_metric
from pulumi_django.policies.secret_references import Resolved, Resolver
from pulumi_django.rules import naming
from pulumi_django.rules.container_env import ContainerEnv
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.partitions import of_region


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
        self._scheme = "https" if self._base.domain_name else "http"
        self._addresses = hosts.addresses(name, args)
        self._url = pulumi.Output.concat(f"{self._scheme}://", self._addresses.environment)
        self._rules = hosts.assigned_rules(name, args, self._hosts)
        resolver = Resolver(self._base.region, parent)
        self._args, self._sidecar_arns = sidecars.resolved(args, resolver)
        self._external: dict[str, Resolved | None] = {
            variable: resolver.resolve(reference) if reference else None
            for variable, reference in args.external_secrets.items()
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
                database_reader_host=self._base.database_reader_host,
                password_secret=args.database_password_secret,
                recovery_window_days=args.secret_recovery_days,
                kms_key_arn=self._base.kms_key_arn,
            ),
            self._child,
        )
        self._bucket = backing.bucket(args, self._files())
        self._sqs = backing.sqs_broker(self._name, args, self._child)
        self._namespace = backing.namespace(self._name, args, self._child)
        self._redis = backing.redis_access(self._name, args, self._namespace)
        self._variables = self._made_of()

    def roles(self) -> None:
        """What tasks may do, and where their shell sessions are written down."""
        needs_key = self._args.exec_sessions is not None or monitoring.has_own_topic(self._base, self._args.alarms)
        self._key_arn = monitoring.key_arn(self._name, self._base, needed=needs_key, opts=self._child)
        self._sessions = monitoring.exec_sessions(
            self._name, self._base, self._args.exec_sessions, self._key_arn, self._child
        )
        sessions = self._sessions.statements if self._sessions is not None else ()
        traces = otel.STATEMENTS if self._args.tracing is not None else ()
        queues = self._queue_statements()
        args, own = self._args, self._secrets.password_secret_arn
        # What is tagged with the base is within reach of its shared roles; they get only what an environment names itself.
        shared = self._base.database_role_arn is not None
        reached = [] if shared else [self._secrets.secret_arn, *(self._redis.secret_arns if self._redis else [])]
        self._execution = ExecutionRole(
            f"{self._name}-execution",
            ExecutionRoleArgs(
                account_id=self._base.account_id,
                log_group_arns=[self._log_group_pattern()],
                secret_arns=[*reached[:1], *self._external_arns(), *reached[1:]],
                key_arns=[*([] if shared else self._base_keys()), *args.secret_key_arns],
                shared_role_arn=self._base.execution_role_arn,
                shared_role_is_enough=shared,
            ),
            self._child,
        )
        self._task_role = TaskRole(
            f"{self._name}-task",
            TaskRoleArgs(
                account_id=self._base.account_id,
                bucket_arns=[] if shared else [self._bucket.arn],
                readable_secret_arns=[own] if own is not None and not shared else [],
                key_arns=self._base_keys() if own is not None and not shared else [],
                exec_enabled=args.exec_enabled and not shared,
                email_identity_arns=args.email_identity_arns,
                statements=[*sessions, *traces, *queues, *args.task_statements],
                shared_role_arn=self._base.task_role_arn,
            ),
            self._child,
        )
        # Redis, and a frontend, have no business in AWS beyond their shell.
        self._plain_role = TaskRole(
            f"{self._name}-plain",
            TaskRoleArgs(
                account_id=self._base.account_id,
                exec_enabled=args.exec_enabled and not shared,
                statements=() if shared else sessions,
                shared_role_arn=self._base.task_role_arn if shared else None,
            ),
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
        self._group = TaskSecurityGroup(
            f"{self._name}-tasks",
            TaskSecurityGroupArgs(
                vpc_id=self._base.vpc_id,
                alb_security_group_id=self._base.alb_sg_id,
                web_ports=hosts.ports(args),
                internal_ports=[REDIS_PORT] if args.redis else [],
            ),
            self._child,
        )
        self._django = self._setup(args.backend_image, self._variables.django, self._task_role)

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
                rollout_timeout_seconds=rollout_timeout_seconds(args),
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
            platform_role_arn=self._base.platform_role_arn,
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
                variables=self._variables,
                namespace=self._namespace,
                url=pulumi.Output.concat(f"{self._scheme}://", self._addresses.web),
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
            exec_command=exec_command(
                self._base.region, self._cluster.cluster_name, self._name, self._args.web.service
            ),
            static_url=self._bucket.static_url,
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
            role_arns=self._bucket_users(),
        )

    def _bucket_users(self) -> Sequence[pulumi.Input[str]]:
        """The shared task role, which cannot have a policy for each environment's bucket."""
        role = self._base.task_role_arn
        return [] if role is None or self._base.database_role_arn is None else [role]

    def _external_arns(self) -> Sequence[pulumi.Input[str]]:
        """ARNs of what ECS reads beside our own secret, each once."""
        known = [arn for resolved in self._external.values() if resolved for arn in resolved.arns] + self._sidecar_arns
        plain = sorted({arn for arn in known if isinstance(arn, str)})
        others = list({id(arn): arn for arn in known if not isinstance(arn, str)}.values())
        return [*plain, *others]

    def _queue_statements(self) -> Sequence[Statement]:
        """Rights on the environment's queues; a shared role reaches them by their tag, and lacks only a key of the user's."""
        if self._sqs is None:
            return ()
        if self._base.database_role_arn is None:
            return self._sqs.statements
        return [statement for statement in self._sqs.statements if statement["Sid"] != "Queues"]

    def _log_group_pattern(self) -> str:
        region = self._base.region
        return f"arn:{of_region(region)}:logs:{region}:*:log-group:/ecs/{self._name}/*"

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

    def _made_of(self) -> Variables:
        return variables(
            Sources(
                name=self._name,
                args=self._args,
                addresses=self._addresses,
                scheme=self._scheme,
                database_name=self._database,
                secrets=self._secrets,
                bucket_name=self._bucket.name,
                static_url=self._bucket.static_url,
                site_url=self._site.url if self._site is not None else None,
                redis=self._redis,
                sqs=self._sqs,
                external=self._external,
            )
        )

    def _database_args(self) -> DatabaseTaskArgs:
        return DatabaseTaskArgs(
            environment=self._name,
            host=self._base.database_host,
            port=self._base.database_port,
            master_secret_arn=self._base.database_master_secret_arn,
            database_name=self._database,
            extensions=self._args.release.extensions,
            password_reference=self._secrets.references["DB_PASSWORD"],
            password_secret_arn=self._secrets.secret_arn,
            execution_role_arn=self._base.database_role_arn,
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
