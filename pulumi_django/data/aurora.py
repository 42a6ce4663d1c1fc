"""The PostgreSQL server of a base on Aurora Serverless v2. Its capacity follows its load, and it can sleep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.data import postgres
from pulumi_django.data.postgres import MASTER_USERNAME, POSTGRES_PORT, PostgresServerArgs, PostgresSettings
from pulumi_django.policies.trust import account_of
from pulumi_django.rules import naming
from pulumi_django.rules.aws_rules import shown

# An Aurora capacity unit (ACU) is about 2 GiB of memory with the matching CPU.
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
LEAST_MAX_ACU, LARGEST_ACU, ACU_STEP = 1.0, 256.0, 0.5
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
LEAST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 300, 86400
LEAST_PAUSING_MINOR = {15: 7, 16: 3}
"""First minor version that can sleep, by major version. Every version from 17 on can."""


@dataclass(frozen=True, kw_only=True)
class AuroraSettings(PostgresSettings):
    """Options of a cluster that do not depend on its base."""

    LOG_EXPORTS = frozenset({"postgresql", "instance", "iam-db-auth-error"})

    min_acu: float = 0.5
    """Minimum capacity in ACU (about 2 GiB of memory each), 0 to 256 in steps of 0.5; 0 lets the server sleep."""

    max_acu: float = 4
    """Maximum capacity in ACU, 1 to 256 in steps of 0.5."""

    auto_pause_seconds: int | None = None
    """Seconds without a connection after which the server sleeps, 300 to 86400. It wakes in about 15 seconds. None is 300 when
    `min_acu` is 0; otherwise the server never sleeps."""

    data_api: bool = False
    """Whether the RDS Data API, over HTTPS and with IAM, runs SQL."""

    def __post_init__(self) -> None:
        super().__post_init__()
        postgres.check_backup_days(self.backup_retention_days, least=1)
        check_capacity(self.min_acu, self.max_acu, self.auto_pause_seconds)
        check_pausing_version(self.engine_version, self.min_acu)

    @property
    def family(self) -> str:
        """Parameter group family of the version."""
        return f"aurora-postgresql{self.major_version}"

    @property
    def pause_seconds(self) -> int | None:
        """Seconds without a connection after which it sleeps; None when it never sleeps."""
        return (self.auto_pause_seconds or LEAST_PAUSE_SECONDS) if self.min_acu == 0 else None


@dataclass(frozen=True, kw_only=True)
class AuroraServerlessArgs(AuroraSettings, PostgresServerArgs):
    zones: Sequence[str]
    """Names of the zones, one server in each. The first starts as the writer. The others are readers and take over when it
    fails."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.zones or len(set(self.zones)) < len(self.zones):
            raise ValueError(f"zones is {list(self.zones)}: name at least one zone, and each zone once")
        for zone in self.zones:
            naming.check_length("RDS identifier", f"{self.identifier}-{zone}", naming.RDS_IDENTIFIER_LIMIT)


def check_capacity(min_acu: float, max_acu: float, auto_pause_seconds: int | None) -> None:
    """Raise ValueError for capacities that Aurora does not have, and for a sleep that they do not allow."""
    for name, value, least in (("min_acu", min_acu, 0.0), ("max_acu", max_acu, LEAST_MAX_ACU)):
        if not least <= value <= LARGEST_ACU or value % ACU_STEP:
            raise ValueError(
                f"{name} is {shown(value)}: it must be {least:g} to {LARGEST_ACU:g} in steps of {ACU_STEP:g}"
            )
    if min_acu > max_acu:
        raise ValueError(
            f"min_acu is {shown(min_acu)} and max_acu is {shown(max_acu)}: min_acu must not exceed max_acu"
        )
    if auto_pause_seconds is None:
        return
    if min_acu > 0:
        raise ValueError(
            f"auto_pause_seconds is {auto_pause_seconds} and min_acu is {shown(min_acu)}: a server sleeps only when min_acu is 0"
        )
    if not LEAST_PAUSE_SECONDS <= auto_pause_seconds <= LONGEST_PAUSE_SECONDS:
        raise ValueError(
            f"auto_pause_seconds is {auto_pause_seconds}: it must be {LEAST_PAUSE_SECONDS} to {LONGEST_PAUSE_SECONDS}"
        )


def check_pausing_version(engine_version: str, min_acu: float) -> None:
    """Raise ValueError for a version that cannot sleep although `min_acu` is 0."""
    major, _, minor = engine_version.partition(".")
    least = LEAST_PAUSING_MINOR.get(int(major))
    if min_acu == 0 and minor and least is not None and int(minor) < least:
        raise ValueError(
            f"engine_version is {engine_version!r} and min_acu is 0: {major}.{least} is the first version that can sleep"
        )


