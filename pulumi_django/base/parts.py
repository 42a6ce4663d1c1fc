"""What the bases of both kinds are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws

from pulumi_django import contract
from pulumi_django.base.arguments import BaseArgs
from pulumi_django.base.options import ExistingDatabaseOptions
from pulumi_django.contract import BaseContract
from pulumi_django.data import postgres
from pulumi_django.data.aurora import AuroraServerless, AuroraServerlessArgs
from pulumi_django.data.cache import ReplicationGroup, ReplicationGroupArgs
from pulumi_django.data.instance import PostgresInstance, PostgresInstanceArgs
from pulumi_django.data.postgres import DatabaseServer
from pulumi_django.data.published_parameters import PublishedParameters, PublishedParametersArgs, published
from pulumi_django.delivery.firewall import Firewall, FirewallArgs
from pulumi_django.ec2.bastion import Bastion, BastionArgs
from pulumi_django.network.dns import Certificate, CertificateArgs
from pulumi_django.network.endpoints import InterfaceEndpoints, InterfaceEndpointsArgs
from pulumi_django.network.flow_logs import FlowLogs, FlowLogsArgs
from pulumi_django.network.load_balancer import LoadBalancer, LoadBalancerArgs
from pulumi_django.network.security import SecurityGroups, SecurityGroupsArgs
from pulumi_django.network.vpc import Network, NetworkArgs, NetworkSettings
from pulumi_django.rules import naming
from pulumi_django.rules.kinds import Kind


class Vpc(Protocol):
    """The network of a base, its own or somebody else's."""

    @property
    def vpc_id(self) -> pulumi.Input[str]: ...
    @property
    def public_subnet_ids(self) -> pulumi.Input[Sequence[str]]: ...
    @property
    def private_subnet_ids(self) -> pulumi.Input[Sequence[str]]: ...


@dataclass(frozen=True)
class Guards:
    """What protects a base beyond the usual; an ad-hoc base has none of it."""

    key_arn: pulumi.Input[str] | None = None
    """Key of the log groups."""

    access_log_bucket: pulumi.Input[str] | None = None
    """Bucket for access logs."""

    deletion_protection: bool = False
    """Whether what holds data, and the load balancer, cannot be deleted."""


@dataclass(frozen=True)
class Web:
    """How requests reach the environments."""

    groups: SecurityGroups
    balancer: LoadBalancer
    domain_name: str | None
    hosted_zone_id: pulumi.Input[str] | None


def network(name: str, args: BaseArgs, guards: Guards, *, opts: pulumi.ResourceOptions) -> Vpc:
    """The VPC with its flow logs; an existing one stays as it is."""
    if args.existing_vpc is not None:
        return args.existing_vpc
    options = args.network
    chosen = {field.name: getattr(options, field.name) for field in fields(NetworkSettings)}
    vpc = Network(f"{name}-network", NetworkArgs(region=args.region, zones=args.zones, **chosen), opts)
    if options.flow_logs:
        logs = FlowLogsArgs(
            vpc_id=vpc.vpc_id, retention_days=options.flow_log_retention_days, kms_key_arn=guards.key_arn
        )
        FlowLogs(f"{name}-flow-logs", logs, opts)
    return vpc


def web(name: str, args: BaseArgs, vpc: Vpc, guards: Guards, *, opts: pulumi.ResourceOptions) -> Web:
    """Security groups, certificate, load balancer and its firewall."""
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
    return Web(groups, balancer, args.domain_name, zone)


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
    """The way to AWS services inside the VPC; an existing VPC has its owner's."""
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
    """The PostgreSQL server: on RDS, on Aurora with `aurora_servers` servers unless zones are named, or an existing one."""
    if args.existing_database is not None:
        return _existing(name, args.existing_database, groups, opts)
    place: dict[str, Any] = {
        "identifier": naming.rds_identifier(name),
        "vpc_id": vpc.vpc_id,
        "subnet_ids": vpc.private_subnet_ids,
        "client_security_group_id": groups.app_sg_id,
        "log_key_arn": guards.key_arn,
        "insights_key_arn": guards.key_arn,
        "deletion_protection": guards.deletion_protection,
    }
    if args.aurora is not None:
        place["zones"] = args.aurora.zones or args.zones[:aurora_servers]
        chosen = _chosen(args.aurora, without="zones")
        return AuroraServerless(f"{name}-database", AuroraServerlessArgs(**place, **chosen), opts)
    return PostgresInstance(f"{name}-database", PostgresInstanceArgs(**place, **_chosen(args.database)), opts)


