"""What the owner of a base chooses, part by part. The two kinds differ by the defaults that are written out here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_django.data.aurora import AuroraSettings
from pulumi_django.data.cache import CacheSettings
from pulumi_django.data.instance import InstanceSettings
from pulumi_django.data.postgres import POSTGRES_PORT
from pulumi_django.network.endpoints import ISOLATED_ENDPOINTS, USUAL_ENDPOINTS, check_services
from pulumi_django.network.vpc import Nat, NetworkSettings
from pulumi_django.observability.alarms import check_percent, check_positive
from pulumi_django.rules.sizing import check_log_retention

# https://www.postgresql.org/docs/current/runtime-config-logging.html
LOGGED_STATEMENTS = {"log_min_duration_statement": "1000", "log_statement": "ddl"}
"""Statements of a second or more, and changes of tables. Neither holds a password of ours: the release sets them in a DO block, which is no DDL."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(NetworkSettings):
    zones: Sequence[str] | None = None
    """Availability zones by name, at least two; None takes the first ones that the account may use, and an existing network
    keeps its own."""

    interface_endpoints: Sequence[str] = ()
    """AWS services with an interface endpoint in every zone, such as `sqs`. With nat `none` those that tasks cannot do
    without are added."""

    flow_logs: bool = False
    """Whether every connection is recorded in CloudWatch."""

    flow_log_retention_days: int = 30
    """Days for which these records are kept."""

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
    """The way out of the private subnets: one NAT gateway in each zone (`per-az`), a `single` one, or `none`."""

    interface_endpoints: Sequence[str] = USUAL_ENDPOINTS
    """AWS services with an interface endpoint in every zone, such as `sqs`. With nat `none` those that tasks cannot do
    without are added."""

    flow_logs: bool = True
    """Whether every connection is recorded in CloudWatch."""

    flow_log_retention_days: int = 365
    """Days for which these records are kept."""


@dataclass(frozen=True, kw_only=True)
class ExistingVpcOptions:
    """A VPC that is somebody else's; routes, endpoints and flow logs stay with its owner."""

    vpc_id: str
    """Id of the VPC, with DNS names and DNS support switched on."""

    public_subnet_ids: Sequence[str]
    """Subnets with a route to the internet gateway, in at least two zones."""

    private_subnet_ids: Sequence[str]
    """Subnets for tasks and data, in at least two zones."""

    isolated: bool = False
    """Whether nothing leads out of the private subnets but endpoints."""

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
                f"{', '.join(both)} stands in both public_subnet_ids and private_subnet_ids: a subnet is one"
            )


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions(InstanceSettings):
    """The PostgreSQL server on RDS."""


@dataclass(frozen=True, kw_only=True)
class ProdDatabaseOptions(DatabaseOptions):
    """The PostgreSQL server on RDS, as production has it."""

    instance_class: str = "db.t4g.medium"
    """RDS instance class."""

    max_storage_gib: int = 100
    """Storage up to which RDS grows by itself; equal to `storage_gib` it does not grow."""

    multi_az: bool = True
    """Whether a standby in another zone takes over when the server fails; doubles the price."""

    backup_retention_days: int = 7
    """Days for which automatic backups are kept, up to 35."""

    final_snapshot: bool = True
    """Whether a last snapshot is taken when it is deleted."""

    performance_insights: bool = True
    """Whether query statistics are collected, kept for 7 days without charge."""

    monitoring_interval_seconds: int = 60
    """How often figures of the operating system go to CloudWatch: 0 (never), 1, 5, 10, 15, 30 or 60."""

    iam_authentication: bool = True
    """Whether roles of PostgreSQL with `rds_iam` may connect with an IAM token instead of a password."""

    log_exports: Sequence[str] = ("postgresql", "upgrade")
    """Logs that go to CloudWatch."""

    log_retention_days: int = 365
    """Days for which they are kept there."""

    parameters: Mapping[str, str] = field(default_factory=lambda: dict(LOGGED_STATEMENTS))
    """Parameters of PostgreSQL that are applied at once, beside forced TLS. Slow statements and changes of tables are
    logged by default."""


@dataclass(frozen=True, kw_only=True)
class AuroraOptions(AuroraSettings):
    """The PostgreSQL server on Aurora Serverless v2."""

    zones: Sequence[str] | None = None
    """Zones with a server, by name; None is the network's first zone."""


@dataclass(frozen=True, kw_only=True)
class ProdAuroraOptions(AuroraOptions):
    """The PostgreSQL server on Aurora Serverless v2, as production has it."""

    zones: Sequence[str] | None = None
    """Zones with a server, by name; None is the network's first two: the second takes over."""

    backup_retention_days: int = 7
    """Days for which automatic backups are kept, up to 35."""

    final_snapshot: bool = True
    """Whether a last snapshot is taken when it is deleted."""

    performance_insights: bool = True
    """Whether query statistics are collected, kept for 7 days without charge."""

    iam_authentication: bool = True
    """Whether roles of PostgreSQL with `rds_iam` may connect with an IAM token instead of a password."""

    log_exports: Sequence[str] = ("postgresql",)
    """Logs that go to CloudWatch."""

    log_retention_days: int = 365
    """Days for which they are kept there."""

    parameters: Mapping[str, str] = field(default_factory=lambda: dict(LOGGED_STATEMENTS))
    """Parameters of PostgreSQL that are applied at once, beside forced TLS. Slow statements and changes of tables are
    logged by default."""


