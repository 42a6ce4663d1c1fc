"""The IAM roles of the tasks of all environments of a base, for accounts in which only few may make roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pulumi

from pulumi_django.base.arguments import BaseArgs
from pulumi_django.data.broker import QUEUE_ACTIONS
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
    bucket_arns: Sequence[pulumi.Input[str]],
    *,
    key_arns: Sequence[pulumi.Input[str]] = (),
    opts: pulumi.ResourceOptions,
) -> SharedRoles | None:
    """The roles, when they are wanted: they reach what carries the tag `base` with the base's name.

    `key_arns` are the base's keys, which encrypt the secrets. An environment adds nothing to them for what it makes by itself, so that their number has no limit.
    """
    if not args.shared_roles:
        return None
    account, tagged = account_of(balancer_arn), {"StringEquals": {"aws:ResourceTag/base": name}}
    secrets = _tagged("SecretsOfTheBase", ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], tagged)
    reads = {**secrets, "Resource": [_arn(args, "secretsmanager", "secret:*")]}
    queues = {**_tagged("QueuesOfTheBase", QUEUE_ACTIONS, tagged), "Resource": [_arn(args, "sqs", "*")]}
    task = TaskRoleArgs(
        account_id=account, bucket_arns=bucket_arns, key_arns=key_arns, exec_enabled=True, statements=[reads, queues]
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


def values(roles: SharedRoles | None) -> dict[str, Any]:
    """The values of the contract about the roles; none without them."""
    return {} if roles is None else {f"{field.name}_role_arn": getattr(roles, field.name) for field in fields(roles)}


def _platform_statements(args: BaseArgs, roles: Sequence[pulumi.Input[str]], tagged: dict[str, Any]) -> list[Statement]:
    """Starting the scheduled commands of the environments with their roles, and moving their traffic."""
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
