"""What of an environment grows with its configuration until AWS refuses it, told before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_django.app import sidecars
from pulumi_django.app.arguments import AppArgs
from pulumi_django.ecs import limits
from pulumi_django.ecs.roles import ExecutionRoleArgs, Statement, TaskRoleArgs, execution_statements, task_statements
from pulumi_django.policies import secret_references
from pulumi_django.rules.partitions import of_region

MOST_NAMED = 3
_SUFFIXES = "-1234567-AbCdEf"
"""What Pulumi and Secrets Manager add to the name of a secret."""


def check(name: str, args: AppArgs) -> None:
    """ValueError for variables and secrets that one task definition or one role cannot hold."""
    _check_variables(name, args)
    _check_execution(name, args)
    _check_task(name, args)


def _check_variables(name: str, args: AppArgs) -> None:
    pairs: list[Mapping[str, Any]] = [{"name": key, "value": value} for key, value in args.extra_env.items()]
    pairs += [{"name": key, "valueFrom": value} for key, value in args.extra_secrets.items()]
    size = len(limits.at_least(pairs).encode())
    if size > limits.TASK_DEFINITION_BYTES:
        raise ValueError(
            f"extra_env and extra_secrets of {name} have {size} bytes (the most have {_largest(args.extra_env)}): a task "
            f"definition has at most {limits.TASK_DEFINITION_BYTES} (64 KiB); keep large values in a file, or in a secret "
            "that the application reads itself"
        )


def _largest(env: Mapping[str, Any]) -> str:
    known = {key: len(value) for key, value in env.items() if isinstance(value, str)}
    return ", ".join(sorted(known, key=lambda key: -known[key])[:MOST_NAMED]) or "the secrets"


def _check_execution(name: str, args: AppArgs) -> None:
    region = args.base.region
    external = {
        arn
        for reference in (*args.external_secrets.values(), *sidecars.references(args))
        if reference
        for arn in secret_references.expected_arns(reference, region)
    }
    start = f"arn:{of_region(region)}:secretsmanager:{region}:{'0' * 12}:secret:"
    own = [f"{start}{name}-secrets{_SUFFIXES}", *([f"{start}{'x' * 40}{_SUFFIXES}"] if args.cache else [])]
    role = ExecutionRoleArgs(
        log_group_arns=[f"arn:{of_region(region)}:logs:{region}:*:log-group:/ecs/{name}/*"],
        secret_arns=[*own, *sorted(external)],
        key_arns=args.secret_key_arns,
    )
    size = _size(execution_statements(role))
    if size > limits.INLINE_POLICY_CHARACTERS:
        raise ValueError(
            f"extra_secrets of {name} names {len(external)} secrets and parameters, and the policy that reads them has "
            f"{size} characters: IAM allows {limits.INLINE_POLICY_CHARACTERS} for one role; keep them as keys of one "
            "secret, which counts once however many keys are read ('secretsmanager:<name>:<JSON key>')"
        )


def _check_task(name: str, args: AppArgs) -> None:
    given = TaskRoleArgs(
        exec_enabled=args.exec_enabled,
        email_identity_arns=args.email_identity_arns,
        statements=args.task_statements,
    )
    size = _size([*task_statements(given), *given.statements])
    if size > limits.INLINE_POLICY_CHARACTERS:
        raise ValueError(
            f"task_statements and email_identity_arns of {name} have {size} characters: IAM allows "
            f"{limits.INLINE_POLICY_CHARACTERS} for the policies of one role; put fewer resources into each, or patterns"
        )


def _size(statements: Sequence[Statement]) -> int:
    return len("".join(limits.at_least(limits.document(statements)).split()))
