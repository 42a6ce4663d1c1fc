"""The base of short-lived environments: cheap, shared, easily made and destroyed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi

from pulumi_django.base import parts, shared_roles
from pulumi_django.base.arguments import BaseArgs
from pulumi_django.base.options import CacheOptions, DatabaseOptions, NetworkOptions
from pulumi_django.contract import BaseContract
from pulumi_django.delivery.assets import AssetsBucket, AssetsBucketArgs
from pulumi_django.network.dns import ServiceDiscovery, ServiceDiscoveryArgs
from pulumi_django.rules import naming
from pulumi_django.rules.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class AdHocBaseArgs(BaseArgs):
    USUAL_ZONES = 2

    network: NetworkOptions = field(default_factory=NetworkOptions)
    """VPC, zones, way out."""

    database: DatabaseOptions = field(default_factory=DatabaseOptions)
    """The PostgreSQL server on RDS."""

    cache: CacheOptions | None = None
    """A Valkey or Redis that environments share; None has none: each environment has its own Redis."""

    shared_assets_bucket: bool = False
    """Whether environments share a bucket; by default each has its own."""


class AdHocBase(pulumi.ComponentResource):
    """VPC, load balancer, PostgreSQL server, namespace and bastion for the environments that will stand on it.

    The instance's name is the base's name.
    """

    contract: BaseContract
    """What applications take from this base; `contract.export(base.contract)` exports it."""

    def __init__(self, name: str, args: AdHocBaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:base:AdHocBase", name, None, opts)
        naming.check_base_name(name)
        child, guards = pulumi.ResourceOptions(parent=self), parts.Guards()
        vpc = parts.network(name, args, guards, opts=child)
        web = parts.web(name, args, vpc, guards, opts=child)
        parts.endpoints(name, args, vpc, web.groups, opts=child)
        database = parts.database(name, args, vpc, web.groups, guards, opts=child)
        cache = parts.cache(name, args, vpc, web.groups, guards, opts=child)
        discovery = ServiceDiscovery(
            f"{name}-discovery",
            ServiceDiscoveryArgs(namespace=naming.namespace_name(name), vpc_id=vpc.vpc_id),
            child,
        )
        bastion = parts.bastion(name, args, vpc, web.groups, database, opts=child)
        bucket = (
            AssetsBucket(f"{name}-assets", AssetsBucketArgs(force_destroy=True), child)
            if args.shared_assets_bucket
            else None
        )
        buckets = [bucket.bucket_arn] if bucket else []
        roles = shared_roles.make(name, args, web.balancer.arn, database.master_secret_arn, buckets, opts=child)
        self.contract = BaseContract(
            **parts.contract_values(name, Kind.AD_HOC, args, vpc, web, database),
            **parts.cache_values(args, cache),
            **shared_roles.values(roles),
            service_discovery_namespace_id=discovery.namespace_id,
            service_discovery_namespace_name=discovery.namespace_name,
            bastion_instance_id=bastion.instance_id if bastion else None,
            assets_bucket_name=bucket.bucket_name if bucket else None,
        )
        parts.publish(name, args, self.contract, opts=child)
        self.register_outputs({"kind": Kind.AD_HOC.value, "alb_dns_name": web.balancer.dns_name})
