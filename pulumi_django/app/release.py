"""The tasks that run before new code, the gate that runs them, and the placement of the services behind that gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from pulumi_django.app import hosts
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.environment import Environment
from pulumi_django.app.services import Containers
from pulumi_django.app.volumes import Volumes
from pulumi_django.data.secrets import AppSecrets
from pulumi_django.deploying.gate import ReleaseGate
from pulumi_django.deploying.gate_arguments import ReleaseGateArgs
from pulumi_django.deploying.release_steps import Step
from pulumi_django.ecs.cluster import Cluster, ClusterArgs
from pulumi_django.ecs.database_task import DatabaseTask, DatabaseTaskArgs
from pulumi_django.ecs.exec_sessions import ExecSessions
from pulumi_django.ecs.management_command import ManagementCommand, ManagementCommandArgs
from pulumi_django.ecs.redis_service import REDIS_PORT
from pulumi_django.ecs.service import ServicePlacement
from pulumi_django.ecs.task import StorageSized, TaskSize
from pulumi_django.ecs.task_security import TaskSecurityGroup, TaskSecurityGroupArgs
from pulumi_django.rules.fields import passed


@dataclass(frozen=True, kw_only=True)
class Place:
    """The cluster and security groups in which the tasks of one environment run."""

    cluster: Cluster
    security_group_ids: Sequence[pulumi.Input[str]]
    """The base's group, and the group that keeps environments apart."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """The tasks that run before new code."""

    database: DatabaseTask
    command: ManagementCommand


def place(env: Environment, sessions: ExecSessions | None) -> Place:
    """Create the cluster and the environment's own security group."""
    cluster = Cluster(
        f"{env.name}-cluster",
        ClusterArgs(
            environment=env.name,
            container_insights=env.args.container_insights,
            configuration=sessions.configuration if sessions is not None else None,
        ),
        env.opts,
    )
    group = TaskSecurityGroup(
        f"{env.name}-tasks",
        TaskSecurityGroupArgs(
            vpc_id=env.base.vpc_id,
            alb_security_group_id=env.base.alb_sg_id,
            web_ports=hosts.ports(env.args),
            internal_ports=[REDIS_PORT] if env.args.redis else [],
        ),
        env.opts,
    )
    return Place(cluster=cluster, security_group_ids=[env.base.app_sg_id, group.security_group_id])


def create(env: Environment, containers: Containers, secrets: AppSecrets) -> Release:
    """Create the task definitions of the database task and of the release command."""
    options = env.args.release
    command = ManagementCommandArgs(
        environment=env.name,
        command_name=options.name,
        container=containers.django,
        size=TaskSize(command=options.command, **passed(StorageSized, options)),
    )
    return Release(
        database=DatabaseTask(f"{env.name}-database", _database(env, containers, secrets), env.opts),
        command=ManagementCommand(f"{env.name}-{options.name}", command, env.opts),
    )


def steps(env: Environment, gate: ReleaseGate) -> None:
    """Register the commands that run after every service has the new version."""
    commands = (
        # First, since the data of a new environment may need the tables that it completes.
        ("after-release", "release.after_command", env.args.release.after_command, False),
        ("on-create", "on_create", env.args.on_create, True),
    )
    for name, setting, command, once in commands:
        if command:
            step = Step(name=name, setting=setting, command=command, once=once)
            gate.step(step, awake=not env.args.asleep, parent=env.opts.parent)


def placement(
    env: Environment, where: Place, release: Release, secrets: AppSecrets, gate: ReleaseGate, volumes: Volumes
) -> ServicePlacement:
    """Return the placement of every service: it runs in `where`, and takes new code only behind the release gate."""
    args = env.args
    versions = [
        version.urn if not isinstance(version, pulumi.CustomResource) else version.id for version in secrets.versions
    ]
    database = gate.database(versions, awake=not args.asleep, parent=env.opts.parent)
    return ServicePlacement(
        environment=env.name,
        cluster_arn=where.cluster.cluster_arn,
        cluster_name=where.cluster.cluster_name,
        subnet_ids=env.base.private_subnet_ids,
        security_group_ids=where.security_group_ids,
        exec_enabled=args.exec_enabled,
        hooks=gate.binding,
        bounds_hooks=gate.bounds_binding,
        confirm=gate.confirm,
        asleep=args.asleep,
        hours=env.hours,
        depends_on=[release.database, release.command, *secrets.versions, database, *volumes.values()],
        platform_role_arn=env.base.platform_role_arn,
    )


def gate(env: Environment, where: Place, release: Release) -> ReleaseGate:
    """Create the gate that runs the release and watches the rollouts."""
    options = env.args.release
    return ReleaseGate(
        env.name,
        ReleaseGateArgs(
            cluster=where.cluster.cluster_arn,
            subnet_ids=env.base.private_subnet_ids,
            security_group_ids=where.security_group_ids,
            database_task_definition_arn=release.database.task_definition_arn,
            release_task_definition_arn=release.command.task_definition_arn,
            release_command=options.command,
            release_timeout_seconds=options.timeout_seconds,
            rollout_timeout_seconds=options.rollout_timeout_seconds,
            waiting_seconds=waiting_seconds(env.args),
            aws=env.args.aws,
        ),
    )


def _database(env: Environment, containers: Containers, secrets: AppSecrets) -> DatabaseTaskArgs:
    args, base = env.args, env.base
    return DatabaseTaskArgs(
        environment=env.name,
        host=base.database_host,
        port=base.database_port,
        master_secret_arn=base.database_master_secret_arn,
        database_name=env.database_name,
        extensions=args.release.extensions,
        password_reference=secrets.references["DB_PASSWORD"],
        password_secret_arn=secrets.secret_arn,
        execution_role_arn=base.database_role_arn,
        account_id=base.account_id,
        log_group_arn_pattern=env.log_groups_arn,
        region=base.region,
        image=args.release.database_client_image,
        architecture=args.architecture,
        log_retention_days=args.log_retention_days,
        log_kms_key_arn=containers.key_arn,
        secret_key_arns=env.base_keys,
    )


def waiting_seconds(app: AppArgs) -> int:
    """Return the longest time that the deployment strategy of a service waits on purpose."""
    return max(part.options.deployment.waiting_seconds for part in app.served)
