"""The base of production environments: three zones, no single point of failure, no data lost by mistake."""

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
"""A writer, and a reader in another zone that replaces it when it fails."""


@dataclass(frozen=True, kw_only=True)
class ProdBaseArgs(BaseArgs):
    USUAL_ZONES = 3

    network: ProdNetworkOptions = field(default_factory=ProdNetworkOptions)
    database: ProdDatabaseOptions = field(default_factory=ProdDatabaseOptions)
    aurora: ProdAuroraOptions | None = None
    cache: ProdCacheOptions | None = field(default_factory=ProdCacheOptions)

    assets: AssetsOptions | None = field(default_factory=AssetsOptions)
    """The bucket that environments share. None creates none: each environment has its own."""

    access_logs: AccessLogOptions | None = field(default_factory=AccessLogOptions)
    """A bucket for the requests to the load balancer and the assets bucket. None records no requests."""

    alarms: BaseAlarmOptions | None = field(default_factory=BaseAlarmOptions)
    """Alarms of load balancer, database and cache, and the topic for these and the environments' alarms. None creates
    neither."""

    deletion_protection: bool = True
    """Whether AWS refuses to delete load balancer, database and assets bucket. To destroy the base, set it to false and
    update first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        alarms.check(self)


class ProdBase(pulumi.ComponentResource):
    """VPC in three zones, load balancer with access logs, PostgreSQL with a standby, cache, assets, bastion, alarms.

    The instance's name is the base's name.
    """

    contract: BaseContract
    """The values that applications read; `contract.export(base.contract)` exports them."""

    def __init__(self, name: str, args: ProdBaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:base:ProdBase", name, None, opts)
        naming.check_base_name(name)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        guards = _guards(name, args, account, child)
        vpc = parts.network(name, args, guards, opts=child)
        web = parts.web(name, args, vpc, guards, opts=child)
        parts.endpoints(name, args, vpc, web.groups, opts=child)
        database = parts.database(name, args, vpc, web.groups, guards, aurora_servers=AURORA_SERVERS, opts=child)
        cache = parts.cache(name, args, vpc, web.groups, guards, opts=child)
        bucket = _assets(name, args.assets, guards, child)
        made = parts.Parts(
            vpc=vpc,
            web=web,
            database=database,
            cache=cache,
            bastion=parts.bastion(name, args, vpc, web.groups, database, opts=child),
            bucket=bucket,
            roles=shared_roles.make(
                name, args, web.balancer.arn, database.master_secret_arn, bucket, key_arns=guards.key_arns, opts=child
            ),
            topic=alarms.make(name, args, account, guards, web, database, cache, opts=child) if args.alarms else None,
            key_arn=guards.key_arn,
        )
        self.contract = parts.offered(name, Kind.PROD, args, made)
        parts.publish(name, args, self.contract, opts=child)
        self.register_outputs({"kind": Kind.PROD.value, "alb_dns_name": web.balancer.dns_name})


def _guards(name: str, args: ProdBaseArgs, account: pulumi.Output[str], child: pulumi.ResourceOptions) -> parts.Guards:
    key = EncryptionKey(f"{name}-key", EncryptionKeyArgs(account_id=account, region=args.region), child)
    bucket = _logs(name, args, account, child)
    return parts.Guards(
        key_arn=key.arn,
        access_log_bucket=bucket.bucket_name if bucket is not None else None,
        deletion_protection=args.deletion_protection,
    )


def _logs(
    name: str, args: ProdBaseArgs, account: pulumi.Output[str], child: pulumi.ResourceOptions
) -> LogBucket | None:
    logs = args.access_logs
    if logs is None:
        return None
    given = LogBucketArgs(
        account_id=account, region=args.region, retention_days=logs.retention_days, force_destroy=logs.force_destroy
    )
    return LogBucket(f"{name}-logs", given, child)


def _assets(
    name: str, options: AssetsOptions | None, guards: parts.Guards, child: pulumi.ResourceOptions
) -> AssetsBucket | None:
    if options is None:
        return None
    args = AssetsBucketArgs(
        versioned=options.versioned,
        old_version_days=options.old_version_days if options.versioned else None,
        retain=options.retain,
        force_destroy=options.force_destroy,
        protect=guards.deletion_protection,
        access_log_bucket=guards.access_log_bucket,
    )
    return AssetsBucket(f"{name}-assets", args, child)
