"""The parts of a base of either kind, and the contract that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
import pulumi_aws as aws

from pulumi_django import contract
from pulumi_django.base.arguments import BaseArgs
from pulumi_django.base.options import ExistingDatabaseOptions
from pulumi_django.base.shared_roles import SharedRoles
from pulumi_django.contract import BaseContract
from pulumi_django.data import postgres
from pulumi_django.data.admission import admit
from pulumi_django.data.aurora import AuroraServerless, AuroraServerlessArgs, AuroraSettings
from pulumi_django.data.cache import CacheSettings, ReplicationGroup, ReplicationGroupArgs
from pulumi_django.data.instance import InstanceSettings, PostgresInstance, PostgresInstanceArgs
from pulumi_django.data.postgres import DatabaseServer, PostgresServerArgs
from pulumi_django.data.published_parameters import PublishedParameters, PublishedParametersArgs, published
from pulumi_django.delivery.assets import AssetsBucket
from pulumi_django.delivery.firewall import Firewall, FirewallArgs
from pulumi_django.ec2.bastion import Bastion, BastionArgs
from pulumi_django.network.dns import Certificate, CertificateArgs, ServiceDiscovery
from pulumi_django.network.endpoints import InterfaceEndpoints, InterfaceEndpointsArgs
from pulumi_django.network.flow_logs import FlowLogs, FlowLogsArgs
from pulumi_django.network.load_balancer import LoadBalancer, LoadBalancerArgs
from pulumi_django.network.security import SecurityGroups, SecurityGroupsArgs
from pulumi_django.network.vpc import Network, NetworkArgs, NetworkSettings
from pulumi_django.observability.topic import AlarmTopic
from pulumi_django.rules import naming
from pulumi_django.rules.fields import passed
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.office_hours import OfficeHours


class Vpc(Protocol):
    """The network of a base: its own, or an existing one."""

    @property
    def vpc_id(self) -> pulumi.Input[str]: ...
    @property
    def public_subnet_ids(self) -> pulumi.Input[Sequence[str]]: ...
    @property
    def private_subnet_ids(self) -> pulumi.Input[Sequence[str]]: ...


@dataclass(frozen=True)
class Guards:
    """Protection of a base; an ad-hoc base has at most a key."""

    key_arn: pulumi.Input[str] | None = None
    """KMS key of log groups, snapshots and statistics."""

    access_log_bucket: pulumi.Input[str] | None = None
    """Bucket for access logs."""

    deletion_protection: bool = False
    """Whether AWS refuses to delete the load balancer and the resources with data."""

    @property
    def key_arns(self) -> list[pulumi.Input[str]]:
        """The key, for roles that read what it encrypts; empty without one."""
        return [] if self.key_arn is None else [self.key_arn]


@dataclass(frozen=True)
class Web:
    """The way of requests to the environments."""

    groups: SecurityGroups
    balancer: LoadBalancer
    hosted_zone_id: pulumi.Input[str] | None


def network(name: str, args: BaseArgs, guards: Guards, *, opts: pulumi.ResourceOptions) -> Vpc:
    """Create the VPC with its flow logs. An existing VPC stays unchanged."""
    if args.existing_vpc is not None:
        return args.existing_vpc
    options = args.network
    vpc = Network(
        f"{name}-network", NetworkArgs(region=args.region, zones=args.zones, **passed(NetworkSettings, options)), opts
    )
    if options.flow_logs:
        logs = FlowLogsArgs(
            vpc_id=vpc.vpc_id, retention_days=options.flow_log_retention_days, kms_key_arn=guards.key_arn
        )
        FlowLogs(f"{name}-flow-logs", logs, opts)
    return vpc


def web(name: str, args: BaseArgs, vpc: Vpc, guards: Guards, *, opts: pulumi.ResourceOptions) -> Web:
    """Create security groups, certificate, load balancer and its firewall."""
    zone = _hosted_zone(args, opts)
    groups = SecurityGroups(
        f"{name}-sg", SecurityGroupsArgs(vpc_id=vpc.vpc_id, https=args.domain_name is not None), opts
    )
    balancer = LoadBalancer(
        naming.load_balancer_name(name),
        LoadBalancerArgs(
            public_subnet_ids=vpc.public_subnet_ids,
            security_group_id=groups.alb_sg_id,
            certificate_arn=_certificate(name, args, zone, opts),
            extra_certificate_arns=args.extra_certificate_arns,
            idle_timeout_seconds=args.idle_timeout_seconds,
            access_log_bucket=guards.access_log_bucket,
            deletion_protection=guards.deletion_protection,
        ),
        opts,
    )
    if args.firewall is not None:
        Firewall(f"{name}-firewall", FirewallArgs(resource_arn=balancer.arn, options=args.firewall), opts)
    return Web(groups, balancer, zone)


def _hosted_zone(args: BaseArgs, opts: pulumi.ResourceOptions) -> pulumi.Input[str] | None:
    if args.domain_name is None or not args.dns:
        return None
    if args.hosted_zone_id is not None:
        return args.hosted_zone_id
    return aws.route53.get_zone_output(
        name=args.domain_name, private_zone=False, opts=pulumi.InvokeOutputOptions(parent=opts.parent)
    ).zone_id


def _certificate(
    name: str, args: BaseArgs, zone: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> pulumi.Input[str] | None:
    if args.certificate_arn is not None or args.domain_name is None or zone is None:
        return args.certificate_arn
    certificate = CertificateArgs(domain_name=args.domain_name, hosted_zone_id=zone)
    return Certificate(f"{name}-certificate", certificate, opts).arn


def endpoints(
    name: str, args: BaseArgs, vpc: Vpc, groups: SecurityGroups, *, opts: pulumi.ResourceOptions
) -> InterfaceEndpoints | None:
    """Create the endpoints of AWS services inside the VPC. An existing VPC keeps its own."""
    if args.existing_vpc is not None or not args.network.endpoints:
        return None
    return InterfaceEndpoints(
        f"{name}-endpoints",
        InterfaceEndpointsArgs(
            region=args.region,
            vpc_id=vpc.vpc_id,
            subnet_ids=vpc.private_subnet_ids,
            client_security_group_id=groups.app_sg_id,
            services=args.network.endpoints,
        ),
        opts,
    )


def database(
    name: str,
    args: BaseArgs,
    vpc: Vpc,
    groups: SecurityGroups,
    guards: Guards,
    *,
    aurora_servers: int = 1,
    opts: pulumi.ResourceOptions,
) -> DatabaseServer:
    """Create the PostgreSQL server: on RDS, or on Aurora with `aurora_servers` servers unless zones are named. An existing
    server only admits the tasks."""
    if args.existing_database is not None:
        return _existing(name, args.existing_database, groups, opts)
    place = PostgresServerArgs(
        identifier=naming.rds_identifier(name),
        vpc_id=vpc.vpc_id,
        subnet_ids=vpc.private_subnet_ids,
        client_security_group_id=groups.app_sg_id,
        log_key_arn=guards.key_arn,
        insights_key_arn=guards.key_arn,
        deletion_protection=guards.deletion_protection,
    )
    where = passed(PostgresServerArgs, place)
    # Both classes have the settings of every server: the chosen ones count.
    if args.aurora is None:
        instance = PostgresInstanceArgs(**{**where, **passed(InstanceSettings, args.database)})
        return PostgresInstance(f"{name}-database", instance, opts)
    zones = args.aurora.zones or args.zones[:aurora_servers]
    cluster = AuroraServerlessArgs(zones=zones, **{**where, **passed(AuroraSettings, args.aurora)})
    return AuroraServerless(f"{name}-database", cluster, opts)


def _existing(
    name: str, server: ExistingDatabaseOptions, groups: SecurityGroups, opts: pulumi.ResourceOptions
) -> ExistingDatabaseOptions:
    if server.security_group_id is not None:
        admit(
            f"{name}-database-from-app",
            server.security_group_id,
            groups.app_sg_id,
            server.port,
            postgres.FROM_TASKS,
            opts,
        )
    return server


def cache(
    name: str, args: BaseArgs, vpc: Vpc, groups: SecurityGroups, guards: Guards, *, opts: pulumi.ResourceOptions
) -> ReplicationGroup | None:
    """Create the Valkey or Redis that environments share, if the arguments have one."""
    if args.cache is None:
        return None
    group = ReplicationGroupArgs(
        group_id=naming.replication_group_id(name),
        vpc_id=vpc.vpc_id,
        subnet_ids=vpc.private_subnet_ids,
        client_security_group_id=groups.app_sg_id,
        kms_key_arn=guards.key_arn,
        **passed(CacheSettings, args.cache),
    )
    return ReplicationGroup(f"{name}-cache", group, opts)


def bastion(
    name: str,
    args: BaseArgs,
    vpc: Vpc,
    groups: SecurityGroups,
    server: DatabaseServer,
    *,
    opts: pulumi.ResourceOptions,
) -> Bastion | None:
    """Create the host for port forwarding, if the arguments have one."""
    if not args.bastion:
        return None
    return Bastion(
        f"{name}-bastion",
        BastionArgs(
            subnet_id=pulumi.Output.from_input(vpc.private_subnet_ids).apply(lambda ids: ids[0]),
            security_group_id=groups.app_sg_id,
            database_host=server.host,
            database_port=server.port,
        ),
        opts,
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a base that its contract names."""

    vpc: Vpc
    web: Web
    database: DatabaseServer
    cache: ReplicationGroup | None
    bastion: Bastion | None
    bucket: AssetsBucket | None
    roles: SharedRoles | None
    discovery: ServiceDiscovery | None = None
    topic: AlarmTopic | None = None
    key_arn: pulumi.Input[str] | None = None
    hours: OfficeHours | None = None


