"""The Valkey or Redis of a base on ElastiCache: the cache of its environments and the broker of their Celery."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.data.admission import group_for_clients
from pulumi_django.rules import naming, redis_url

REDIS_PORT = 6379
Engine = Literal["valkey", "redis"]

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/supported-engine-versions.html
FAMILIES: Mapping[Engine, Mapping[str, str]] = {
    "valkey": {"7.2": "valkey7", "8.0": "valkey8", "8.1": "valkey8"},
    "redis": {"7.0": "redis7", "7.1": "redis7"},
}
"""Parameter group family by engine and version."""

DEFAULT_VERSIONS: Mapping[Engine, str] = {"valkey": "8.0", "redis": "7.1"}

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.NodeGroups.html
MAX_NODES, MAX_SHARDS = 6, 500
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
MAX_SNAPSHOT_DAYS = 35
# Letters and digits only, so that it needs no quoting in a URL. ElastiCache allows 16 to 128.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
AUTH_TOKEN_LENGTH = 64
# Evicts only keys with an expiry: entries of the cache, never messages of Celery.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
EVICTION = {"maxmemory-policy": "volatile-lru"}


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """Options of a cache that do not depend on its base."""

    engine: Engine = "valkey"
    """Engine: `valkey`, or `redis`, which costs more."""

    engine_version: str | None = None
    """Version of the engine; None is 8.0 for Valkey and 7.1 for Redis."""

    node_type: str = "cache.t4g.micro"
    """ElastiCache node type, written like `cache.t4g.micro`."""

    nodes: int = 2
    """Number of nodes, in cluster mode of each shard, 1 to 6. One is the primary; the others are replicas in other zones and
    take over when it fails."""

    cluster_mode: bool = False
    """Whether shards divide the keys. Cluster mode has only database 0, and Celery cannot use it as a broker."""

    shards: int = 1
    """Number of shards in cluster mode, 1 to 500."""

    auth: bool = True
    """Whether clients need a token besides membership in the clients' security group."""

    snapshot_days: int = 0
    """Days to keep daily snapshots, 0 to 35; 0 creates none."""

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of the engine by name."""

    apply_immediately: bool = True
    """Whether changes apply immediately instead of in the next maintenance window."""

    def __post_init__(self) -> None:
        if self.version not in FAMILIES[self.engine]:
            known = ", ".join(FAMILIES[self.engine])
            raise ValueError(f"engine_version is {self.engine_version!r}: the versions of {self.engine} are {known}")
        if not re.fullmatch(r"cache\.[a-z0-9]+\.[a-z0-9]+", self.node_type):
            raise ValueError(f"node_type is {self.node_type!r}: it must be written like 'cache.t4g.micro'")
        if not 1 <= self.nodes <= MAX_NODES:
            raise ValueError(f"nodes is {self.nodes}: it must be 1 to {MAX_NODES}")
        if not 1 <= self.shards <= MAX_SHARDS:
            raise ValueError(f"shards is {self.shards}: it must be 1 to {MAX_SHARDS}")
        if self.shards > 1 and not self.cluster_mode:
            raise ValueError(f"shards is {self.shards} and cluster_mode is off: several shards need cluster_mode")
        if self.cluster_mode and self.nodes == 1:
            raise ValueError(
                "nodes is 1 and cluster_mode is on: cluster mode needs at least 2 nodes in each shard, so that one can take over"
            )
        if not 0 <= self.snapshot_days <= MAX_SNAPSHOT_DAYS:
            raise ValueError(f"snapshot_days is {self.snapshot_days}: it must be 0 to {MAX_SNAPSHOT_DAYS}")

    @property
    def version(self) -> str:
        """Version of the engine."""
        return self.engine_version or DEFAULT_VERSIONS[self.engine]

    @property
    def family(self) -> str:
        """Parameter group family of the version."""
        return FAMILIES[self.engine][self.version]


@dataclass(frozen=True, kw_only=True)
class ReplicationGroupArgs(CacheSettings):
    group_id: str
    """Name of the replication group in ElastiCache, at most 40 characters."""

    vpc_id: pulumi.Input[str]
    """VPC of the base."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets, in at least two zones when there is a second node."""

    client_security_group_id: pulumi.Input[str]
    """The only security group whose members can connect."""

    kms_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of data at rest and of the token; None uses the account's keys. An existing cache keeps the key of its
    data, because another key would replace the cache."""

    def __post_init__(self) -> None:
        super().__post_init__()
        naming.check_length("replication group id", self.group_id, naming.REPLICATION_GROUP_ID_LIMIT)

    @property
    def node_ids(self) -> list[str]:
        """Values of CloudWatch's dimension `CacheClusterId`, one for each node."""
        numbers = range(1, self.nodes + 1)
        if not self.cluster_mode:
            return [f"{self.group_id}-{node:03}" for node in numbers]
        return [f"{self.group_id}-{shard:04}-{node:03}" for shard in range(1, self.shards + 1) for node in numbers]