class AuroraServerless(pulumi.ComponentResource):
    """An encrypted Aurora cluster that requires TLS. RDS stores and rotates its master password."""

    host: pulumi.Output[str]
    """Host name of the writer. Clients that verify certificates must connect to it."""

    port: pulumi.Output[int]
    """TCP port."""

    master_secret_arn: pulumi.Output[str]
    """Secret with the JSON keys `username` and `password` of the master role."""

    security_group_id: pulumi.Output[str]
    """Security group of the servers."""

    reader_host: pulumi.Output[str] | None
    """Host name of the readers; None with a single server."""

    cluster_arn: pulumi.Output[str]
    """ARN of the cluster, for the Data API."""

    instance_id: None
    """Always None, because the metrics belong to the cluster."""

    cluster_id: pulumi.Output[str]
    """Dimension `DBClusterIdentifier` of its metrics."""

    def __init__(self, name: str, args: AuroraServerlessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:aurora:AuroraServerless", name, None, opts)
        group = postgres.security_group(self, name, args)
        cluster = self._cluster(name, args, group)
        role = postgres.monitoring_role(self, name, args, account_of(group.arn))
        for zone in args.zones:
            self._instance(name, args, zone, cluster, role)
        self.host, self.port = cluster.endpoint, cluster.port
        self.master_secret_arn = cluster.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        self.security_group_id = group.id
        self.reader_host = cluster.reader_endpoint if len(args.zones) > 1 else None
        self.cluster_arn = cluster.arn
        self.instance_id, self.cluster_id = None, cluster.cluster_identifier
        self.register_outputs(
            {
                "host": self.host,
                "port": self.port,
                "master_secret_arn": self.master_secret_arn,
                "security_group_id": self.security_group_id,
                "cluster_arn": self.cluster_arn,
            }
        )

    def _parameter_group(self, name: str, args: AuroraServerlessArgs) -> aws.rds.ClusterParameterGroup:
        # The name contains the family, because another major version needs another group while the old one is in use.
        family = re.sub(r"^aurora-postgresql", "postgres", args.family)
        return aws.rds.ClusterParameterGroup(
            f"{name}-{family}",
            family=args.family,
            description=f"{name}: TLS only",
            parameters=[
                aws.rds.ClusterParameterGroupParameterArgs(name=parameter, value=value, apply_method=applied)
                for parameter, value, applied in postgres.parameter_values(args)
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _cluster(self, name: str, args: AuroraServerlessArgs, group: aws.ec2.SecurityGroup) -> aws.rds.Cluster:
        return aws.rds.Cluster(
            name,
            cluster_identifier=args.identifier,
            engine="aurora-postgresql",
            engine_mode="provisioned",
            engine_version=args.engine_version,
            serverlessv2_scaling_configuration=aws.rds.ClusterServerlessv2ScalingConfigurationArgs(
                min_capacity=args.min_acu, max_capacity=args.max_acu, seconds_until_auto_pause=args.pause_seconds
            ),
            storage_encrypted=True,
            # A snapshot contains the name of its master role.
            master_username=MASTER_USERNAME if args.snapshot_identifier is None else None,
            manage_master_user_password=True,
            snapshot_identifier=args.snapshot_identifier,
            port=POSTGRES_PORT,
            db_subnet_group_name=postgres.subnet_group(self, name, args).name,
            db_cluster_parameter_group_name=self._parameter_group(name, args).name,
            vpc_security_group_ids=[group.id],
            iam_database_authentication_enabled=args.iam_authentication,
            enable_http_endpoint=args.data_api,
            enabled_cloudwatch_logs_exports=list(args.log_exports) or None,
            backup_retention_period=args.backup_retention_days,
            copy_tags_to_snapshot=True,
            deletion_protection=args.deletion_protection,
            skip_final_snapshot=not args.final_snapshot,
            final_snapshot_identifier=postgres.final_snapshot(self, name, args),
            apply_immediately=args.apply_immediately,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.deletion_protection,
                depends_on=postgres.log_groups(self, name, f"cluster/{args.identifier}", args),
                # Another snapshot, or none, must not replace a cluster that was created from the first.
                ignore_changes=["snapshotIdentifier", "masterUsername"],
            ),
        )

    def _instance(
        self,
        name: str,
        args: AuroraServerlessArgs,
        zone: str,
        cluster: aws.rds.Cluster,
        monitoring_role_arn: pulumi.Output[str] | None,
    ) -> aws.rds.ClusterInstance:
        return aws.rds.ClusterInstance(
            f"{name}-{zone}",
            identifier=f"{args.identifier}-{zone}",
            cluster_identifier=cluster.id,
            engine=aws.rds.EngineType.AURORA_POSTGRESQL,
            # The version of the cluster counts. A minor upgrade changes both.
            engine_version=cluster.engine_version,
            instance_class="db.serverless",
            availability_zone=zone,
            # A reader in tier 0 or 1 has the capacity of the writer, so it can take over at once.
            promotion_tier=min(1, list(args.zones).index(zone)),
            ca_cert_identifier=postgres.CA_CERTIFICATE,
            publicly_accessible=False,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
            performance_insights_enabled=args.performance_insights,
            performance_insights_retention_period=(
                postgres.PERFORMANCE_INSIGHTS_DAYS if args.performance_insights else None
            ),
            performance_insights_kms_key_id=args.insights_key_arn if args.performance_insights else None,
            monitoring_interval=args.monitoring_interval_seconds,
            monitoring_role_arn=monitoring_role_arn,
            apply_immediately=args.apply_immediately,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=[postgres.INSIGHTS_KEY]),
        )
