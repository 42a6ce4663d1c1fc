"""What the containers of an environment stand on beside the database: bucket, broker, cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from pulumi_django.app import queues
from pulumi_django.app.arguments import AppArgs
from pulumi_django.app.options import AppCacheOptions
from pulumi_django.contract import BaseContract
from pulumi_django.data.broker import BROKER_URL, SqsBroker, SqsBrokerArgs
from pulumi_django.delivery.assets import AssetsBucket
from pulumi_django.ecs.redis_service import REDIS_PORT
from pulumi_django.network.dns import ServiceDiscovery, ServiceDiscoveryArgs
from pulumi_django.rules import naming, priorities, redis_url
from pulumi_django.rules.container_env import BROKER_DATABASE, CACHE_DATABASE
from pulumi_django.rules.partitions import of_region
from pulumi_django.rules.text import whole_number

REDIS_SERVICE = "redis"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The bucket for static files and media."""

    name: pulumi.Input[str]
    arn: pulumi.Input[str]
    made: AssetsBucket | None = None
    """The environment's own; None for the base's."""

    @property
    def static_url(self) -> pulumi.Output[str] | None:
        """URL below which CloudFront serves its static files, when it does."""
        cdn = self.made.cdn if self.made is not None else None
        return cdn.url if cdn is not None else None


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """Cloud Map namespace in which the environment's own Redis has its name."""

    id: pulumi.Input[str]
    name: str


@dataclass(frozen=True, kw_only=True)
class RedisAccess:
    """How containers reach a Redis; URLs are plain, or `valueFrom` of ECS where they hold a token."""

    host: pulumi.Input[str] | None = None
    """Given only where a client needs nothing else: without TLS and without a token."""

    cache_url: pulumi.Input[str] | None = None
    broker_url: pulumi.Input[str] | None = None
    cache_url_secret: pulumi.Input[str] | None = None
    broker_url_secret: pulumi.Input[str] | None = None
    key_prefix: str | None = None
    secret_arns: Sequence[pulumi.Input[str]] = field(default_factory=list[pulumi.Input[str]])
    """What ECS must be allowed to read."""


def bucket(args: AppArgs, own: AssetsBucket | None) -> Bucket:
    """The environment's own bucket, when it has one, else its base's."""
    if own is not None:
        return Bucket(name=own.bucket_name, arn=own.bucket_arn, made=own)
    shared = args.base.assets_bucket_name or ""
    return Bucket(name=shared, arn=pulumi.Output.concat(f"arn:{of_region(args.base.region)}:s3:::", shared))


def sqs_broker(name: str, args: AppArgs, child: pulumi.ResourceOptions) -> SqsBroker | None:
    """A queue for each Celery queue of the workers, when SQS is the broker."""
    if args.sqs is None:
        return None
    by_worker, other_names = queues.of_sqs(args.workers)
    return SqsBroker(
        f"{name}-broker",
        SqsBrokerArgs(
            environment=name,
            queues=sorted({queue for works_on in by_worker.values() for queue in works_on}),
            other_names=other_names,
            visibility_timeout_seconds=args.sqs.visibility_timeout_seconds,
            max_receives=args.sqs.max_receives,
            retention_seconds=args.sqs.retention_seconds,
            kms_key_arn=args.sqs.kms_key_arn,
        ),
        child,
    )


def namespace(name: str, args: AppArgs, child: pulumi.ResourceOptions) -> Namespace | None:
    """Where the environment's own Redis is found: the base's namespace, else one of its own; None without a Redis."""
    base = args.base
    if args.redis is None:
        return None
    if base.service_discovery_namespace_id is not None and base.service_discovery_namespace_name is not None:
        return Namespace(id=base.service_discovery_namespace_id, name=base.service_discovery_namespace_name)
    # The dot keeps it apart from every base's namespace in the same VPC.
    own = ServiceDiscoveryArgs(namespace=f"{name}.env-sd-ns", vpc_id=base.vpc_id)
    made = ServiceDiscovery(f"{name}-discovery", own, child)
    return Namespace(id=made.namespace_id, name=made.namespace_name)


def redis_access(name: str, args: AppArgs, found_in: Namespace | None) -> RedisAccess | None:
    """The environment's own Redis, or its part of the base's cache; None without either."""
    base = args.base
    if found_in is not None:
        host = f"{naming.service_name(name, REDIS_SERVICE)}.{found_in.name}"
        return RedisAccess(
            host=host,
            cache_url=redis_url.redis_url(host, REDIS_PORT, CACHE_DATABASE, tls=False),
            broker_url=redis_url.redis_url(host, REDIS_PORT, BROKER_DATABASE, tls=False),
        )
    if args.cache is None or base.redis_host is None:
        return None
    return _shared(name, args.cache, base, base.redis_host, listener_slot(name, args))


def _shared(name: str, options: AppCacheOptions, base: BaseContract, host: pulumi.Input[str], slot: int) -> RedisAccess:
    cache, broker = databases(options, slot, cluster_mode=bool(base.redis_cluster_mode))
    prefix = f"{name}:" if options.key_prefix is None else options.key_prefix
    secret = base.redis_auth_secret_arn
    if secret is not None:
        return RedisAccess(
            cache_url_secret=pulumi.Output.concat(secret, f":{redis_url.secret_key(cache)}::"),
            broker_url_secret=None
            if base.redis_cluster_mode
            else pulumi.Output.concat(secret, f":{redis_url.secret_key(broker)}::"),
            key_prefix=prefix,
            secret_arns=[secret],
        )
    port = base.redis_port or REDIS_PORT

    def url(database: int) -> pulumi.Output[str]:
        return pulumi.Output.all(host, port).apply(
            lambda known: redis_url.redis_url(known[0], whole_number(known[1]), database, tls=bool(base.redis_tls))
        )

    return RedisAccess(
        host=None if base.redis_tls else host,
        cache_url=url(cache),
        # Celery cannot work with shards.
        broker_url=None if base.redis_cluster_mode else url(broker),
        key_prefix=prefix,
    )


def listener_slot(name: str, args: AppArgs) -> int:
    """The environment's slot on its base's load balancer."""
    return priorities.stable_slot(name) if args.listener_slot is None else args.listener_slot


def databases(options: AppCacheOptions, slot: int, *, cluster_mode: bool) -> tuple[int, int]:
    """Databases for cache and broker. Two belong to each slot, in turn; a sharded Redis has one."""
    if cluster_mode:
        return 0, 0
    first = slot * 2 % redis_url.DATABASES
    cache = first if options.cache_database is None else options.cache_database
    broker = first + 1 if options.broker_database is None else options.broker_database
    return cache, broker


def broker_values(redis: RedisAccess | None, sqs: SqsBroker | None) -> dict[str, Any]:
    """What `ContainerValues` holds of broker and cache."""
    values: dict[str, Any] = {}
    if redis is not None:
        values = {
            "redis_host": redis.host,
            "redis_url": redis.cache_url,
            "redis_url_secret": redis.cache_url_secret,
            "redis_key_prefix": redis.key_prefix,
            "broker_url": redis.broker_url,
            "broker_url_secret": redis.broker_url_secret,
            "broker_transport_options": json.dumps({"global_keyprefix": redis.key_prefix})
            if redis.key_prefix and (redis.broker_url is not None or redis.broker_url_secret is not None)
            else None,
        }
    if sqs is not None:
        values |= {
            "broker_url": BROKER_URL,
            "broker_url_secret": None,
            "broker_transport_options": sqs.transport_options,
            "queue_urls": sqs.queue_urls,
        }
    return values
