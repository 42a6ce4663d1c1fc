"""The base of production environments: three zones, nothing that fails alone, nothing that is lost by mistake."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from pulumi_django.base import alarms, parts, shared_roles
from pulumi_django.base.arguments import BaseArgs
from pulumi_django.base.options import (
    AccessLogOptions,
    AssetsOptions,
    BaseAlarmOptions,
    ProdAuroraOptions,
    ProdCacheOptions,
    ProdDatabaseOptions,
    ProdNetworkOptions,
)
from pulumi_django.contract import BaseContract
from pulumi_django.data.buckets import LogBucket, LogBucketArgs
from pulumi_django.data.encryption import EncryptionKey, EncryptionKeyArgs
from pulumi_django.delivery.assets import AssetsBucket, AssetsBucketArgs
from pulumi_django.rules import naming
from pulumi_django.rules.kinds import Kind

AURORA_SERVERS = 2
"""A writer, and a reader in another zone that takes over."""


@dataclass(frozen=True, kw_only=True)
class ProdBaseArgs(BaseArgs):
    USUAL_ZONES = 3

    network: ProdNetworkOptions = field(default_factory=ProdNetworkOptions)
    """VPC, zones, way out."""

    database: ProdDatabaseOptions = field(default_factory=ProdDatabaseOptions)
    """The PostgreSQL server on RDS."""

    aurora: ProdAuroraOptions | None = None
    """A PostgreSQL server on Aurora Serverless v2 instead."""

    cache: ProdCacheOptions | None = field(default_factory=ProdCacheOptions)
    """The Valkey or Redis that environments share; None has none."""

    assets: AssetsOptions | None = field(default_factory=AssetsOptions)
    """The bucket that environments share; None leaves each to its own."""

    access_logs: AccessLogOptions | None = field(default_factory=AccessLogOptions)
    """Requests to the load balancer and the assets bucket, in a bucket of their own; None keeps none."""

    alarms: BaseAlarmOptions | None = field(default_factory=BaseAlarmOptions)
    """Alarms of the load balancer, the database and the cache, and the topic for these and the environments'; None has
    neither."""

    deletion_protection: bool = True
    """Whether load balancer, database and assets bucket cannot be deleted. To destroy the base, switch it off and update
    first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        alarms.check(self)


class ProdBase(pulumi.ComponentResource):
    """VPC in three zones, load balancer with access logs, PostgreSQL with a standby, cache, assets, bastion, alarms.

    The instance's name is the base's name.
    """

    contract: BaseContract
    """What applications take from this base; `contract.export(base.contract)` exports it."""

    def __init__(self, name: str, args: ProdBaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:base:ProdBase", name, None, opts)
        naming.check_base_name(name)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        guards = self._guards(name, args, account)
        vpc = parts.network(name, args, guards, opts=child)
        web = parts.web(name, args, vpc, guards, opts=child)
        parts.endpoints(name, args, vpc, web.groups, opts=child)
        database = parts.database(name, args, vpc, web.groups, guards, aurora_servers=AURORA_SERVERS, opts=child)
        cache = parts.cache(name, args, vpc, web.groups, guards, opts=child)
        assets = self._assets(name, args.assets, guards)
        bastion = parts.bastion(name, args, vpc, web.groups, database, opts=child)
        buckets = [assets.bucket_arn] if assets else []
        keys = [guards.key_arn] if guards.key_arn is not None else []
        roles = shared_roles.make(
            name, args, web.balancer.arn, database.master_secret_arn, buckets, key_arns=keys, opts=child
        )
        topic = alarms.make(name, args, account, guards, web, database, cache, opts=child) if args.alarms else None
        self.contract = BaseContract(
            **parts.contract_values(name, Kind.PROD, args, vpc, web, database),
            **parts.cache_values(args, cache),
            **shared_roles.values(roles),
            bastion_instance_id=bastion.instance_id if bastion else None,
            assets_bucket_name=assets.bucket_name if assets else None,
            alarm_topic_arn=topic.topic_arn if topic else None,
            kms_key_arn=guards.key_arn,
        )
        parts.publish(name, args, self.contract, opts=child)
        self.register_outputs({"kind": Kind.PROD.value, "alb_dns_name": web.balancer.dns_name})

    def _guards(self, name: str, args: ProdBaseArgs, account: pulumi.Output[str]) -> parts.Guards:
        child = pulumi.ResourceOptions(parent=self)
        key = EncryptionKey(f"{name}-key", EncryptionKeyArgs(account_id=account, region=args.region), child)
        logs = args.access_logs
        bucket = (
            LogBucket(
                f"{name}-logs",
                LogBucketArgs(
                    account_id=account,
                    region=args.region,
                    retention_days=logs.retention_days,
                    force_destroy=logs.force_destroy,
                ),
                child,
            )
            if logs is not None
            else None
        )
        return parts.Guards(
            key_arn=key.arn,
            access_log_bucket=bucket.bucket_name if bucket else None,
            deletion_protection=args.deletion_protection,
        )

    def _assets(self, name: str, options: AssetsOptions | None, guards: parts.Guards) -> AssetsBucket | None:
        if options is None:
            return None
        return AssetsBucket(
            f"{name}-assets",
            AssetsBucketArgs(
                versioned=options.versioned,
                old_version_days=options.old_version_days if options.versioned else None,
                retain=options.retain,
                force_destroy=options.force_destroy,
                protect=guards.deletion_protection,
                access_log_bucket=guards.access_log_bucket,
            ),
            pulumi.ResourceOptions(parent=self),
        )
