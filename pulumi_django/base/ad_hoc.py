"""The base of short-lived environments: cheap, shared, easily made and destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from pulumi_django import naming
from pulumi_django.base import parts
from pulumi_django.bastion import Bastion, BastionArgs
from pulumi_django.contract import BaseContract
from pulumi_django.kinds import Kind
from pulumi_django.network import Nat, check_cidr_block
from pulumi_django.service_discovery import ServiceDiscovery, ServiceDiscoveryArgs
from pulumi_django.storage import AssetsBucket, AssetsBucketArgs


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    zones: Sequence[str] | None = None
    """Availability zones by name; None takes the region's `a` and `b`."""

    cidr_block: str = "10.0.0.0/16"
    """Private addresses of the VPC, /16 to /20."""

    nat: Nat = "single"
    """The way out of the private subnets: `single`, `per-az` or `none`."""

    interface_endpoints: Sequence[str] = ()
    """AWS services with an interface endpoint in every zone, such as `ecr.dkr`."""

    def __post_init__(self) -> None:
        check_cidr_block(self.cidr_block)


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions:
    engine_version: str = "17"
    """PostgreSQL version."""

    instance_class: str = "db.t4g.micro"
    """RDS instance class."""

    storage_gib: int = 20
    """Storage at first, 20 to 65536."""

    max_storage_gib: int = 50
    """Storage up to which RDS grows by itself."""

    backup_retention_days: int = 1
    """Days for which automatic backups are kept, 0 to 35."""


@dataclass(frozen=True, kw_only=True)
class AdHocBaseArgs:
    region: str
    """AWS region, for example `us-east-1`."""

    domain_name: str | None = None
    """Domain below which environments get their host names. None makes an HTTP-only base, which holds one environment."""

    hosted_zone_id: str | None = None
    """Route 53 zone of the domain; None looks it up by the domain's name, save when `dns` is off."""

    certificate_arn: str | None = None
    """Issued certificate for the domain and `*.` below it; None has one issued, which needs the hosted zone."""

    dns: bool = True
    """Whether records are made in Route 53. Off, the domain's records are kept elsewhere and a certificate is needed."""

    network: NetworkOptions = field(default_factory=NetworkOptions)
    """VPC, zones, way out."""

    database: DatabaseOptions = field(default_factory=DatabaseOptions)
    """The PostgreSQL server."""

    bastion: bool = True
    """Whether there is a host for port forwarding to the database."""

    shared_assets_bucket: bool = False
    """Whether environments share a bucket; by default each has its own."""

    idle_timeout_seconds: int = 60
    """After this the load balancer closes a silent connection, 1 to 4000."""

    def __post_init__(self) -> None:
        parts.check_domain(self.domain_name, self.hosted_zone_id, self.certificate_arn, self.dns)


class AdHocBase(pulumi.ComponentResource):
    """VPC, load balancer, PostgreSQL server, namespace and bastion for the environments that will stand on it.

    The instance's name is the base's name.
    """

    contract: BaseContract
    """What applications take from this base; `contract.export(base.contract)` exports it."""

    def __init__(self, name: str, args: AdHocBaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:base:AdHocBase", name, None, opts)
        naming.check_base_name(name)
        child = pulumi.ResourceOptions(parent=self)
        network = parts.network(name, args.region, args.network, zones=2, opts=child)
        web = parts.web(
            name,
            network,
            parts.Domain(args.domain_name, args.hosted_zone_id, args.certificate_arn, args.dns),
            idle_timeout_seconds=args.idle_timeout_seconds,
            opts=child,
        )
        database = parts.database(name, network, web.groups, args.database, opts=child)
        discovery = ServiceDiscovery(
            f"{name}-discovery",
            ServiceDiscoveryArgs(namespace=naming.namespace_name(name), vpc_id=network.vpc_id),
            child,
        )
        bastion = self._bastion(name, network, web.groups, database) if args.bastion else None
        bucket = (
            AssetsBucket(f"{name}-assets", AssetsBucketArgs(force_destroy=True), child)
            if args.shared_assets_bucket
            else None
        )
        self.contract = BaseContract(
            **parts.contract_values(name, Kind.AD_HOC, args.region, network, web, database),
            service_discovery_namespace_id=discovery.namespace_id,
            service_discovery_namespace_name=discovery.namespace_name,
            bastion_instance_id=bastion.instance_id if bastion else None,
            assets_bucket_name=bucket.bucket_name if bucket else None,
        )
        self.register_outputs({"kind": Kind.AD_HOC.value, "alb_dns_name": web.balancer.dns_name})

    def _bastion(
        self, name: str, network: parts.Network, groups: parts.SecurityGroups, database: parts.PostgresInstance
    ) -> Bastion:
        return Bastion(
            f"{name}-bastion",
            BastionArgs(
                subnet_id=network.private_subnet_ids.apply(lambda ids: ids[0]),
                security_group_id=groups.app_sg_id,
                database_host=database.host,
                database_port=database.port,
            ),
            pulumi.ResourceOptions(parent=self),
        )