def _existing(
    name: str, server: ExistingDatabaseOptions, groups: SecurityGroups, opts: pulumi.ResourceOptions
) -> ExistingDatabaseOptions:
    if server.security_group_id is not None:
        postgres.admit(f"{name}-database-from-app", server.security_group_id, groups.app_sg_id, server.port, opts)
    return server


def cache(
    name: str, args: BaseArgs, vpc: Vpc, groups: SecurityGroups, guards: Guards, *, opts: pulumi.ResourceOptions
) -> ReplicationGroup | None:
    """The shared Valkey or Redis, when there is one."""
    if args.cache is None:
        return None
    place: dict[str, Any] = {
        "group_id": naming.replication_group_id(name),
        "vpc_id": vpc.vpc_id,
        "subnet_ids": vpc.private_subnet_ids,
        "client_security_group_id": groups.app_sg_id,
        "kms_key_arn": guards.key_arn,
    }
    return ReplicationGroup(f"{name}-cache", ReplicationGroupArgs(**place, **_chosen(args.cache)), opts)


def bastion(
    name: str,
    args: BaseArgs,
    vpc: Vpc,
    groups: SecurityGroups,
    server: DatabaseServer,
    *,
    opts: pulumi.ResourceOptions,
) -> Bastion | None:
    """The host for people, when there is one."""
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


def contract_values(
    name: str, kind: Kind, args: BaseArgs, vpc: Vpc, entry: Web, server: DatabaseServer
) -> dict[str, Any]:
    """The values of the contract that every base has."""
    isolated = args.existing_vpc.isolated if args.existing_vpc is not None else args.network.nat == "none"
    return {
        "kind": kind,
        "base_stack_name": name,
        "region": args.region,
        "vpc_id": vpc.vpc_id,
        "public_subnet_ids": vpc.public_subnet_ids,
        "private_subnet_ids": vpc.private_subnet_ids,
        "isolated": isolated,
        "alb_sg_id": entry.groups.alb_sg_id,
        "app_sg_id": entry.groups.app_sg_id,
        "listener_arn": entry.balancer.listener_arn,
        "alb_arn_suffix": entry.balancer.arn_suffix,
        "alb_dns_name": entry.balancer.dns_name,
        "alb_zone_id": entry.balancer.zone_id,
        "domain_name": entry.domain_name,
        "hosted_zone_id": entry.hosted_zone_id,
        "own_certificate": None
        if args.domain_name is None
        else not (args.certificate_arn or args.extra_certificate_arns),
        "database_host": server.host,
        "database_port": server.port,
        "database_master_secret_arn": server.master_secret_arn,
        "database_reader_host": server.reader_host,
        "database_instance_id": server.instance_id,
        "database_cluster_id": server.cluster_id,
    }


def cache_values(args: BaseArgs, shared: ReplicationGroup | None) -> dict[str, Any]:
    """The values of the contract about a shared cache; none without one."""
    if args.cache is None or shared is None:
        return {}
    return {
        "redis_host": shared.host,
        "redis_port": shared.port,
        "redis_tls": True,
        "redis_cluster_mode": args.cache.cluster_mode,
        "redis_auth_secret_arn": shared.auth_secret_arn,
        "redis_replication_group_id": shared.group_id,
    }


def _chosen(options: Any, *, without: str = "") -> dict[str, Any]:
    """What was chosen, as arguments of the component that has the same fields."""
    return {field.name: getattr(options, field.name) for field in fields(options) if field.name != without}


def publish(name: str, args: BaseArgs, offered: BaseContract, *, opts: pulumi.ResourceOptions) -> None:
    """The contract once more as SSM parameters, on request."""
    if args.publish_parameters:
        values = published(contract.to_outputs(offered))
        PublishedParameters(f"{name}-parameters", PublishedParametersArgs(stack=name, values=values), opts)
