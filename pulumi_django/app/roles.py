"""The IAM roles of an environment's tasks.

A base may have roles for all its environments (`shared_roles`). They reach everything with the base's tag, so here they
get only the rights that an environment's own arguments name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from pulumi_django.app.backing import Backing
from pulumi_django.app.environment import Environment
from pulumi_django.app.secrets import References
from pulumi_django.data.secrets import AppSecrets
from pulumi_django.ecs.exec_sessions import ExecSessions
from pulumi_django.ecs.roles import ExecutionRole, ExecutionRoleArgs, Statement, TaskRole, TaskRoleArgs
from pulumi_django.observability import otel


@dataclass(frozen=True, kw_only=True)
class Roles:
    """ARNs of the roles."""

    execution: pulumi.Input[str]
    """Role with which ECS starts the tasks."""

    django: pulumi.Input[str]
    """Role of Django's containers."""

    plain: pulumi.Input[str]
    """Role of Redis and of a frontend, which need nothing of AWS except a shell."""


def create(
    env: Environment,
    secrets: AppSecrets,
    references: References,
    backing: Backing,
    sessions: ExecSessions | None,
    volumes: Sequence[Statement],
) -> Roles:
    """Create the three roles, or add the rights to the base's roles."""
    execution = _execution(env, secrets, references, backing)
    recorded = sessions.statements if sessions is not None else ()
    return Roles(
        execution=execution.role_arn,
        django=_django(env, secrets, backing, [*recorded, *volumes]).role_arn,
        plain=_plain(env, recorded).role_arn,
    )


def _execution(env: Environment, secrets: AppSecrets, references: References, backing: Backing) -> ExecutionRole:
    shared = env.has_shared_roles
    urls = backing.redis.secret_arns if backing.redis is not None else ()
    return ExecutionRole(
        f"{env.name}-execution",
        ExecutionRoleArgs(
            account_id=env.base.account_id,
            log_group_arns=[env.log_groups_arn],
            secret_arns=references.arns if shared else [secrets.secret_arn, *references.arns, *urls],
            key_arns=[*([] if shared else env.base_keys), *env.args.secret_key_arns],
            shared_role_arn=env.base.execution_role_arn,
            shared_role_is_enough=shared,
        ),
        env.opts,
    )


def _django(env: Environment, secrets: AppSecrets, backing: Backing, more: Sequence[Statement]) -> TaskRole:
    args, shared, password = env.args, env.has_shared_roles, secrets.password_secret_arn
    traces = otel.STATEMENTS if args.tracing is not None else ()
    return TaskRole(
        f"{env.name}-task",
        TaskRoleArgs(
            account_id=env.base.account_id,
            bucket_arns=[] if shared else [backing.bucket.arn],
            readable_secret_arns=[password] if password is not None and not shared else [],
            key_arns=env.base_keys if password is not None and not shared else [],
            exec_enabled=args.exec_enabled and not shared,
            email_identity_arns=args.email_identity_arns,
            statements=[*more, *traces, *_queues(env, backing), *args.task_statements],
            shared_role_arn=env.base.task_role_arn,
        ),
        env.opts,
    )


def _plain(env: Environment, recorded: Sequence[Statement]) -> TaskRole:
    shared = env.has_shared_roles
    return TaskRole(
        f"{env.name}-plain",
        TaskRoleArgs(
            account_id=env.base.account_id,
            exec_enabled=env.args.exec_enabled and not shared,
            statements=() if shared else recorded,
            shared_role_arn=env.base.task_role_arn if shared else None,
        ),
        env.opts,
    )


def _queues(env: Environment, backing: Backing) -> Sequence[Statement]:
    """Return the rights on the environment's queues. A shared role reaches them by their tag, and lacks only their key."""
    if backing.sqs is None:
        return ()
    if not env.has_shared_roles:
        return backing.sqs.statements
    return [statement for statement in backing.sqs.statements if statement["Sid"] != "Queues"]
