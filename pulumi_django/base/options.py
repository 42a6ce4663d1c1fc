"""The choices for each part of a base. The kinds differ in defaults: `Prod...` classes have production's.

Fields that a component has too come from the component's own settings class, where name, default and text stand once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_django.data.aurora import AuroraSettings
from pulumi_django.data.cache import CacheSettings
from pulumi_django.data.instance import InstanceSettings
from pulumi_django.data.postgres import POSTGRES_PORT, PostgresSettings
from pulumi_django.network.endpoints import ISOLATED_ENDPOINTS, USUAL_ENDPOINTS, check_services
from pulumi_django.network.vpc import Nat, NetworkSettings
from pulumi_django.observability.alarms import check_percent, check_positive
from pulumi_django.rules import aws_rules
from pulumi_django.rules.sizing import check_log_retention

# https://www.postgresql.org/docs/current/runtime-config-logging.html
LOGGED_STATEMENTS = {"log_min_duration_statement": "1000", "log_statement": "ddl"}
"""Logs statements of a second or more, and changes of tables. Neither contains an environment's password: the release sets
passwords in a DO block, which is no DDL."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(NetworkSettings):
    zones: Sequence[str] | None = None
    """Availability zones by name, at least two. None takes the first ones that the account may use; an existing network
    keeps its own."""

    interface_endpoints: Sequence[str] = ()
    """AWS services with an interface endpoint in every zone, such as `sqs`. With nat `none` the endpoints that every task
    needs are added."""

    flow_logs: bool = False
    """Whether CloudWatch records every connection."""

    flow_log_retention_days: int = 365
    """Days for which CloudWatch keeps these records: 1, 3, 5, 7, 14, 30, ..."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_services(self.interface_endpoints, "interface_endpoints")
        check_log_retention("flow_log_retention_days", self.flow_log_retention_days)

    @property
    def endpoints(self) -> list[str]:
        """The services with an interface endpoint, in name order."""
        return sorted({*(ISOLATED_ENDPOINTS if self.nat == "none" else ()), *self.interface_endpoints})


@dataclass(frozen=True, kw_only=True)
class ProdNetworkOptions(NetworkOptions):
    nat: Nat = "per-az"
    interface_endpoints: Sequence[str] = USUAL_ENDPOINTS
    flow_logs: bool = True


@dataclass(frozen=True, kw_only=True)
class ExistingVpcOptions:
    """An existing VPC. The base changes no routes, endpoints or flow logs in it."""

    vpc_id: str
    """Id of the VPC; its DNS names and DNS support must be on."""

    public_subnet_ids: Sequence[str]
    """Subnets with a route to the internet gateway, in at least two zones."""

    private_subnet_ids: Sequence[str]
    """Subnets for tasks and data, in at least two zones."""

    isolated: bool = False
    """Whether the private subnets have no route to the internet, only endpoints."""

    def __post_init__(self) -> None:
        _check_id("vpc_id", "vpc", self.vpc_id)
        for name, subnets in (
            ("public_subnet_ids", self.public_subnet_ids),
            ("private_subnet_ids", self.private_subnet_ids),
        ):
            for subnet in subnets:
                _check_id(name, "subnet", subnet)
            if len(set(subnets)) < 2:
                raise ValueError(f"{name} is {list(subnets)}: two subnets in different zones are needed")
        both = sorted({*self.public_subnet_ids} & {*self.private_subnet_ids})
        if both:
            raise ValueError(
                f"{', '.join(both)} is in both public_subnet_ids and private_subnet_ids: a subnet is either public or private"
            )


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions(InstanceSettings):
    """The PostgreSQL server on RDS. These defaults cost nothing, or a few cents."""

    performance_insights: bool = True
    iam_authentication: bool = True
    log_exports: Sequence[str] = ("postgresql",)
    log_retention_days: int = 365


@dataclass(frozen=True, kw_only=True)
class AuroraOptions(AuroraSettings):
    """The PostgreSQL server on Aurora Serverless v2."""

    zones: Sequence[str] | None = None
    """Zones with a server, by name. None is the network's first zone."""


@dataclass(frozen=True, kw_only=True)
class _ProdServer(PostgresSettings):
    """Production's defaults for RDS and Aurora."""

    backup_retention_days: int = 7
    final_snapshot: bool = True
    performance_insights: bool = True
    iam_authentication: bool = True
    log_retention_days: int = 365

    parameters: Mapping[str, str] = field(default_factory=lambda: dict(LOGGED_STATEMENTS))
    """Parameters of PostgreSQL that apply immediately, besides forced TLS. The default logs slow statements and changes of
    tables."""


@dataclass(frozen=True, kw_only=True)
class ProdDatabaseOptions(_ProdServer, DatabaseOptions):
    """The PostgreSQL server on RDS, with production's defaults."""

    instance_class: str = "db.t4g.medium"
    max_storage_gib: int = 100
    multi_az: bool = True
    monitoring_interval_seconds: int = 60
    log_exports: Sequence[str] = ("postgresql", "upgrade")


