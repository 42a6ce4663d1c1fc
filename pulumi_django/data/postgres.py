"""The common parts of PostgreSQL servers on RDS and on Aurora: arguments, network, logs, TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.data.admission import group_for_clients
from pulumi_django.policies.trust import managed_policy, trust_policy
from pulumi_django.rules import naming
from pulumi_django.rules.sizing import check_log_retention

POSTGRES_PORT = 5432
FROM_TASKS = "PostgreSQL from the tasks"
"""Description of the rule that admits the tasks to a server."""

# Not `postgres`, which attackers try first.
MASTER_USERNAME = "dbmaster"
OLDEST_VERSION = 15
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html
MAX_BACKUP_DAYS = 35
# Valid until 2061, in every current trust bundle.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
CA_CERTIFICATE = "rds-ca-rsa2048-g1"
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
FORCE_TLS = "rds.force_ssl"
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html (MonitoringInterval)
MONITORING_INTERVALS = (0, 1, 5, 10, 15, 30, 60)
MONITORING_POLICY = "service-role/AmazonRDSEnhancedMonitoringRole"
PERFORMANCE_INSIGHTS_DAYS = 7
"""The free retention of query statistics, in days."""
# RDS never changes the key of statistics that it collects already.
INSIGHTS_KEY = "performanceInsightsKmsKeyId"


class DatabaseServer(Protocol):
    """The database server of a base, on RDS, on Aurora or outside the stack."""

    @property
    def host(self) -> pulumi.Input[str]: ...
    @property
    def port(self) -> pulumi.Input[int]: ...
    @property
    def master_secret_arn(self) -> pulumi.Input[str]: ...
    @property
    def reader_host(self) -> pulumi.Input[str] | None: ...
    @property
    def instance_id(self) -> pulumi.Input[str] | None: ...
    @property
    def cluster_id(self) -> pulumi.Input[str] | None: ...


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """Common options of both kinds of servers."""

    LOG_EXPORTS = frozenset[str]()

    engine_version: str = "17"
    """PostgreSQL version, 15 or newer, such as `17` or `17.4`. For a major version alone AWS chooses the minor
    version."""

    backup_retention_days: int = 1
    """Days to keep automatic backups, up to 35."""

    snapshot_identifier: str | None = None
    """Name or ARN of the snapshot from which the server is created. A later change has no effect."""

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of PostgreSQL that apply immediately, besides required TLS."""

    static_parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of PostgreSQL that apply after the next restart, such as `shared_preload_libraries`."""

    log_exports: Sequence[str] = ()
    """Logs that RDS exports to CloudWatch, such as `postgresql`."""

    log_retention_days: int = 30
    """Days for which CloudWatch keeps the exported logs, one of its retention periods."""

    performance_insights: bool = False
    """Whether RDS collects query statistics and keeps them for 7 days, free of charge."""

    monitoring_interval_seconds: int = 0
    """Seconds between metrics of the operating system in CloudWatch: 1, 5, 10, 15, 30 or 60; 0 sends none."""

    iam_authentication: bool = False
    """Whether roles of PostgreSQL that have `rds_iam` can connect with an IAM token instead of a password."""

    final_snapshot: bool = False
    """Whether deleting the server creates a last snapshot."""

    apply_immediately: bool = True
    """Whether changes apply immediately instead of in the next maintenance window."""

    def __post_init__(self) -> None:
        check_engine_version(self.engine_version)
        check_backup_days(self.backup_retention_days)
        check_parameters(self.parameters, self.static_parameters)
        check_monitoring(self.monitoring_interval_seconds)
        check_log_retention("log_retention_days", self.log_retention_days)
        for export in self.log_exports:
            if export not in self.LOG_EXPORTS:
                raise ValueError(f"log_exports has {export!r}: it must be one of {', '.join(sorted(self.LOG_EXPORTS))}")

    @property
    def major_version(self) -> int:
        """PostgreSQL's major version."""
        return int(self.engine_version.partition(".")[0])


@dataclass(frozen=True, kw_only=True)
class PostgresServerArgs(PostgresSettings):
    """Common arguments of both kinds of servers."""

    identifier: str
    """Name of the server in RDS, at most 63 characters."""

    vpc_id: pulumi.Input[str]
    """VPC of the base."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets in at least two zones, even for a server in one zone."""

    client_security_group_id: pulumi.Input[str]
    """The only security group whose members can connect."""

    log_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of the exported logs; None keeps CloudWatch's own encryption."""

    insights_key_arn: pulumi.Input[str] | None = None
    """ARN of the KMS key of the query statistics; None uses the account's key for RDS. A server that has statistics already
    keeps their key, because RDS refuses another one."""

    deletion_protection: bool = False
    """Whether AWS and Pulumi refuse to delete the server."""

    def __post_init__(self) -> None:
        super().__post_init__()
        naming.check_length("RDS identifier", self.identifier, naming.RDS_IDENTIFIER_LIMIT)


