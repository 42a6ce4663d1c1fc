"""What every PostgreSQL server of a base has in common, on RDS and on Aurora: arguments, network, logs, TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.policies.trust import managed_policy, trust_policy
from pulumi_django.rules import naming
from pulumi_django.rules.sizing import check_log_retention

POSTGRES_PORT = 5432
# Not the name that everybody tries first.
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
"""The retention that costs nothing."""
# RDS never changes the key of statistics that it has begun to collect.
INSIGHTS_KEY = "performanceInsightsKmsKeyId"


class DatabaseServer(Protocol):
    """What a base offers of its database server, whoever runs it."""

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
    """What its owner chooses of a server, of both kinds."""

    LOG_EXPORTS = frozenset[str]()

    engine_version: str = "17"
    """PostgreSQL version; a major version alone follows AWS's choice of the minor one."""

    backup_retention_days: int = 1
    """Days for which automatic backups are kept, up to 35."""

    snapshot_identifier: str | None = None
    """Name or ARN of a snapshot that the server is made from; a change afterwards does nothing."""

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of PostgreSQL that are applied at once, beside forced TLS."""

    static_parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of PostgreSQL that wait for the next restart, such as `shared_preload_libraries`."""

    log_exports: Sequence[str] = ()
    """Logs that go to CloudWatch, such as `postgresql`."""

    log_retention_days: int = 30
    """Days for which they are kept there."""

    performance_insights: bool = False
    """Whether query statistics are collected, kept for 7 days without charge."""

    monitoring_interval_seconds: int = 0
    """How often figures of the operating system go to CloudWatch: 0 (never), 1, 5, 10, 15, 30 or 60."""

    iam_authentication: bool = False
    """Whether roles of PostgreSQL with `rds_iam` may connect with an IAM token instead of a password."""

    final_snapshot: bool = False
    """Whether a last snapshot is taken when it is deleted."""

    apply_immediately: bool = True
    """Whether changes are made at once, and not in the next maintenance window."""

    def __post_init__(self) -> None:
        check_engine_version(self.engine_version)
        check_backup_days(self.backup_retention_days)
        check_parameters(self.parameters, self.static_parameters)
        check_monitoring(self.monitoring_interval_seconds)
        check_log_retention("log_retention_days", self.log_retention_days)
        for export in self.log_exports:
            if export not in self.LOG_EXPORTS:
                raise ValueError(f"log_exports has {export!r}: it is of {', '.join(sorted(self.LOG_EXPORTS))}")

    @property
    def major_version(self) -> int:
        """PostgreSQL's major version."""
        return int(self.engine_version.partition(".")[0])


@dataclass(frozen=True, kw_only=True)
class PostgresServerArgs(PostgresSettings):
    """The same with the place that a base gives it."""

    identifier: str
    """Name of the server in RDS, at most 63 characters."""

    vpc_id: pulumi.Input[str]
    """VPC of the base."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets in at least two zones, also for a server in one zone."""

    client_security_group_id: pulumi.Input[str]
    """The only security group that may connect."""

    log_key_arn: pulumi.Input[str] | None = None
    """KMS key of the exported logs; None leaves them to CloudWatch's own encryption."""

    insights_key_arn: pulumi.Input[str] | None = None
    """KMS key of the query statistics; None leaves them to the account's key for RDS. A server that has statistics already
    keeps their key, since RDS refuses another one."""

    deletion_protection: bool = False
    """Whether AWS and Pulumi refuse to delete it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        naming.check_length("RDS identifier", self.identifier, naming.RDS_IDENTIFIER_LIMIT)


def check_engine_version(version: str) -> None:
    """ValueError for a version that is none, or too old to be made anew."""
    if not re.fullmatch(r"\d{2}(\.\d+)?", version) or int(version[:2]) < OLDEST_VERSION:
        raise ValueError(f"engine_version is {version!r}: it is {OLDEST_VERSION} or newer, such as '17' or '17.4'")


def check_backup_days(days: int, *, least: int = 0) -> None:
    """ValueError for a number of days that RDS does not keep backups for."""
    if not least <= days <= MAX_BACKUP_DAYS:
        raise ValueError(f"backup_retention_days is {days}: it is {least} to {MAX_BACKUP_DAYS}")


def check_parameters(parameters: Mapping[str, str], static_parameters: Mapping[str, str]) -> None:
    """ValueError for a parameter that is ours, or given twice."""
    for name, given in (("parameters", parameters), ("static_parameters", static_parameters)):
        if FORCE_TLS in given:
            raise ValueError(f"{name} has {FORCE_TLS!r}: connections without TLS are always refused")
    both = sorted({*parameters} & {*static_parameters})
    if both:
        raise ValueError(f"{', '.join(both)} stands in both parameters and static_parameters: a parameter is in one")


def check_monitoring(interval_seconds: int) -> None:
    """ValueError for an interval that enhanced monitoring does not know."""
    if interval_seconds not in MONITORING_INTERVALS:
        allowed = ", ".join(str(interval) for interval in MONITORING_INTERVALS)
        raise ValueError(f"monitoring_interval_seconds is {interval_seconds}: it is one of {allowed}")


def parameter_values(args: PostgresServerArgs) -> list[tuple[str, str, str]]:
    """(name, value, when it is applied) of the server's parameter group, TLS first."""
    at_once = [(FORCE_TLS, "1"), *sorted(args.parameters.items())]
    later = sorted(args.static_parameters.items())
    return [(*pair, "immediate") for pair in at_once] + [(*pair, "pending-reboot") for pair in later]


def security_group(component: pulumi.ComponentResource, name: str, args: PostgresServerArgs) -> aws.ec2.SecurityGroup:
    """The server's group: it admits the clients' group to PostgreSQL's port, and calls nobody."""
    child = pulumi.ResourceOptions(parent=component)
    group = aws.ec2.SecurityGroup(
        f"{name}-sg", vpc_id=args.vpc_id, description=f"{name}: PostgreSQL, from the tasks only", opts=child
    )
    admit(f"{name}-from-app", group.id, args.client_security_group_id, POSTGRES_PORT, child)
    return group


def admit(
    name: str,
    security_group_id: pulumi.Input[str],
    client_security_group_id: pulumi.Input[str],
    port: int,
    opts: pulumi.ResourceOptions,
) -> aws.vpc.SecurityGroupIngressRule:
    """The rule by which clients reach PostgreSQL."""
    return aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=security_group_id,
        referenced_security_group_id=client_security_group_id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description="PostgreSQL from the tasks",
        opts=opts,
    )


def subnet_group(component: pulumi.ComponentResource, name: str, args: PostgresServerArgs) -> aws.rds.SubnetGroup:
    """The private subnets, for RDS."""
    return aws.rds.SubnetGroup(
        f"{name}-subnets",
        subnet_ids=args.subnet_ids,
        description=f"{name}: private subnets",
        opts=pulumi.ResourceOptions(parent=component),
    )


def log_groups(
    component: pulumi.ComponentResource, name: str, folder: str, args: PostgresServerArgs
) -> list[pulumi.Resource]:
    """The groups of the exported logs, `/aws/rds/{folder}/{log}`: made first, for RDS's own would keep lines forever and
    outlive the stack."""
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
    """The role with which RDS writes figures of the operating system, when it shall."""
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
    """Name of the last snapshot, when there shall be one. The next server of that identifier gets another."""
    if not args.final_snapshot:
        return None
    suffix = random.RandomId(f"{name}-final-snapshot", byte_length=4, opts=pulumi.ResourceOptions(parent=component))
    return pulumi.Output.concat(f"{args.identifier}-final-", suffix.hex)