class ReplicationGroup(pulumi.ComponentResource):
    """An encrypted cache in private subnets that requires TLS. Secrets Manager stores its token."""

    host: pulumi.Output[str]
    """Host name of the primary node, or in cluster mode the configuration endpoint."""

    port: pulumi.Output[int]
    """TCP port."""

    reader_host: pulumi.Output[str] | None
    """Host name of the replicas; None without replicas and in cluster mode."""

    auth_secret_arn: pulumi.Output[str] | None
    """Secret with the JSON keys `AUTH_TOKEN` and `REDIS_URL_<database>`; None without a token."""

    security_group_id: pulumi.Output[str]
    """Security group of the cache."""

    group_id: pulumi.Output[str]
    """Id of the replication group."""

    node_ids: list[str]
    """Values of CloudWatch's dimension `CacheClusterId`, one for each node."""

    def __init__(self, name: str, args: ReplicationGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:cache:ReplicationGroup", name, None, opts)
        group = self._security_group(name, args)
        token = self._token(name) if args.auth else None
        cache = self._cache(name, args, group, token)
        self.host = cache.configuration_endpoint_address if args.cluster_mode else cache.primary_endpoint_address
        self.port = cache.port.apply(lambda port: port or REDIS_PORT)
        self.reader_host = cache.reader_endpoint_address if args.nodes > 1 and not args.cluster_mode else None
        self.auth_secret_arn = self._secret(name, args, token) if token is not None else None
        self.security_group_id, self.group_id = group.id, cache.replication_group_id
        self.node_ids = args.node_ids
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "auth_secret_arn": self.auth_secret_arn,
                "security_group_id": self.security_group_id,
            }
        )

    def _security_group(self, name: str, args: ReplicationGroupArgs) -> aws.ec2.SecurityGroup:
        return group_for_clients(
            name,
            vpc_id=args.vpc_id,
            purpose="cache, from the tasks only",
            clients=args.client_security_group_id,
            port=REDIS_PORT,
            rule="from-app",
            description="Redis from the tasks",
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _token(self, name: str) -> pulumi.Output[str]:
        return random.RandomPassword(
            f"{name}-token", length=AUTH_TOKEN_LENGTH, special=False, opts=pulumi.ResourceOptions(parent=self)
        ).result

    def _parameter_group(self, name: str, args: ReplicationGroupArgs) -> aws.elasticache.ParameterGroup:
        cluster = {"cluster-enabled": "yes"} if args.cluster_mode else {}
        values = {**EVICTION, **args.parameters, **cluster}
        # The name contains the family, because another major version needs another group while the old one is in use.
        return aws.elasticache.ParameterGroup(
            f"{name}-{args.family}",
            family=args.family,
            description=f"{name}: what is evicted when memory is full",
            parameters=[
                aws.elasticache.ParameterGroupParameterArgs(name=parameter, value=value)
                for parameter, value in sorted(values.items())
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _cache(
        self,
        name: str,
        args: ReplicationGroupArgs,
        group: aws.ec2.SecurityGroup,
        token: pulumi.Output[str] | None,
    ) -> aws.elasticache.ReplicationGroup:
        child = pulumi.ResourceOptions(parent=self)
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets", subnet_ids=args.subnet_ids, description=f"{name}: private subnets", opts=child
        )
        size: dict[str, Any] = (
            {"num_node_groups": args.shards, "replicas_per_node_group": args.nodes - 1}
            if args.cluster_mode
            else {"num_cache_clusters": args.nodes}
        )
        return aws.elasticache.ReplicationGroup(
            name,
            replication_group_id=args.group_id,
            description=f"{name}: cache and broker",
            engine=args.engine,
            engine_version=args.version,
            node_type=args.node_type,
            port=REDIS_PORT,
            parameter_group_name=self._parameter_group(name, args).name,
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            at_rest_encryption_enabled=True,
            kms_key_id=args.kms_key_arn,
            transit_encryption_enabled=True,
            auth_token=token,
            automatic_failover_enabled=args.nodes > 1,
            multi_az_enabled=args.nodes > 1,
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=args.snapshot_days,
            apply_immediately=args.apply_immediately,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["kmsKeyId"]),
            **size,
        )

    def _secret(self, name: str, args: ReplicationGroupArgs, token: pulumi.Output[str]) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        secret = aws.secretsmanager.Secret(
            f"{name}-auth", recovery_window_in_days=0, kms_key_id=args.kms_key_arn, opts=child
        )
        values = pulumi.Output.all(self.host, self.port, token).apply(
            lambda parts: redis_url.secret_values(*parts, cluster_mode=args.cluster_mode)
        )
        version = aws.secretsmanager.SecretVersion(
            f"{name}-auth-value", secret_id=secret.arn, secret_string=pulumi.Output.json_dumps(values), opts=child
        )
        # Known after the value is stored, because a task that starts earlier fails.
        return pulumi.Output.all(secret.arn, version.version_id).apply(lambda parts: str(parts[0]))
