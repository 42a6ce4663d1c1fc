"""The parts of an environment that CloudFront serves: its static files, and a frontend of static files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi

from pulumi_django.app.environment import Environment
from pulumi_django.app.hosts import environment_hosts
from pulumi_django.app.options import DistributionOptions
from pulumi_django.contract import BaseContract, ContractError
from pulumi_django.data.buckets import LogBucket, LogBucketArgs
from pulumi_django.delivery.assets import AssetsBucket, AssetsBucketArgs
from pulumi_django.delivery.cdn import Delivery
from pulumi_django.delivery.static_site import StaticSite, StaticSiteArgs
from pulumi_django.rules.host_names import CDN_LABEL, SITE_LABEL

SITE_TTL_SECONDS = 60


def static_site(env: Environment) -> StaticSite | None:
    """Create the frontend of static files, if the arguments have one."""
    options = env.args.static_site
    if options is None:
        return None
    delivery = replace(_delivery(env, options, SITE_LABEL), default_ttl_seconds=SITE_TTL_SECONDS)
    args = StaticSiteArgs(delivery=delivery, routing=options.routing, not_found_page=options.not_found_page)
    return StaticSite(f"{env.name}-site", args, env.opts)


def assets(env: Environment, site: StaticSite | None) -> AssetsBucket | None:
    """Create the environment's own bucket of static files and media, unless it uses its base's bucket.

    The pages of the environment and of its site may use the files.
    """
    options, cdn = env.args.assets, env.args.cdn
    if options.source == "base":
        return None
    origins = [env.url, *([site.url] if site is not None else [])]
    args = AssetsBucketArgs(
        delivery=replace(_delivery(env, cdn, CDN_LABEL), cors_origins=origins) if cdn is not None else None,
        cors_origins=origins if env.args.browser_uploads else (),
        force_destroy=options.force_destroy,
        versioned=options.versioned,
        old_version_days=options.old_version_days if options.versioned else None,
        protect=options.protect,
        role_arns=_users(env),
    )
    args = args if cdn is None else replace(args, delivered=cdn.prefixes)
    return AssetsBucket(f"{env.name}-assets", args, env.opts)


def _users(env: Environment) -> Sequence[pulumi.Input[str]]:
    """Return the shared task role, which cannot have a policy for each environment's bucket."""
    role = env.base.task_role_arn
    return [] if role is None or not env.has_shared_roles else [role]


def _delivery(env: Environment, options: DistributionOptions, label: str) -> Delivery:
    base, host = env.base, options.host
    if host is None and base.domain_name:
        host = f"{label}.{environment_hosts(env.name, env.args)[0]}"
        if options.certificate_arn is None and _zone(base, host) is None:
            host = None
    if host is not None and options.certificate_arn is None and _zone(base, host) is None:
        raise ContractError(
            f"{env.name} cannot have the host {host}: its base {base.base_stack_name} has no hosted zone in which to issue a "
            "certificate for it; set certificate_arn, or leave host out"
        )
    return Delivery(
        host=host,
        hosted_zone_id=_zone(base, host) if host is not None else None,
        certificate_arn=options.certificate_arn,
        price_class=options.price_class,
        web_acl_arn=options.web_acl_arn,
        access_log_bucket_arn=_logs(env, label) if options.access_logs else None,
    )


def _zone(base: BaseContract, host: str) -> pulumi.Input[str] | None:
    """Return the base's hosted zone, if the host is in its domain."""
    return base.hosted_zone_id if f".{host}".endswith(f".{base.domain_name}") else None


def _logs(env: Environment, label: str) -> pulumi.Output[str]:
    args = LogBucketArgs(account_id=env.base.account_id, force_destroy=True)
    return LogBucket(f"{env.name}-{label}-logs", args, env.opts).bucket_arn