def check_engine_version(version: str) -> None:
    """Raise ValueError for text that is not a version, and for a version that RDS no longer creates."""
    if not re.fullmatch(r"\d{2}(\.\d+)?", version) or int(version[:2]) < OLDEST_VERSION:
        raise ValueError(f"engine_version is {version!r}: it must be {OLDEST_VERSION} or newer, such as '17' or '17.4'")


def check_backup_days(days: int, *, least: int = 0) -> None:
    """Raise ValueError for a number of days that RDS does not allow."""
    if not least <= days <= MAX_BACKUP_DAYS:
        raise ValueError(f"backup_retention_days is {days}: it must be {least} to {MAX_BACKUP_DAYS}")


def check_parameters(parameters: Mapping[str, str], static_parameters: Mapping[str, str]) -> None:
    """Raise ValueError for the reserved parameter, and for a parameter in both mappings."""
    for name, given in (("parameters", parameters), ("static_parameters", static_parameters)):
        if FORCE_TLS in given:
            raise ValueError(f"{name} has {FORCE_TLS!r}: remove it, because the server always requires TLS")
    both = sorted({*parameters} & {*static_parameters})
    if both:
        raise ValueError(f"{', '.join(both)} is in both parameters and static_parameters: keep it in one")


def check_monitoring(interval_seconds: int) -> None:
    """Raise ValueError for an interval that enhanced monitoring does not have."""
    if interval_seconds not in MONITORING_INTERVALS:
        allowed = ", ".join(str(interval) for interval in MONITORING_INTERVALS)
        raise ValueError(f"monitoring_interval_seconds is {interval_seconds}: it must be one of {allowed}")


def parameter_values(args: PostgresServerArgs) -> list[tuple[str, str, str]]:
    """Return (name, value, apply method) of each parameter of the server's group, TLS first."""
    at_once = [(FORCE_TLS, "1"), *sorted(args.parameters.items())]
    later = sorted(args.static_parameters.items())
    return [(*pair, "immediate") for pair in at_once] + [(*pair, "pending-reboot") for pair in later]


def security_group(component: pulumi.ComponentResource, name: str, args: PostgresServerArgs) -> aws.ec2.SecurityGroup:
    """Create the server's security group, which admits the clients' group to PostgreSQL's port."""
    return group_for_clients(
        name,
        vpc_id=args.vpc_id,
        purpose="PostgreSQL, from the tasks only",
        clients=args.client_security_group_id,
        port=POSTGRES_PORT,
        rule="from-app",
        description=FROM_TASKS,
        opts=pulumi.ResourceOptions(parent=component),
    )


def subnet_group(component: pulumi.ComponentResource, name: str, args: PostgresServerArgs) -> aws.rds.SubnetGroup:
    """Create the subnet group of the server."""
    return aws.rds.SubnetGroup(
        f"{name}-subnets",
        subnet_ids=args.subnet_ids,
        description=f"{name}: private subnets",
        opts=pulumi.ResourceOptions(parent=component),
    )


def log_groups(
    component: pulumi.ComponentResource, name: str, folder: str, args: PostgresServerArgs
) -> list[pulumi.Resource]:
    """Create the log groups of the exported logs, `/aws/rds/{folder}/{log}`. They must exist before the server, because groups
    that RDS creates keep lines forever and outlive the stack."""
    return [
        aws.cloudwatch.LogGroup(
            f"{name}-log-{export}",
            name=f"/aws/rds/{folder}/{export}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.log_key_arn,
            opts=pulumi.ResourceOptions(parent=component),
        )
        for export in args.log_exports
    ]


def monitoring_role(
    component: pulumi.ComponentResource, name: str, args: PostgresServerArgs, account_id: pulumi.Input[str]
) -> pulumi.Output[str] | None:
    """Create the role with which RDS sends metrics of the operating system; None when the interval is 0."""
    if args.monitoring_interval_seconds == 0:
        return None
    child = pulumi.ResourceOptions(parent=component)
    trust = trust_policy("monitoring.rds.amazonaws.com", account_id)
    role = aws.iam.Role(f"{name}-monitoring", assume_role_policy=trust, opts=child)
    attachment = aws.iam.RolePolicyAttachment(
        f"{name}-monitoring", role=role.name, policy_arn=managed_policy(MONITORING_POLICY, role.arn), opts=child
    )
    return pulumi.Output.all(role.arn, attachment.id).apply(lambda values: str(values[0]))


def final_snapshot(
    component: pulumi.ComponentResource, name: str, args: PostgresServerArgs
) -> pulumi.Output[str] | None:
    """Return the name of the last snapshot; None without one. Another server with the same identifier gets another
    name."""
    if not args.final_snapshot:
        return None
    suffix = random.RandomId(f"{name}-final-snapshot", byte_length=4, opts=pulumi.ResourceOptions(parent=component))
    return pulumi.Output.concat(f"{args.identifier}-final-", suffix.hex)
