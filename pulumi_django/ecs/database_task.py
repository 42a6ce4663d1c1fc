"""The task that makes sure that an environment's database and role exist on the base's server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from pulumi_django.ecs.container import NOBODY, ContainerSetup, TaskSize, logged_task
from pulumi_django.ecs.read_only import AGENT_PATHS
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs
from pulumi_django.ecs.task import Architecture

DEFAULT_CLIENT_IMAGE = "public.ecr.aws/docker/library/postgres:17-alpine"
SERVICE = "database"

# Names and password come from the environment into psql's variables, which quote them; nothing of them is in the
# command line. A server that logs DDL (`log_statement`) would write a plain ALTER ROLE down with the password; it does not
# look into DO. The master role of RDS is no superuser: to hand a database over it must be a member of the new owner.
# https://www.postgresql.org/docs/current/sql-createdatabase.html
ENSURE_SQL = r"""
\set VERBOSITY terse
\getenv database APP_DATABASE
\getenv role APP_ROLE
\getenv password APP_PASSWORD
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT set_config('app.role', :'role', false) AS role,
       set_config('app.password', :'password', false) AS password \gset
DO $$ BEGIN
  EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', current_setting('app.role'), current_setting('app.password'));
END $$;
GRANT :"role" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SET ROLE :"role";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
\echo database :database is ready
"""


def psql_command(sql: str) -> list[str]:
    """The words of a container command that feeds `sql` to psql and stops at the first error."""
    return ["sh", "-c", f"psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'\n{sql.strip()}\nSQL"]


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

    password_reference: pulumi.Input[str]
    """`valueFrom` of the owner's password: the ARN of a secret, with its JSON key."""

    password_secret_arn: pulumi.Input[str]
    """ARN of that secret."""

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
        setup = ContainerSetup(
            image=args.image,
            env={
                "APP_DATABASE": args.database_name,
                "APP_ROLE": args.database_name,
                "PGDATABASE": "postgres",
                "PGHOST": args.host,
                "PGPORT": pulumi.Output.from_input(args.port).apply(str),
                "PGSSLMODE": "require",
            },
            secrets={
                "APP_PASSWORD": args.password_reference,
                "PGUSER": pulumi.Output.concat(args.master_secret_arn, ":username::"),
                "PGPASSWORD": pulumi.Output.concat(args.master_secret_arn, ":password::"),
            },
            execution_role_arn=role.role_arn,
            region=args.region,
            architecture=args.architecture,
            log_retention_days=args.log_retention_days,
            log_kms_key_arn=args.log_kms_key_arn,
            user=NOBODY,
            read_only_root=True,
            # `db shell` opens one in a task of this definition.
            writable_paths=AGENT_PATHS,
        )
        size = TaskSize(command=psql_command(ENSURE_SQL))
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