@dataclass(frozen=True, kw_only=True)
class ExistingDatabaseOptions:
    """A PostgreSQL server that is somebody else's, 15 or newer."""

    host: str
    """Host name."""

    port: int = POSTGRES_PORT
    """TCP port."""

    master_secret_arn: str
    """Secret with the JSON keys `username` and `password` of a role that may create databases and roles."""

    security_group_id: str | None = None
    """Security group of the server, which gets a rule for the tasks; None when it admits them already."""

    reader_host: str | None = None
    """Host name for queries that only read, when there is one."""

    instance_id: str | None = None
    """RDS instance, for alarms; None for Aurora and for a server outside RDS."""

    cluster_id: str | None = None
    """Aurora cluster, for alarms."""

    def __post_init__(self) -> None:
        if not self.host or "/" in self.host or ":" in self.host:
            raise ValueError(f"host is {self.host!r}: it is a host name, without scheme and port")
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}: it is 1 to 65535")
        if ":secretsmanager:" not in self.master_secret_arn:
            raise ValueError(f"master_secret_arn is {self.master_secret_arn!r}: it is the ARN of a secret")
        if self.security_group_id is not None:
            _check_id("security_group_id", "sg", self.security_group_id)
        if self.instance_id is not None and self.cluster_id is not None:
            raise ValueError("instance_id and cluster_id are both given: a server is one of the two")


@dataclass(frozen=True, kw_only=True)
class CacheOptions(CacheSettings):
    """The Valkey or Redis that environments share."""


@dataclass(frozen=True, kw_only=True)
class ProdCacheOptions(CacheOptions):
    """The Valkey or Redis that environments share, as production has it."""

    snapshot_days: int = 7
    """Days for which daily snapshots are kept, 0 to 35; 0 makes none."""


@dataclass(frozen=True, kw_only=True)
class AssetsOptions:
    """The bucket that environments share."""

    versioned: bool = True
    """Whether overwritten and deleted objects can be restored."""

    old_version_days: int | None = 90
    """Days for which they can; None keeps them."""

    retain: bool = True
    """Whether the bucket stays when the stack is destroyed."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes what is in it; otherwise a bucket with objects cannot be deleted."""

    def __post_init__(self) -> None:
        if self.retain and self.force_destroy:
            raise ValueError(
                "retain and force_destroy are both on: the bucket either stays or goes with all that is in it"
            )
        if self.old_version_days is not None and self.old_version_days < 1:
            raise ValueError(f"old_version_days is {self.old_version_days}: it is 1 or more")


@dataclass(frozen=True, kw_only=True)
class AccessLogOptions:
    """Requests to the load balancer and to the assets bucket, one line each."""

    retention_days: int = 90
    """Days for which they are kept, 1 to 3650."""

    force_destroy: bool = False
    """Whether destroying the stack deletes the logs; otherwise it fails while there are any."""

    def __post_init__(self) -> None:
        if not 1 <= self.retention_days <= 3650:
            raise ValueError(f"retention_days is {self.retention_days}: it is 1 to 3650")


@dataclass(frozen=True, kw_only=True)
class BaseAlarmOptions:
    """From where on something is wrong with the base."""

    emails: Sequence[str] = ()
    """Addresses that get every alarm; each is asked to confirm first."""

    load_balancer_errors: int = 10
    """Answers with a status of 500 or above that the load balancer itself gave in five minutes."""

    database_cpu_percent: float = 80.0
    """CPU of the database server, for five minutes."""

    database_free_storage_gib: float | None = None
    """Storage that must stay free; None is a tenth of what the server has at first."""

    database_connections: int | None = None
    """Connections, for five minutes; None is four fifths of what the server's memory allows."""

    cache_memory_percent: float = 85.0
    """Memory of a node of the cache, for five minutes."""

    cache_cpu_percent: float = 80.0
    """CPU of a node of the cache, for five minutes."""

    def __post_init__(self) -> None:
        for name in ("database_cpu_percent", "cache_memory_percent", "cache_cpu_percent"):
            check_percent(name, getattr(self, name))
        for name in ("load_balancer_errors", "database_free_storage_gib", "database_connections"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))


def _check_id(name: str, kind: str, value: str) -> None:
    if not re.fullmatch(rf"{kind}-[0-9a-f]{{8,17}}", value):
        raise ValueError(f"{name} has {value!r}: an id is written like {kind}-0123456789abcdef0")
