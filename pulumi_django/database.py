"""The PostgreSQL server of a base; each environment has its own database and role on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django import naming

POSTGRES_PORT = 5432
MASTER_USERNAME = "postgres"
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#Concepts.Storage.GeneralSSD
MIN_STORAGE_GIB, MAX_STORAGE_GIB = 20, 65536
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html
MAX_BACKUP_DAYS = 35
# Valid until 2061, in every current trust bundle.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
CA_CERTIFICATE = "rds-ca-rsa2048-g1"


@dataclass(frozen=True, kw_only=True)
class PostgresInstanceArgs:
    identifier: str
    """Name of the instance in RDS, at most 63 characters."""

    vpc_id: pulumi.Input[str]
    """VPC of the base."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets in at least two zones, also for a server in one zone."""

    client_security_group_id: pulumi.Input[str]
    """The only security group that may connect."""

    engine_version: str = "17"
    """PostgreSQL version; a major version alone follows AWS's choice of the minor one."""

    instance_class: str = "db.t4g.micro"
    """RDS instance class."""

    storage_gib: int = 20
    """Storage at first, 20 to 65536."""

    max_storage_gib: int = 50
    """Storage up to which RDS grows by itself; equal to `storage_gib` it does not grow."""

    multi_az: bool = False
    """Whether a standby in another zone takes over when the server fails; doubles the price."""

    backup_retention_days: int = 1
    """Days for which automatic backups are kept, 0 to 35; 0 makes none."""

    deletion_protection: bool = False
    """Whether AWS and Pulumi refuse to delete it."""

    final_snapshot: bool = False
    """Whether a last snapshot is taken when it is deleted."""

    performance_insights: bool = False
    """Whether query statistics are collected, kept for 7 days without charge."""

    apply_immediately: bool = True
    """Whether changes are made at once, and not in the next maintenance window."""

    def __post_init__(self) -> None:
        naming.check_length("RDS identifier", self.identifier, naming.RDS_IDENTIFIER_LIMIT)
        if not re.fullmatch(r"\d{2}(\.\d+)?", self.engine_version) or int(self.engine_version[:2]) < 15:
            raise ValueError(f"engine_version is {self.engine_version!r}: it is 15 or newer, such as '17' or '17.4'")
        if not re.fullmatch(r"db\.[a-z0-9]+\.[a-z0-9]+", self.instance_class):
            raise ValueError(f"instance_class is {self.instance_class!r}: it is written like 'db.t4g.micro'")
        if not MIN_STORAGE_GIB <= self.storage_gib <= MAX_STORAGE_GIB:
            raise ValueError(f"storage_gib is {self.storage_gib}: it is {MIN_STORAGE_GIB} to {MAX_STORAGE_GIB}")
        if not self.storage_gib <= self.max_storage_gib <= MAX_STORAGE_GIB:
            raise ValueError(
                f"max_storage_gib is {self.max_storage_gib}: it is storage_gib ({self.storage_gib}) to {MAX_STORAGE_GIB}"
            )
        if not 0 <= self.backup_retention_days <= MAX_BACKUP_DAYS:
            raise ValueError(f"backup_retention_days is {self.backup_retention_days}: it is 0 to {MAX_BACKUP_DAYS}")

    @property
    def family(self) -> str:
        """Parameter group family of the version."""
        return f"postgres{self.engine_version.partition('.')[0]}"


class PostgresInstance(pulumi.ComponentResource):
    """An encrypted RDS instance that speaks only TLS, and whose master password RDS keeps and rotates itself."""

    host: pulumi.Output[str]
    """Host name; clients that verify certificates connect by it."""

    port: pulumi.Output[int]
    """TCP port."""

    master_secret_arn: pulumi.Output[str]
    """Secret with the JSON keys `username` and `password` of the master role."""

    security_group_id: pulumi.Output[str]
    """Security group of the server."""

    def __init__(self, name: str, args: PostgresInstanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:database:PostgresInstance", name, None, opts)
        group = self._security_group(name, args)
        instance = self._instance(name, args, group)
        self.host = instance.address
        self.port = instance.port
        self.master_secret_arn = instance.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        self.security_group_id = group.id
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "master_secret_arn": self.master_secret_arn,
                "security_group_id": self.security_group_id,
            }
        )

    def _security_group(self, name: str, args: PostgresInstanceArgs) -> aws.ec2.SecurityGroup:
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-sg", vpc_id=args.vpc_id, description=f"{name}: PostgreSQL, from the tasks only", opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-app",
            security_group_id=group.id,
            referenced_security_group_id=args.client_security_group_id,
            ip_protocol="tcp",
            from_port=POSTGRES_PORT,
            to_port=POSTGRES_PORT,
            description="PostgreSQL from the tasks",
            opts=child,
        )
        return group

    def _parameter_group(self, name: str, args: PostgresInstanceArgs) -> aws.rds.ParameterGroup:
        # The name holds the family: another major version needs another group while the old one is still in use.
        return aws.rds.ParameterGroup(
            f"{name}-{args.family}",
            family=args.family,
            description=f"{name}: TLS only",
            parameters=[aws.rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1")],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _instance(self, name: str, args: PostgresInstanceArgs, group: aws.ec2.SecurityGroup) -> aws.rds.Instance:
        child = pulumi.ResourceOptions(parent=self)
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets", subnet_ids=args.subnet_ids, description=f"{name}: private subnets", opts=child
        )
        return aws.rds.Instance(
            name,
            identifier=args.identifier,
            engine="postgres",
            engine_version=args.engine_version,
            instance_class=args.instance_class,
            storage_type="gp3",
            allocated_storage=args.storage_gib,
            max_allocated_storage=args.max_storage_gib if args.max_storage_gib > args.storage_gib else None,
            storage_encrypted=True,
            username=MASTER_USERNAME,
            manage_master_user_password=True,
            port=POSTGRES_PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            multi_az=args.multi_az,
            ca_cert_identifier=CA_CERTIFICATE,
            parameter_group_name=self._parameter_group(name, args).name,
            backup_retention_period=args.backup_retention_days,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            deletion_protection=args.deletion_protection,
            skip_final_snapshot=not args.final_snapshot,
            final_snapshot_identifier=f"{args.identifier}-final" if args.final_snapshot else None,
            performance_insights_enabled=args.performance_insights,
            apply_immediately=args.apply_immediately,
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        )
