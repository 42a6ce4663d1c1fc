"""What of an environment CloudFront serves: its static files, and a frontend that is only files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from pulumi_django.app.options import CdnOptions, StaticSiteOptions
from pulumi_django.contract import BaseContract, ContractError
from pulumi_django.data.buckets import LogBucket, LogBucketArgs
from pulumi_django.delivery.assets import AssetsBucket, AssetsBucketArgs
from pulumi_django.delivery.cdn import Delivery
from pulumi_django.delivery.static_site import StaticSite, StaticSiteArgs
from pulumi_django.rules.host_names import CDN_LABEL, SITE_LABEL

SITE_TTL_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What delivery has to know of an environment."""

    name: str
    base: BaseContract
    host: pulumi.Input[str]
    """Host name of the environment."""

    url: pulumi.Input[str]
    """Its origin in the sense of CORS."""

    opts: pulumi.ResourceOptions


def static_site(env: Environment, options: StaticSiteOptions | None) -> StaticSite | None:
    """The site, when one is wanted."""
    if options is None:
        return None
    delivery = _delivery(env, options, SITE_LABEL, default_ttl_seconds=SITE_TTL_SECONDS)
    args = StaticSiteArgs(delivery=delivery, routing=options.routing, not_found_page=options.not_found_page)
    return StaticSite(f"{env.name}-site", args, env.opts)


def assets(
    env: Environment, options: CdnOptions | None, site: StaticSite | None, *, browser_uploads: bool, **more: Any
) -> AssetsBucket:
    """The bucket of static files and media; pages of the environment, and of its site, may use them. `more` are further
    arguments of it."""
    origins = [env.url, *([site.url] if site is not None else [])]
    delivery = _delivery(env, options, CDN_LABEL, cors_origins=origins) if options is not None else None
    delivered = {"delivered": options.prefixes} if options is not None else {}
    args = AssetsBucketArgs(delivery=delivery, cors_origins=origins if browser_uploads else (), **delivered, **more)
    return AssetsBucket(f"{env.name}-assets", args, env.opts)


def _delivery(env: Environment, options: CdnOptions | StaticSiteOptions, label: str, **more: Any) -> Delivery:
    base, host = env.base, options.host
    if host is None and base.domain_name:
        host = f"{label}.{env.host}"
        if options.certificate_arn is None and _zone(base, host) is None:
            host = None
    if host is not None and options.certificate_arn is None and _zone(base, host) is None:
        raise ContractError(
            f"{env.name} wants {host} and its base {base.base_stack_name} has no hosted zone for it, to issue a certificate "
            "in: set certificate_arn, or leave host out"
        )
    return Delivery(
        host=host,
        hosted_zone_id=_zone(base, host) if host is not None else None,
        certificate_arn=options.certificate_arn,
        price_class=options.price_class,
        web_acl_arn=options.web_acl_arn,
        access_log_bucket_arn=_logs(env, label) if options.access_logs else None,
        **more,
    )


def _zone(base: BaseContract, host: str) -> pulumi.Input[str] | None:
    """The base's hosted zone, when the host is in its domain."""
    return base.hosted_zone_id if f".{host}".endswith(f".{base.domain_name}") else None


def _logs(env: Environment, label: str) -> pulumi.Output[str]:
    args = LogBucketArgs(account_id=env.base.account_id, force_destroy=True)
    return LogBucket(f"{env.name}-{label}-logs", args, env.opts).bucket_arn
