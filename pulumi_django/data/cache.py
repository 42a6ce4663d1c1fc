"""The Valkey or Redis of a base on ElastiCache: cache of its environments, and broker of their Celery."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.rules import naming, redis_url

REDIS_PORT = 6379
Engine = Literal["valkey", "redis"]

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/supported-engine-versions.html
FAMILIES: Mapping[Engine, Mapping[str, str]] = {
    "valkey": {"7.2": "valkey7", "8.0": "valkey8", "8.1": "valkey8"},
    "redis": {"7.0": "redis7", "7.1": "redis7"},
}
"""Versions, and the parameter group family of each."""

DEFAULT_VERSIONS: Mapping[Engine, str] = {"valkey": "8.0", "redis": "7.1"}

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.NodeGroups.html
MAX_NODES, MAX_SHARDS = 6, 500
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
MAX_SNAPSHOT_DAYS = 35
# Letters and digits only, so that it needs no quoting in a URL; 16 to 128 are allowed.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
AUTH_TOKEN_LENGTH = 64
# Evicts only what has an expiry: entries of the cache, never Celery's messages.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
EVICTION = {"maxmemory-policy": "volatile-lru"}


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """What its owner chooses of a cache."""

    engine: Engine = "valkey"
    """`valkey`, or `redis`, which costs more."""

    engine_version: str | None = None
    """Version; None is 8.0 of Valkey and 7.1 of Redis."""

    node_type: str = "cache.t4g.micro"
    """ElastiCache node type."""

    nodes: int = 2
    """Nodes, of each shard in cluster mode, 1 to 6: one writes, the others stand by in other zones and take over."""

    cluster_mode: bool = False
    """Whether keys are spread over shards. There is only database 0 then, and Celery cannot use it as a broker."""

    shards: int = 1
    """Shards in cluster mode, 1 to 500."""

    auth: bool = True
    """Whether clients need a token, beside being in the clients' security group."""

    snapshot_days: int = 0
    """Days for which daily snapshots are kept, 0 to 35; 0 makes none."""

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of the engine."""

    apply_immediately: bool = True
    """Whether changes are made at once, and not in the next maintenance window."""

    def __post_init__(self) -> None:
        if self.version not in FAMILIES[self.engine]:
            known = ", ".join(FAMILIES[self.engine])
            raise ValueError(f"engine_version is {self.engine_version!r}: of {self.engine} there are {known}")
        if not re.fullmatch(r"cache\.[a-z0-9]+\.[a-z0-9]+", self.node_type):
            raise ValueError(f"node_type is {self.node_type!r}: it is written like 'cache.t4g.micro'")
        if not 1 <= self.nodes <= MAX_NODES:
            raise ValueError(f"nodes is {self.nodes}: it is 1 to {MAX_NODES}")
        if not 1 <= self.shards <= MAX_SHARDS:
            raise ValueError(f"shards is {self.shards}: it is 1 to {MAX_SHARDS}")
        if self.shards > 1 and not self.cluster_mode:
            raise ValueError(f"shards is {self.shards} and cluster_mode is off: only in cluster mode there are shards")
        if self.cluster_mode and self.nodes == 1:
            raise ValueError("nodes is 1 and cluster_mode is on: a shard that fails needs a second node to take over")
        if not 0 <= self.snapshot_days <= MAX_SNAPSHOT_DAYS:
            raise ValueError(f"snapshot_days is {self.snapshot_days}: it is 0 to {MAX_SNAPSHOT_DAYS}")

    @property
    def version(self) -> str:
        """The version that runs."""
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
    """Private subnets, in two zones at least when there is a second node."""

    client_security_group_id: pulumi.Input[str]
    """The only security group that may connect."""

    kms_key_arn: pulumi.Input[str] | None = None
    """Key of data at rest and of the token; None leaves them to the account's keys. A cache that exists keeps its key for
    its data, since another one would replace it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        naming.check_length("replication group id", self.group_id, naming.REPLICATION_GROUP_ID_LIMIT)

    @property
    def node_ids(self) -> list[str]:
        """What CloudWatch calls the nodes, in the dimension `CacheClusterId`."""
        numbers = range(1, self.nodes + 1)
        if not self.cluster_mode:
            return [f"{self.group_id}-{node:03}" for node in numbers]
        return [f"{self.group_id}-{shard:04}-{node:03}" for shard in range(1, self.shards + 1) for node in numbers]


class ReplicationGroup(pulumi.ComponentResource):
    """An encrypted cache that speaks only TLS, in private subnets, with a token in Secrets Manager."""

    host: pulumi.Output[str]
    """Host name of the node that writes, or of the cluster's configuration."""

    port: pulumi.Output[int]
    """TCP port."""

    reader_host: pulumi.Output[str] | None
    """Host name that leads to the nodes that stand by; None without any and in cluster mode."""

    auth_secret_arn: pulumi.Output[str] | None
    """Secret with the JSON keys `AUTH_TOKEN` and `REDIS_URL_<database>`; None without a token."""

    security_group_id: pulumi.Output[str]
    """Security group of the cache."""

    group_id: pulumi.Output[str]
    """The replication group."""

    node_ids: list[str]
    """What CloudWatch calls its nodes, in the dimension `CacheClusterId`."""

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
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-sg", vpc_id=args.vpc_id, description=f"{name}: cache, from the tasks only", opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-app",
            security_group_id=group.id,
            referenced_security_group_id=args.client_security_group_id,
            ip_protocol="tcp",
            from_port=REDIS_PORT,
            to_port=REDIS_PORT,
            description="Redis from the tasks",
            opts=child,
        )
        return group

    def _token(self, name: str) -> pulumi.Output[str]:
        return random.RandomPassword(
            f"{name}-token", length=AUTH_TOKEN_LENGTH, special=False, opts=pulumi.ResourceOptions(parent=self)
        ).result

    def _parameter_group(self, name: str, args: ReplicationGroupArgs) -> aws.elasticache.ParameterGroup:
        cluster = {"cluster-enabled": "yes"} if args.cluster_mode else {}
        values = {**EVICTION, **args.parameters, **cluster}
        # The name holds the family: another major version needs another group while the old one is still in use.
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
        # Known once the value is there: a task that starts before it fails.
        return pulumi.Output.all(secret.arn, version.version_id).apply(lambda parts: str(parts[0]))
