"""The base of short-lived environments: cheap, shared, quickly created and destroyed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from pulumi_django.base import parts, shared_roles
from pulumi_django.base.arguments import BaseArgs
from pulumi_django.base.database_hours import DatabaseHours, DatabaseHoursArgs
from pulumi_django.base.options import CacheOptions, DatabaseOptions, NetworkOptions
from pulumi_django.contract import BaseContract
from pulumi_django.data.encryption import EncryptionKey, EncryptionKeyArgs
from pulumi_django.data.postgres import DatabaseServer
from pulumi_django.delivery.assets import AssetsBucket, AssetsBucketArgs
from pulumi_django.network.dns import ServiceDiscovery, ServiceDiscoveryArgs
from pulumi_django.policies.trust import account_of
from pulumi_django.rules import naming
from pulumi_django.rules.kinds import Kind
from pulumi_django.rules.office_hours import OfficeHours


@dataclass(frozen=True, kw_only=True)
class AdHocBaseArgs(BaseArgs):
    USUAL_ZONES = 2

    network: NetworkOptions = field(default_factory=NetworkOptions)
    database: DatabaseOptions = field(default_factory=DatabaseOptions)

    encryption_key: bool = True
    """Whether the base has a KMS key of its own, which AWS bills with one dollar a month. It encrypts log groups, secrets, query
    statistics, the cache and the volumes of the base and its environments. A base that has a key keeps it."""

    cache: CacheOptions | None = None
    """A Valkey or Redis that environments share. None creates none: each environment has its own Redis."""

    hours: OfficeHours | None = None
    """Times of the week in which the database server runs; AWS stops it at the end and starts it again. Environments have the
    same times unless they choose some within. None: it always runs."""

    shared_assets_bucket: bool = False
    """Whether environments share a bucket. By default each has its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hours is not None and self.existing_database is not None:
            raise ValueError(
                "hours and existing_database are both given: the base stops and starts only its own server"
            )
        if self.hours is not None and self.database.replica_zones:
            # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
            raise ValueError("hours and database.replica_zones are both given: RDS stops no server with read replicas")


class AdHocBase(pulumi.ComponentResource):
    """VPC, load balancer, PostgreSQL server, namespace and bastion for ad-hoc environments.

    The instance's name is the base's name.
    """

    contract: BaseContract
    """The values that applications read; `contract.export(base.contract)` exports them."""

    def __init__(self, name: str, args: AdHocBaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:base:AdHocBase", name, None, opts)
        naming.check_base_name(name)
        child = pulumi.ResourceOptions(parent=self)
        guards = parts.Guards(key_arn=_key(name, args, child))
        vpc = parts.network(name, args, guards, opts=child)
        web = parts.web(name, args, vpc, guards, opts=child)
        parts.endpoints(name, args, vpc, web.groups, opts=child)
        database = parts.database(name, args, vpc, web.groups, guards, opts=child)
        bucket = _bucket(name, args, child)
        made = parts.Parts(
            vpc=vpc,
            web=web,
            database=database,
            cache=parts.cache(name, args, vpc, web.groups, guards, opts=child),
            discovery=_discovery(name, vpc, child),
            bastion=parts.bastion(name, args, vpc, web.groups, database, opts=child),
            bucket=bucket,
            roles=shared_roles.make(
                name, args, web.balancer.arn, database.master_secret_arn, bucket, key_arns=guards.key_arns, opts=child
            ),
            key_arn=guards.key_arn,
            hours=args.hours,
        )
        self.contract = parts.offered(name, Kind.AD_HOC, args, made)
        if args.hours is not None:
            _hours(name, args, args.hours, web.balancer.listener_arn, database, child)
        parts.publish(name, args, self.contract, opts=child)
        self.register_outputs({"kind": Kind.AD_HOC.value, "alb_dns_name": web.balancer.dns_name})


def _key(name: str, args: AdHocBaseArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
    if not args.encryption_key:
        return None
    account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=child.parent)).account_id
    return EncryptionKey(f"{name}-key", EncryptionKeyArgs(account_id=account, region=args.region), child).arn


def _discovery(name: str, vpc: parts.Vpc, child: pulumi.ResourceOptions) -> ServiceDiscovery:
    args = ServiceDiscoveryArgs(namespace=naming.namespace_name(name), vpc_id=vpc.vpc_id)
    return ServiceDiscovery(f"{name}-discovery", args, child)


def _hours(
    name: str,
    args: AdHocBaseArgs,
    hours: OfficeHours,
    listener_arn: pulumi.Input[str],
    server: DatabaseServer,
    child: pulumi.ResourceOptions,
) -> None:
    made = DatabaseHoursArgs(
        base=name,
        region=args.region,
        account_id=account_of(listener_arn),
        hours=hours,
        instance_id=server.instance_id,
        cluster_id=server.cluster_id,
    )
    DatabaseHours(f"{name}-database-hours", made, child)


def _bucket(name: str, args: AdHocBaseArgs, child: pulumi.ResourceOptions) -> AssetsBucket | None:
    if not args.shared_assets_bucket:
        return None
    return AssetsBucket(f"{name}-assets", AssetsBucketArgs(force_destroy=True), child)
