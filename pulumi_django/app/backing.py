"""The services that an environment's containers use beside the database: bucket, broker, cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from pulumi_django.app import delivery, queues
from pulumi_django.app.environment import Environment
from pulumi_django.app.hosts import listener_slot
from pulumi_django.app.options import AppCacheOptions
from pulumi_django.data.broker import BROKER_URL, SqsBroker, SqsBrokerArgs
from pulumi_django.delivery.static_site import StaticSite
from pulumi_django.ecs.redis_service import REDIS_PORT
from pulumi_django.network.dns import ServiceDiscovery, ServiceDiscoveryArgs
from pulumi_django.rules import naming, redis_url
from pulumi_django.rules.container_env import BROKER_DATABASE, CACHE_DATABASE, Broker, Redis
from pulumi_django.rules.partitions import of_region
from pulumi_django.rules.text import whole_number

REDIS_SERVICE = "redis"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The bucket for static files and media."""

    name: pulumi.Input[str]
    arn: pulumi.Input[str]
    static_url: pulumi.Output[str] | None = None
    """URL below which CloudFront serves its static files; None without CloudFront."""


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """Cloud Map namespace in which the environment's own Redis has its name."""

    id: pulumi.Input[str]
    name: str


@dataclass(frozen=True, kw_only=True)
class Backing:
    """Bucket, site, broker and cache of one environment."""

    bucket: Bucket
    site: StaticSite | None
    sqs: SqsBroker | None
    namespace: Namespace | None
    redis: Redis | None

    @property
    def broker(self) -> Broker:
        """Celery's broker: SQS, else the Redis."""
        if self.sqs is not None:
            return Broker(url=BROKER_URL, transport_options=self.sqs.transport_options, queue_urls=self.sqs.queue_urls)
        redis = self.redis
        if redis is None or (redis.broker_url is None and redis.broker_url_secret is None):
            return Broker()
        options = json.dumps({"global_keyprefix": redis.key_prefix}) if redis.key_prefix else None
        return Broker(url=redis.broker_url, url_secret=redis.broker_url_secret, transport_options=options)

    @property
    def queue_names(self) -> Mapping[str, pulumi.Output[str]]:
        """Celery queue -> name of its SQS queue; empty without SQS."""
        return self.sqs.queue_names if self.sqs is not None else {}


def create(env: Environment) -> Backing:
    """Create the bucket, the site of static files, the queues and the namespace that the arguments ask for."""
    site = delivery.static_site(env)
    bucket = _bucket(env, site)
    sqs = _sqs(env)
    namespace = _namespace(env)
    return Backing(bucket=bucket, site=site, sqs=sqs, namespace=namespace, redis=_redis(env, namespace))


def _bucket(env: Environment, site: StaticSite | None) -> Bucket:
    """The environment's own bucket, if it has one, else its base's."""
    own = delivery.assets(env, site)
    if own is not None:
        return Bucket(name=own.bucket_name, arn=own.bucket_arn, static_url=own.cdn.url if own.cdn else None)
    shared = env.base.assets_bucket_name or ""
    return Bucket(name=shared, arn=pulumi.Output.concat(f"arn:{of_region(env.base.region)}:s3:::", shared))


def _sqs(env: Environment) -> SqsBroker | None:
    """A queue for each Celery queue of the workers, if SQS is the broker."""
    options = env.args.sqs
    if options is None:
        return None
    by_worker, other_names = queues.of_sqs(env.args.workers)
    return SqsBroker(
        f"{env.name}-broker",
        SqsBrokerArgs(
            environment=env.name,
            queues=sorted({queue for works_on in by_worker.values() for queue in works_on}),
            other_names=other_names,
            visibility_timeout_seconds=options.visibility_timeout_seconds,
            max_receives=options.max_receives,
            retention_seconds=options.retention_seconds,
            kms_key_arn=options.kms_key_arn,
        ),
        env.opts,
    )


def _namespace(env: Environment) -> Namespace | None:
    """The namespace of the environment's own Redis: the base's, else one of its own; None without a Redis."""
    base = env.base
    if env.args.redis is None:
        return None
    if base.service_discovery_namespace_id is not None and base.service_discovery_namespace_name is not None:
        return Namespace(id=base.service_discovery_namespace_id, name=base.service_discovery_namespace_name)
    # The dot keeps it apart from every base's namespace in the same VPC.
    own = ServiceDiscoveryArgs(namespace=f"{env.name}.env-sd-ns", vpc_id=base.vpc_id)
    made = ServiceDiscovery(f"{env.name}-discovery", own, env.opts)
    return Namespace(id=made.namespace_id, name=made.namespace_name)


def _redis(env: Environment, namespace: Namespace | None) -> Redis | None:
    """The environment's own Redis, or its part of the base's cache; None without either."""
    if namespace is not None:
        host = f"{naming.service_name(env.name, REDIS_SERVICE)}.{namespace.name}"
        return Redis(
            host=host,
            cache_url=redis_url.redis_url(host, REDIS_PORT, CACHE_DATABASE, tls=False),
            broker_url=redis_url.redis_url(host, REDIS_PORT, BROKER_DATABASE, tls=False),
        )
    options, host = env.args.cache, env.base.redis_host
    return None if options is None or host is None else _shared_redis(env, options, host)


def _shared_redis(env: Environment, options: AppCacheOptions, host: pulumi.Input[str]) -> Redis:
    base = env.base
    cache, broker = databases(options, listener_slot(env.name, env.args), cluster_mode=bool(base.redis_cluster_mode))
    prefix = f"{env.name}:" if options.key_prefix is None else options.key_prefix
    secret = base.redis_auth_secret_arn
    if secret is not None:
        return Redis(
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

    return Redis(
        host=None if base.redis_tls else host,
        cache_url=url(cache),
        # Celery cannot work with shards.
        broker_url=None if base.redis_cluster_mode else url(broker),
        key_prefix=prefix,
    )


def databases(options: AppCacheOptions, slot: int, *, cluster_mode: bool) -> tuple[int, int]:
    """Return the databases for cache and broker. Each slot has two of the 16 in turn; a sharded Redis has one."""
    if cluster_mode:
        return 0, 0
    first = slot * 2 % redis_url.DATABASES
    cache = first if options.cache_database is None else options.cache_database
    broker = first + 1 if options.broker_database is None else options.broker_database
    return cache, broker
