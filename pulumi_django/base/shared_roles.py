"""The IAM roles of the tasks of all environments of a base, for accounts in which few people may create roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from pulumi_django.base.arguments import BaseArgs
from pulumi_django.data.broker import QUEUE_ACTIONS
from pulumi_django.delivery.assets import AssetsBucket
from pulumi_django.ecs.roles import (
    ECS,
    ECS_TASKS,
    SCHEDULER,
    ExecutionRole,
    ExecutionRoleArgs,
    Statement,
    TaskRole,
    TaskRoleArgs,
    allow,
    role_arn,
    shifting_statements,
)
from pulumi_django.policies.trust import account_of
from pulumi_django.rules.partitions import of_region


@dataclass(frozen=True)
class SharedRoles:
    """ARNs of the roles."""

    task: pulumi.Input[str]
    execution: pulumi.Input[str]
    database: pulumi.Input[str]
    platform: pulumi.Input[str]


def make(
    name: str,
    args: BaseArgs,
    balancer_arn: pulumi.Input[str],
    master_secret_arn: pulumi.Input[str],
    bucket: AssetsBucket | None,
    *,
    key_arns: Sequence[pulumi.Input[str]] = (),
    opts: pulumi.ResourceOptions,
) -> SharedRoles | None:
    """Create the roles, if the arguments have them. They reach everything whose tag `base` is the base's name.

    `key_arns` are the base's KMS keys, which encrypt the secrets. An environment adds nothing to the roles for its own
    resources, so their policies set no limit to the number of environments.
    """
    if not args.shared_roles:
        return None
    account, tagged = account_of(balancer_arn), {"StringEquals": {"aws:ResourceTag/base": name}}
    secrets = _tagged("SecretsOfTheBase", ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], tagged)
    reads = {**secrets, "Resource": [_arn(args, "secretsmanager", "secret:*")]}
    queues = {**_tagged("QueuesOfTheBase", QUEUE_ACTIONS, tagged), "Resource": [_arn(args, "sqs", "*")]}
    buckets = [bucket.bucket_arn] if bucket is not None else []
    task = TaskRoleArgs(
        account_id=account, bucket_arns=buckets, key_arns=key_arns, exec_enabled=True, statements=[reads, queues]
    )
    execution = ExecutionRoleArgs(
        account_id=account,
        log_group_arns=[_arn(args, "logs", "log-group:/ecs/*")],
        key_arns=key_arns,
        statements=[reads],
    )
    database = replace(execution, secret_arns=[master_secret_arn])
    runs = [
        TaskRole(f"{name}-task", task, opts).role_arn,
        ExecutionRole(f"{name}-execution", execution, opts).role_arn,
    ]
    parent: Any = opts.parent
    return SharedRoles(
        task=runs[0],
        execution=runs[1],
        database=ExecutionRole(f"{name}-database-execution", database, opts).role_arn,
        platform=role_arn(
            parent, f"{name}-platform", _platform_statements(args, runs, tagged), [SCHEDULER, ECS], account
        ),
    )


def _platform_statements(args: BaseArgs, roles: Sequence[pulumi.Input[str]], tagged: dict[str, Any]) -> list[Statement]:
    """Return the rights to start the environments' scheduled commands with their roles, and to move their traffic."""
    tasks, created = _arn(args, "ecs", "task/*"), {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    passed = {"StringEquals": {"iam:PassedToService": ECS_TASKS}}
    groups, rules = (
        _arn(args, "elasticloadbalancing", "targetgroup/*"),
        _arn(args, "elasticloadbalancing", "listener-rule/*"),
    )
    return [
        {**allow("Run", ["ecs:RunTask"], [_arn(args, "ecs", "task-definition/*")]), "Condition": tagged},
        {**allow("Tag", ["ecs:TagResource"], [tasks]), "Condition": created},
        {**allow("Roles", ["iam:PassRole"], roles), "Condition": passed},
        *shifting_statements([groups], [rules], tagged),
    ]


def _tagged(sid: str, actions: Sequence[str], condition: dict[str, Any]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Condition": condition}


def _arn(args: BaseArgs, service: str, resource: str) -> str:
    return f"arn:{of_region(args.region)}:{service}:{args.region}:*:{resource}"
