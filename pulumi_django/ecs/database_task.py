"""The task that makes sure that an environment's database and role exist on the base's server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from pulumi_django.contract import number_text
from pulumi_django.ecs.container import NOBODY, ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.database_script import EXTENSIONS_VARIABLE, check_extensions, ensure_sql, psql_command
from pulumi_django.ecs.read_only import AGENT_PATHS
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs
from pulumi_django.ecs.task import Architecture

DEFAULT_CLIENT_IMAGE = "public.ecr.aws/docker/library/postgres:17-alpine"
SERVICE = "database"

# An image such as `alpine/psql` has psql itself as its entrypoint, and would take the words of the command for its options.
ENTRY_POINT = ("env",)
"""Runs the words of a command as they stand, in every image."""


@dataclass(frozen=True, kw_only=True)
class DatabaseTaskArgs:
    environment: str
    """Name of the environment."""

    host: pulumi.Input[str]
    """Host name of the server."""

    port: pulumi.Input[int]
    """Its TCP port."""

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
    """Role with which ECS starts the task, which reads both secrets; None makes one."""

    account_id: pulumi.Input[str] | None = None
    """AWS account for whose tasks ECS may take the task's role; None does not ask."""

    log_group_arn_pattern: str
    """Log groups of the environment."""

    region: str
    """Region of the logs."""

    image: str = DEFAULT_CLIENT_IMAGE
    """Image with psql 15 or newer. Subnets without a way out need one in ECR."""

    architecture: Architecture = "X86_64"
    """Processor that the image was built for."""

    log_retention_days: int = 3
    """Days for which log lines are kept."""

    log_kms_key_arn: pulumi.Input[str] | None = None
    """Key of the log lines; None leaves them to AWS's own."""

    secret_key_arns: Sequence[pulumi.Input[str]] = ()
    """KMS keys of the two secrets, where they are not AWS's own."""

    def __post_init__(self) -> None:
        check_extensions(self.extensions)


class DatabaseTask(pulumi.ComponentResource):
    """A task definition that may be run any number of times; it alone may read the master password."""

    task_definition_arn: pulumi.Output[str]
    """ARN with the revision."""

    task_family: str
    """Family of the task definition."""

    log_group_name: str
    """Its log group."""

    def __init__(self, name: str, args: DatabaseTaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:DatabaseTask", name, None, opts)
        setup = ContainerSetup(
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
            region=args.region,
            architecture=args.architecture,
            log_retention_days=args.log_retention_days,
            log_kms_key_arn=args.log_kms_key_arn,
            user=NOBODY,
            read_only_root=True,
            # `db shell` opens one in a task of this definition.
            writable_paths=AGENT_PATHS,
        )
        size = TaskSize(command=psql_command(ensure_sql(args.extensions)), entry_point=ENTRY_POINT)
        definition, logs = logged_task(name, args.environment, SERVICE, setup, size, self)
        self.task_definition_arn, self.task_family = definition.arn, definition.family
        self.log_group_name = logs.group_name
        self.register_outputs(
            {
                "task_definition_arn": self.task_definition_arn,
                "task_family": self.task_family,
                "log_group_name": self.log_group_name,
            }
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
