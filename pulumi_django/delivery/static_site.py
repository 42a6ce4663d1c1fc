"""A static frontend: a private bucket behind CloudFront."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from pulumi_django.data import buckets
from pulumi_django.delivery import cdn
from pulumi_django.delivery.cdn import Cdn, CdnArgs, Delivery, Routing

OLD_VERSION_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class StaticSiteArgs:
    delivery: Delivery = field(default_factory=lambda: Delivery(default_ttl_seconds=60))
    """Host, certificate and caching. Files with a hash in their name should have a long Cache-Control."""

    routing: Routing = "single-page"
    """Object for a path without a file name: /index.html (`single-page`), the directory's index.html (`directories`), or the
    one with that key (`files`)."""

    not_found_page: str | None = None
    """Path of the page, such as `/404.html`, for missing objects; None shows CloudFront's own with status 403."""

    force_destroy: bool = True
    """Whether deleting the site deletes its files. A build can create them again."""


class StaticSite(pulumi.ComponentResource):
    """A bucket whose files CloudFront serves. The build of the frontend uploads the files (`aws s3 sync`)."""

    bucket_name: pulumi.Output[str]
    """Name of the bucket."""

    distribution_id: pulumi.Output[str]
    """Id of the distribution, for invalidations."""

    domain_name: pulumi.Output[str]
    """Host name of the site."""

    url: pulumi.Output[str]
    """URL of the site."""

    def __init__(self, name: str, args: StaticSiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:delivery:StaticSite", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(name, force_destroy=args.force_destroy, opts=child)
        site = Cdn(
            f"{name}-cdn",
            CdnArgs(
                origin_domain_name=bucket.bucket_regional_domain_name,
                delivery=args.delivery,
                routing=args.routing,
                not_found_page=args.not_found_page,
            ),
            child,
        )
        buckets.guard(self, name, bucket, statements=[cdn.reads(bucket.arn, site.distribution_arn)])
        versioning = buckets.versions(self, name, bucket)
        buckets.expire(self, name, bucket, versioning, old_version_days=OLD_VERSION_DAYS)
        self.bucket_name, self.distribution_id = bucket.bucket, site.distribution_id
        self.domain_name, self.url = site.domain_name, site.url
        self.register_outputs({"bucket_name": self.bucket_name, "url": self.url})
