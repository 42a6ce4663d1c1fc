"""Checks of an environment's arguments, before any of its resources exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_django.app import hosts, queues, volumes
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.backing import REDIS_SERVICE
from pulumi_django.app.secrets import sidecar_references
from pulumi_django.contract import ContractError, require_images
from pulumi_django.data.broker import check_queues
from pulumi_django.ecs import limits
from pulumi_django.ecs.database_task import SERVICE as DATABASE
from pulumi_django.ecs.roles import ExecutionRoleArgs, Statement, TaskRoleArgs, execution_statements, task_statements
from pulumi_django.ecs.scaling import worker_scaling
from pulumi_django.policies import secret_references
from pulumi_django.rules import naming
from pulumi_django.rules.container_env import check_references
from pulumi_django.rules.partitions import check_has, of_region

MOST_NAMED = 3
_SUFFIXES = "-1234567-AbCdEf"
"""The longest suffixes that Pulumi and Secrets Manager add to the name of a secret."""


def check(name: str, args: AppArgs) -> None:
    """Raise ValueError or ContractError, with the remedy, for arguments that cannot work."""
    _check_names(name, args)
    _check_broker(name, args)
    _check_scaling(name, args)
    _check_assets(name, args)
    volumes.check(name, args)
    _check_variables(name, args)
    _check_execution(name, args)
    _check_task(name, args)
    for option, given in (("cdn", args.cdn is not None), ("static_site", args.static_site is not None)):
        if given:
            check_has(args.base.region, "CloudFront", option)
    hosts.check(name, args)
    check_references(_texts(args), args.extra_secrets, _sqs_queues(args))
    require_images(args.base, name, _images(args))


def _sqs_queues(args: AppArgs) -> set[str]:
    by_worker = queues.of_sqs(args.workers)[0] if args.sqs else {}
    return {queue for works_on in by_worker.values() for queue in works_on}


def _texts(args: AppArgs) -> dict[str, Mapping[str, Any]]:
    """Return the variables that may contain values of the stack, by setting."""
    texts: dict[str, Mapping[str, Any]] = {"extra_env": args.extra_env}
    for part in args.served:
        texts |= {f"{part.key}.sidecars.{name}.env": sidecar.env for name, sidecar in part.options.sidecars.items()}
    return texts | ({"frontend.env": args.frontend.env} if args.frontend_image is not None else {})


def _check_assets(name: str, args: AppArgs) -> None:
    if args.assets.source == "own":
        return
    for option, given in (("cdn", args.cdn is not None), ("browser_uploads", args.browser_uploads)):
        if given:
            raise ValueError(
                f"{option} is set and {name} uses its base's assets bucket (assets.source), whose policy only the base can "
                f"change: set assets.source to own, or leave {option} out"
            )
    if args.base.assets_bucket_name is None:
        raise ContractError(
            f"{name} cannot use the assets bucket of its base {args.base.base_stack_name}, which has none: set assets.source "
            "to own, or give the base a bucket"
        )


def _named(args: AppArgs) -> list[tuple[str, str]]:
    """Return the key in the configuration and the name of everything that becomes a task."""
    named = [(part.key if part.additional else f"{part.key}.service", part.service) for part in args.served]
    named += [(f"workers.{worker}", worker) for worker in args.workers]
    named += [("beat.service", args.beat.service)] if args.beat else []
    named += [("redis", REDIS_SERVICE)] if args.redis else []
    named.append(("release.name", args.release.name))
    return [*named, *((f"scheduled_commands.{command}", command) for command in args.scheduled_commands)]


def _check_names(name: str, args: AppArgs) -> None:
    keys: dict[str, list[str]] = {}
    for key, part in _named(args):
        naming.check_service_name(part, key)
        keys.setdefault(part, []).append(key)
    twice = {part: found for part, found in sorted(keys.items()) if len(found) > 1}
    if twice:
        listed = "; ".join(f"{' and '.join(found)} are both {part}" for part, found in twice.items())
        raise ValueError(f"two tasks of {name} have one name: {listed}; give each its own name")
    served = [part.service for part in args.served]
    groups = [naming.target_group_name(name, part) for part in served]
    if len(set(groups)) < len(groups):
        shared = next(group for group in groups if groups.count(group) > 1)
        sharing = [part for part, group in zip(served, groups, strict=True) if group == shared]
        raise ValueError(f"{' and '.join(sharing)} would share the target group {shared}: give one another name")
    if args.sqs is not None:
        check_queues(sorted(_sqs_queues(args)))
    if DATABASE in keys:
        raise ValueError(
            f"{DATABASE} names a service of {name} and the task that creates its database: give the service another name"
        )


def _check_broker(name: str, args: AppArgs) -> None:
    base = args.base
    if args.cache and base.redis_host is None:
        raise ContractError(
            f"{name} cannot use the cache of its base {base.base_stack_name}, which has none: set cache to null (and sqs to {{}} "
            "for a broker), or give the base a cache"
        )
    if args.cache and base.redis_cluster_mode and args.sqs is None and (args.workers or args.beat):
        raise ContractError(
            f"the workers of {name} cannot use the cache of its base {base.base_stack_name} as broker: it is sharded (cluster "
            "mode), which Celery does not support; set sqs to {}, or give the base a cache without shards"
        )
    if args.sqs and not args.workers:
        raise ValueError(f"sqs is set and {name} has no workers: name a worker for each queue, or leave sqs out")


def _check_scaling(name: str, args: AppArgs) -> None:
    queues.of_workers(args.workers)
    for queue, options in args.workers.items():
        scaling = worker_scaling(options.scaling)
        if scaling is None:
            continue
        if scaling.requests_per_target is not None:
            raise ValueError(
                f"the worker {queue} of {name} has scaling by requests_per_target and answers no requests: scale it by cpu_percent "
                "or queue_steps"
            )
        if scaling.queue_steps and args.sqs is None:
            raise ValueError(
                f"the worker {queue} of {name} has scaling by queue depth (queue_steps) and a Redis as broker, for which "
                "CloudWatch has no metric: set sqs to {}, or scale it by cpu_percent, or by metrics that the application "
                "publishes"
            )
        if scaling.queue_steps and len(options.queues or ()) > 1:
            raise ValueError(
                f"the worker {queue} of {name} has scaling by queue_steps and works on {', '.join(options.queues or ())}: give "
                "each queue its own worker, or scale it by cpu_percent"
            )
    for part in args.served:
        if part.options.scaling and part.options.scaling.queue_steps:
            raise ValueError(
                f"{part.service} of {name} has scaling by queue_steps and works on no queue: scale it by cpu_percent, memory_percent "
                "or requests_per_target"
            )


def _images(args: AppArgs) -> list[str]:
    """Return every image that a task of the environment pulls and that is known now."""
    images = [args.backend_image, args.release.database_client_image]
    images += [args.frontend_image] if args.frontend_image else []
    images += [args.redis.image] if args.redis else []
    images += [args.tracing.image] if args.tracing else []
    sidecars = [sidecar.image for part in args.served for sidecar in part.options.sidecars.values()]
    return [*images, *(image for image in sidecars if isinstance(image, str))]


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
        for reference in (*args.external_secrets.values(), *sidecar_references(args))
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
        statements=[*volumes.largest_statements(args), *args.task_statements],
    )
    size = _size([*task_statements(given), *given.statements])
    if size > limits.INLINE_POLICY_CHARACTERS:
        raise ValueError(
            f"task_statements and email_identity_arns of {name} have {size} characters: IAM allows "
            f"{limits.INLINE_POLICY_CHARACTERS} for the policies of one role; put fewer resources into each, or patterns"
        )


def _size(statements: Sequence[Statement]) -> int:
    return len("".join(limits.at_least(limits.document(statements)).split()))
