"""The PostgreSQL server of a base on RDS. Each environment has its own database and role on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django.data import postgres
from pulumi_django.data.postgres import MASTER_USERNAME, POSTGRES_PORT, PostgresServerArgs, PostgresSettings
from pulumi_django.policies.trust import account_of
from pulumi_django.rules import naming

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#Concepts.Storage.GeneralSSD
MIN_STORAGE_GIB, MAX_STORAGE_GIB = 20, 65536
PASSWORD_LENGTH = 32
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-\d[a-z]")


@dataclass(frozen=True, kw_only=True)
class InstanceSettings(PostgresSettings):
    """Options of an instance that do not depend on its base."""

    LOG_EXPORTS = frozenset({"postgresql", "upgrade", "iam-db-auth-error"})

    instance_class: str = "db.t4g.micro"
    """RDS instance class, written like `db.t4g.micro`."""

    storage_gib: int = 20
    """Initial storage in GiB, 20 to 65536."""

    max_storage_gib: int = 50
    """Storage in GiB up to which RDS grows it by itself, `storage_gib` to 65536; equal to `storage_gib` it never
    grows."""

    multi_az: bool = False
    """Whether a standby in another zone takes over when the server fails. It doubles the price."""

    replica_zones: Sequence[str] = ()
    """Zones with a read replica each. Replicas need backups. RDS creates no replica of a server whose password it manages, so
    with replicas this component generates the password."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_instance_class(self.instance_class)
        check_storage(self.storage_gib, self.max_storage_gib)
        check_replicas(self.replica_zones, self.backup_retention_days)

    @property
    def family(self) -> str:
        """Parameter group family of the version."""
        return f"postgres{self.major_version}"


@dataclass(frozen=True, kw_only=True)
class PostgresInstanceArgs(InstanceSettings, PostgresServerArgs):
    def __post_init__(self) -> None:
        super().__post_init__()
        for zone in self.replica_zones:
            naming.check_length("RDS identifier", self.replica_identifier(zone), naming.RDS_IDENTIFIER_LIMIT)

    def replica_identifier(self, zone: str) -> str:
        """Return the name in RDS of the read replica in a zone."""
        return f"{self.identifier}-replica-{zone}"


def check_instance_class(instance_class: str) -> None:
    """Raise ValueError for text that is no RDS instance class."""
    if not re.fullmatch(r"db\.[a-z0-9]+\.[a-z0-9]+", instance_class):
        raise ValueError(f"instance_class is {instance_class!r}: it must be written like 'db.t4g.micro'")


def check_storage(storage_gib: int, max_storage_gib: int) -> None:
    """Raise ValueError for sizes that gp3 does not have."""
    if not MIN_STORAGE_GIB <= storage_gib <= MAX_STORAGE_GIB:
        raise ValueError(f"storage_gib is {storage_gib}: it must be {MIN_STORAGE_GIB} to {MAX_STORAGE_GIB}")
    if not storage_gib <= max_storage_gib <= MAX_STORAGE_GIB:
        raise ValueError(
            f"max_storage_gib is {max_storage_gib}: it must be storage_gib ({storage_gib}) to {MAX_STORAGE_GIB}"
        )


def check_replicas(zones: Sequence[str], backup_retention_days: int) -> None:
    """Raise ValueError for zones that do not exist or repeat, and for replicas without backups."""
    for zone in zones:
        if not _ZONE.fullmatch(zone):
            raise ValueError(f"replica_zones has {zone!r}: a zone is named like us-east-1a")
    if len(set(zones)) < len(zones):
        raise ValueError(f"replica_zones is {list(zones)}: a zone has one replica")
    if zones and backup_retention_days == 0:
        raise ValueError(f"backup_retention_days is 0 and replica_zones is {list(zones)}: replicas need backups")