@dataclass(frozen=True, kw_only=True)
class ProdAuroraOptions(_ProdServer, AuroraOptions):
    """The PostgreSQL server on Aurora Serverless v2, with production's defaults."""

    zones: Sequence[str] | None = None
    """Zones with a server, by name. None is the network's first two; the second server replaces the first when it fails."""

    log_exports: Sequence[str] = ("postgresql",)


@dataclass(frozen=True, kw_only=True)
class ExistingDatabaseOptions:
    """An existing PostgreSQL server, version 15 or newer."""

    host: str
    """Host name of the server, without scheme and port."""

    port: int = POSTGRES_PORT
    """TCP port of the server, 1 to 65535."""

    master_secret_arn: str
    """Secret with the JSON keys `username` and `password` of a role that may create databases and roles."""

    security_group_id: str | None = None
    """Security group of the server, to which the base adds a rule for the tasks. None if it admits them already."""

    reader_host: str | None = None
    """Host name for queries that only read. None without one."""

    instance_id: str | None = None
    """Id of the RDS instance, for alarms. None for Aurora and for a server outside RDS."""

    cluster_id: str | None = None
    """Id of the Aurora cluster, for alarms."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", self.host):
            raise ValueError(f"host is {self.host!r}: it must be a host name, without scheme and port")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}: it must be 1 to 65535")
        if ":secretsmanager:" not in self.master_secret_arn:
            raise ValueError(f"master_secret_arn is {self.master_secret_arn!r}: it must be the ARN of a secret")
        if self.security_group_id is not None:
            _check_id("security_group_id", "sg", self.security_group_id)
        if self.instance_id is not None and self.cluster_id is not None:
            raise ValueError("instance_id and cluster_id are both given: a server is one of the two")


@dataclass(frozen=True, kw_only=True)
class CacheOptions(CacheSettings):
    """The Valkey or Redis that environments share."""


@dataclass(frozen=True, kw_only=True)
class ProdCacheOptions(CacheOptions):
    """The Valkey or Redis that environments share, with production's defaults."""

    snapshot_days: int = 7


@dataclass(frozen=True, kw_only=True)
class AssetsOptions:
    """The bucket that environments share."""

    versioned: bool = True
    """Whether overwritten and deleted objects can be restored."""

    old_version_days: int | None = 90
    """Days for which old versions are kept, 1 or more. None keeps them forever."""

    retain: bool = True
    """Whether the bucket stays when the stack is destroyed."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes its objects. Otherwise a bucket with objects cannot be deleted."""

    def __post_init__(self) -> None:
        if self.retain and self.force_destroy:
            raise ValueError(
                "retain and force_destroy are both on: the bucket either stays or is deleted with all its objects"
            )
        aws_rules.check_days("old_version_days", self.old_version_days)


@dataclass(frozen=True, kw_only=True)
class AccessLogOptions:
    """Records of the requests to the load balancer and to the assets bucket, one line each."""

    retention_days: int = 90
    """Days for which the records are kept, 1 to 3650."""

    force_destroy: bool = False
    """Whether destroying the stack deletes the logs. Otherwise it fails while the bucket has any."""

    def __post_init__(self) -> None:
        if not 1 <= self.retention_days <= 3650:
            raise ValueError(f"retention_days is {self.retention_days}: it must be 1 to 3650")


@dataclass(frozen=True, kw_only=True)
class BaseAlarmOptions:
    """Thresholds of the base's alarms, and the addresses that receive them."""

    emails: Sequence[str] = ()
    """E-mail addresses that receive every alarm; each address must confirm first."""

    load_balancer_errors: int = 10
    """Number of answers with a status of 500 or more that the load balancer itself gives within five minutes."""

    database_cpu_percent: float = 80.0
    """CPU of the database server in percent, for five minutes."""

    database_free_storage_gib: float | None = None
    """Storage in GiB that must stay free. None is a tenth of the server's `storage_gib`."""

    database_connections: int | None = None
    """Number of connections, for five minutes. None is 80 % of the connections that the server's memory allows."""

    cache_memory_percent: float = 85.0
    """Memory of a cache node in percent, for five minutes."""

    cache_cpu_percent: float = 80.0
    """CPU of a cache node in percent, for five minutes."""

    def __post_init__(self) -> None:
        aws_rules.check_addresses("emails", self.emails)
        for name in ("database_cpu_percent", "cache_memory_percent", "cache_cpu_percent"):
            check_percent(name, getattr(self, name))
        for name in ("load_balancer_errors", "database_free_storage_gib", "database_connections"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))


def _check_id(name: str, kind: str, value: str) -> None:
    if not re.fullmatch(rf"{kind}-[0-9a-f]{{8,17}}", value):
        raise ValueError(f"{name} has {value!r}: an id is written like {kind}-0123456789abcdef0")