def offered(name: str, kind: Kind, args: BaseArgs, parts: Parts) -> BaseContract:
    """Return the contract of a base: the values that applications read."""
    vpc, balancer, server = parts.vpc, parts.web.balancer, parts.database
    cache, roles, discovery = parts.cache, parts.roles, parts.discovery
    return BaseContract(
        kind=kind,
        base_stack_name=name,
        region=args.region,
        vpc_id=vpc.vpc_id,
        public_subnet_ids=vpc.public_subnet_ids,
        private_subnet_ids=vpc.private_subnet_ids,
        private_subnet_count=len(args.existing_vpc.private_subnet_ids if args.existing_vpc else args.zones),
        isolated=args.isolated,
        office_hours=None if parts.hours is None else parts.hours.text,
        alb_sg_id=parts.web.groups.alb_sg_id,
        app_sg_id=parts.web.groups.app_sg_id,
        listener_arn=balancer.listener_arn,
        alb_arn_suffix=balancer.arn_suffix,
        alb_dns_name=balancer.dns_name,
        alb_zone_id=balancer.zone_id,
        domain_name=args.domain_name,
        hosted_zone_id=parts.web.hosted_zone_id,
        own_certificate=args.own_certificate,
        database_host=server.host,
        database_port=server.port,
        database_master_secret_arn=server.master_secret_arn,
        database_reader_host=server.reader_host,
        database_instance_id=server.instance_id,
        database_cluster_id=server.cluster_id,
        redis_host=cache.host if cache else None,
        redis_port=cache.port if cache else None,
        redis_tls=True if cache else None,
        redis_cluster_mode=args.cache.cluster_mode if args.cache else None,
        redis_auth_secret_arn=cache.auth_secret_arn if cache else None,
        redis_replication_group_id=cache.group_id if cache else None,
        service_discovery_namespace_id=discovery.namespace_id if discovery else None,
        service_discovery_namespace_name=discovery.namespace_name if discovery else None,
        bastion_instance_id=parts.bastion.instance_id if parts.bastion else None,
        assets_bucket_name=parts.bucket.bucket_name if parts.bucket else None,
        alarm_topic_arn=parts.topic.topic_arn if parts.topic else None,
        kms_key_arn=parts.key_arn,
        task_role_arn=roles.task if roles else None,
        execution_role_arn=roles.execution if roles else None,
        database_role_arn=roles.database if roles else None,
        platform_role_arn=roles.platform if roles else None,
    )


def publish(name: str, args: BaseArgs, values: BaseContract, *, opts: pulumi.ResourceOptions) -> None:
    """Write the contract to SSM parameters too, if the arguments ask for it."""
    if args.publish_parameters:
        given = PublishedParametersArgs(stack=name, values=published(contract.to_outputs(values)))
        PublishedParameters(f"{name}-parameters", given, opts)