class PostgresInstance(pulumi.ComponentResource):
    """An encrypted RDS instance that requires TLS. RDS stores and rotates its master password.

    With read replicas, this component generates the password and stores it in a secret of the same form.
    """

    host: pulumi.Output[str]
    """Host name. Clients that verify certificates must connect to it."""

    port: pulumi.Output[int]
    """TCP port."""

    master_secret_arn: pulumi.Output[str]
    """Secret with the JSON keys `username` and `password` of the master role."""

    security_group_id: pulumi.Output[str]
    """Security group of the server."""

    reader_host: pulumi.Output[str] | None
    """Host name of the first read replica; None without one."""

    replica_hosts: dict[str, pulumi.Output[str]]
    """Host names of the read replicas by zone."""

    instance_id: pulumi.Output[str]
    """Dimension `DBInstanceIdentifier` of its metrics."""

    cluster_id: None
    """Always None, because this server is not a cluster."""

    def __init__(self, name: str, args: PostgresInstanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:database:PostgresInstance", name, None, opts)
        group = postgres.security_group(self, name, args)
        common = self._common(name, args, group)
        credentials = self._credentials(name, args)
        instance = self._instance(name, args, common, credentials)
        replicas = {zone: self._replica(name, args, zone, instance, common) for zone in args.replica_zones}
        self.host, self.port = instance.address, instance.port
        self.security_group_id = group.id
        self.replica_hosts = {zone: replica.address for zone, replica in replicas.items()}
        self.reader_host = next(iter(self.replica_hosts.values()), None)
        self.instance_id, self.cluster_id = instance.identifier, None
        self.master_secret_arn = (
            self._secret(name, credentials["password"])
            if "password" in credentials
            else instance.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        )
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "master_secret_arn": self.master_secret_arn,
                "security_group_id": self.security_group_id,
            }
        )

    def _common(self, name: str, args: PostgresInstanceArgs, group: aws.ec2.SecurityGroup) -> dict[str, Any]:
        """Return the arguments that the server and its replicas share."""
        return {
            "instance_class": args.instance_class,
            "storage_type": "gp3",
            "max_allocated_storage": args.max_storage_gib if args.max_storage_gib > args.storage_gib else None,
            "storage_encrypted": True,
            "port": POSTGRES_PORT,
            "vpc_security_group_ids": [group.id],
            "publicly_accessible": False,
            "ca_cert_identifier": postgres.CA_CERTIFICATE,
            "parameter_group_name": self._parameter_group(name, args).name,
            "copy_tags_to_snapshot": True,
            "auto_minor_version_upgrade": True,
            "deletion_protection": args.deletion_protection,
            "enabled_cloudwatch_logs_exports": list(args.log_exports) or None,
            "iam_database_authentication_enabled": args.iam_authentication,
            "performance_insights_enabled": args.performance_insights,
            "performance_insights_retention_period": (
                postgres.PERFORMANCE_INSIGHTS_DAYS if args.performance_insights else None
            ),
            "performance_insights_kms_key_id": args.insights_key_arn if args.performance_insights else None,
            "monitoring_interval": args.monitoring_interval_seconds,
            "monitoring_role_arn": postgres.monitoring_role(self, name, args, account_of(group.arn)),
            "apply_immediately": args.apply_immediately,
        }

    def _credentials(self, name: str, args: PostgresInstanceArgs) -> dict[str, Any]:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html#rds-secrets-manager-limitations
        if not args.replica_zones:
            return {"manage_master_user_password": True}
        # Letters and digits only, as in the passwords of the environments, because they need no quoting.
        password = random.RandomPassword(
            f"{name}-master-password",
            length=PASSWORD_LENGTH,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return {"password": password.result}

    def _secret(self, name: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        secret = aws.secretsmanager.Secret(f"{name}-master", recovery_window_in_days=0, opts=child)
        version = aws.secretsmanager.SecretVersion(
            f"{name}-master-value",
            secret_id=secret.arn,
            secret_string=pulumi.Output.json_dumps({"username": MASTER_USERNAME, "password": password}),
            opts=child,
        )
        return pulumi.Output.all(secret.arn, version.version_id).apply(lambda values: str(values[0]))

    def _parameter_group(self, name: str, args: PostgresInstanceArgs) -> aws.rds.ParameterGroup:
        # The name contains the family, because another major version needs another group while the old one is in use.
        return aws.rds.ParameterGroup(
            f"{name}-{args.family}",
            family=args.family,
            description=f"{name}: TLS only",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=parameter, value=value, apply_method=applied)
                for parameter, value, applied in postgres.parameter_values(args)
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _instance(
        self, name: str, args: PostgresInstanceArgs, common: dict[str, Any], credentials: dict[str, Any]
    ) -> aws.rds.Instance:
        return aws.rds.Instance(
            name,
            identifier=args.identifier,
            engine="postgres",
            engine_version=args.engine_version,
            allocated_storage=args.storage_gib,
            # A snapshot contains the name of its master role.
            username=MASTER_USERNAME if args.snapshot_identifier is None else None,
            snapshot_identifier=args.snapshot_identifier,
            db_subnet_group_name=postgres.subnet_group(self, name, args).name,
            multi_az=args.multi_az,
            backup_retention_period=args.backup_retention_days,
            skip_final_snapshot=not args.final_snapshot,
            final_snapshot_identifier=postgres.final_snapshot(self, name, args),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.deletion_protection,
                depends_on=postgres.log_groups(self, name, f"instance/{args.identifier}", args),
                # Another snapshot, or none, must not replace a server that was created from the first.
                ignore_changes=["snapshotIdentifier", "username", postgres.INSIGHTS_KEY],
            ),
            **credentials,
            **common,
        )

    def _replica(
        self,
        name: str,
        args: PostgresInstanceArgs,
        zone: str,
        primary: aws.rds.Instance,
        common: dict[str, Any],
    ) -> aws.rds.Instance:
        replica, identifier = f"{name}-replica-{zone}", args.replica_identifier(zone)
        return aws.rds.Instance(
            replica,
            identifier=identifier,
            replicate_source_db=primary.identifier,
            availability_zone=zone,
            skip_final_snapshot=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=postgres.log_groups(self, replica, f"instance/{identifier}", args),
                ignore_changes=[postgres.INSIGHTS_KEY],
            ),
            **common,
        )
