"""The task that creates an environment's database and role on the base's server where they do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from pulumi_django.contract import number_text
from pulumi_django.ecs.database_script import EXTENSIONS_VARIABLE, check_extensions, ensure_sql, psql_command
from pulumi_django.ecs.management_command import TaskComponent
from pulumi_django.ecs.read_only import AGENT_PATHS
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs
from pulumi_django.ecs.task import NOBODY, ContainerSetup, LogSettings, Platform, TaskSize, logged_task
from pulumi_django.rules.fields import passed

DEFAULT_CLIENT_IMAGE = "public.ecr.aws/docker/library/postgres:18-alpine"
SERVICE = "database"

# The entrypoint of an image such as `alpine/psql` is psql itself, which would read the words of the command as its options.
ENTRY_POINT = ("env",)
"""Runs the words of a command unchanged, in every image."""


@dataclass(frozen=True, kw_only=True)
class DatabaseTaskArgs(Platform, LogSettings):
    environment: str
    """Name of the environment."""

    host: pulumi.Input[str]
    """Host name of the server."""

    port: pulumi.Input[int]
    """TCP port of the server."""

    master_secret_arn: pulumi.Input[str]
    """Secret with the JSON keys `username` and `password` of the master role."""

    database_name: str
    """Database of the environment; its owner has the same name."""

    extensions: Sequence[str] = ()
    """Extensions of PostgreSQL that the database has, such as `postgis`; the master role creates them."""

    password_reference: pulumi.Input[str]
    """`valueFrom` of the owner's password: the ARN of a secret, with its JSON key."""

    password_secret_arn: pulumi.Input[str]
    """ARN of that secret."""

    execution_role_arn: pulumi.Input[str] | None = None
    """Role with which ECS starts the task and reads both secrets. None creates one."""

    account_id: pulumi.Input[str] | None = None
    """AWS account for whose tasks ECS may assume the new role. None does not restrict the account."""

    log_group_arn_pattern: str
    """ARN pattern of the environment's log groups."""

    image: str = DEFAULT_CLIENT_IMAGE
    """Image with psql, pg_dump and pg_restore of the server's version or newer. Subnets without a route to the internet need one in ECR."""

    secret_key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys of the two secrets, where they are not AWS's own."""

    def __post_init__(self) -> None:
        check_extensions(self.extensions)


class DatabaseTask(TaskComponent):
    """A task definition that may be run any number of times; it alone may read the master password."""

    def __init__(self, name: str, args: DatabaseTaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:DatabaseTask", name, None, opts)
        setup = self._container(name, args)
        size = TaskSize(command=psql_command(ensure_sql(args.extensions)), entry_point=ENTRY_POINT)
        definition, logs = logged_task(name, args.environment, SERVICE, setup, size, self)
        self.register_outputs(self._export(definition.arn, definition.family, logs.group_name))

    def _container(self, name: str, args: DatabaseTaskArgs) -> ContainerSetup:
        return ContainerSetup(
            image=args.image,
            env={
                "APP_DATABASE": args.database_name,
                **({EXTENSIONS_VARIABLE: ",".join(args.extensions)} if args.extensions else {}),
                "APP_ROLE": args.database_name,
                "PGDATABASE": "postgres",
                "PGHOST": args.host,
                "PGPORT": number_text(args.port),
                "PGSSLMODE": "require",
            },
            secrets={
                "APP_PASSWORD": args.password_reference,
                "PGUSER": pulumi.Output.concat(args.master_secret_arn, ":username::"),
                "PGPASSWORD": pulumi.Output.concat(args.master_secret_arn, ":password::"),
            },
            execution_role_arn=self._role(name, args),
            user=NOBODY,
            read_only_root=True,
            # `db shell` opens a shell in a task of this definition.
            writable_paths=AGENT_PATHS,
            **passed(Platform, args),
            **passed(LogSettings, args),
        )

    def _role(self, name: str, args: DatabaseTaskArgs) -> pulumi.Input[str]:
        if args.execution_role_arn is not None:
            return args.execution_role_arn
        role = ExecutionRole(
            f"{name}-execution",
            ExecutionRoleArgs(
                account_id=args.account_id,
                log_group_arns=[args.log_group_arn_pattern],
                secret_arns=[args.master_secret_arn, args.password_secret_arn],
                key_arns=args.secret_key_arns,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return role.role_arn
