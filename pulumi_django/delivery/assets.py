"""The bucket of an environment for static files and media."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.data import buckets
from pulumi_django.data.buckets import BUCKETS_PREFIX
from pulumi_django.delivery import cdn
from pulumi_django.delivery.cdn import Cdn, CdnArgs, Delivery
from pulumi_django.ecs.roles import bucket_statements

CORS_MAX_AGE_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class AssetsBucketArgs:
    force_destroy: bool = False
    """Whether deleting the bucket deletes its objects. Without it a bucket with objects cannot be deleted."""

    versioned: bool = False
    """Whether overwritten and deleted objects can be restored."""

    old_version_days: int | None = None
    """Days to keep overwritten and deleted objects, 1 or more; None keeps them without limit."""

    retain: bool = False
    """Whether the bucket stays when the stack is destroyed."""

    protect: bool = False
    """Whether Pulumi refuses to delete the bucket."""

    access_log_bucket: pulumi.Input[str] | None = None
    """Name of the bucket for access logs, with the prefix `s3/` (`LogBucket`); None writes none."""

    statements: Sequence[Mapping[str, Any]] = ()
    """Further IAM statements of the bucket's policy; none by default, so only roles of the account have access."""

    role_arns: Sequence[pulumi.Input[str]] = ()
    """ARNs of the roles that the bucket's policy allows to read, write and list objects."""

    cors_origins: Sequence[pulumi.Input[str]] = ()
    """Origins, such as `https://alpha.example.com`, whose pages can load and upload files directly, with URLs that the
    application signs; none by default."""

    delivery: Delivery | None = None
    """Options of the CloudFront distribution for keys below `delivered`; None creates no distribution."""

    delivered: Sequence[str] = ("static/",)
    """Key prefixes that are public through CloudFront. Other keys stay private."""

    def __post_init__(self) -> None:
        if self.old_version_days is not None and not self.versioned:
            raise ValueError(
                f"old_version_days is {self.old_version_days} and versioned is off: old versions need versioned"
            )
        if self.old_version_days is not None and self.old_version_days < 1:
            raise ValueError(f"old_version_days is {self.old_version_days}: it must be 1 or more")
        if "*" in self.cors_origins:
            raise ValueError("cors_origins has '*': name the origins whose pages load and upload files")
        check_delivered(self.delivered)


def check_delivered(prefixes: Sequence[str]) -> None:
    """Raise ValueError for an empty list, and for text that is not a key prefix."""
    if not prefixes:
        raise ValueError("delivered is empty: name at least one public key prefix, such as 'static/'")
    for prefix in prefixes:
        if prefix.startswith("/") or not prefix.endswith("/") or "*" in prefix:
            raise ValueError(f"delivered has {prefix!r}: write a key prefix like 'static/'")


class AssetsBucket(pulumi.ComponentResource):
    """A private, encrypted bucket. The task role reads and writes it, over TLS only."""

    bucket_name: pulumi.Output[str]
    """Name of the bucket."""

    bucket_arn: pulumi.Output[str]
    """ARN of the bucket."""

    cdn: Cdn | None
    """The distribution; None without one."""

    def __init__(self, name: str, args: AssetsBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:storage:AssetsBucket", name, None, opts)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=args.force_destroy,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain, protect=args.protect),
        )
        self.cdn = self._cdn(name, args.delivery, bucket) if args.delivery is not None else None
        delivered = [cdn.reads(bucket.arn, self.cdn.distribution_arn, args.delivered)] if self.cdn is not None else []
        used = _used_by(bucket, args.role_arns)
        buckets.guard(self, name, bucket, statements=[*delivered, *used, *args.statements], retain=args.retain)
        if args.cors_origins:
            self._cors(name, args, bucket)
        if args.versioned:
            self._versions(name, args, bucket)
        if args.access_log_bucket is not None:
            aws.s3.BucketLogging(
                f"{name}-access-log",
                bucket=bucket.bucket,
                target_bucket=args.access_log_bucket,
                target_prefix=f"{BUCKETS_PREFIX}/",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.bucket_name, self.bucket_arn = bucket.bucket, bucket.arn
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})

    def _cdn(self, name: str, delivery: Delivery, bucket: aws.s3.Bucket) -> Cdn:
        args = CdnArgs(origin_domain_name=bucket.bucket_regional_domain_name, delivery=delivery)
        return Cdn(f"{name}-cdn", args, pulumi.ResourceOptions(parent=self))

    def _cors(self, name: str, args: AssetsBucketArgs, bucket: aws.s3.Bucket) -> None:
        aws.s3.BucketCorsConfiguration(
            f"{name}-cors",
            bucket=bucket.bucket,
            cors_rules=[
                aws.s3.BucketCorsConfigurationCorsRuleArgs(
                    allowed_origins=list(args.cors_origins),
                    allowed_methods=["GET", "PUT", "POST"],
                    allowed_headers=["*"],
                    max_age_seconds=CORS_MAX_AGE_SECONDS,
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
        )

    def _versions(self, name: str, args: AssetsBucketArgs, bucket: aws.s3.Bucket) -> None:
        versioning = buckets.versions(self, name, bucket, retain=args.retain)
        if args.old_version_days is None:
            return
        buckets.expire(self, name, bucket, versioning, old_version_days=args.old_version_days, retain=args.retain)


def _used_by(bucket: aws.s3.Bucket, role_arns: Sequence[pulumi.Input[str]]) -> list[Mapping[str, Any]]:
    if not role_arns:
        return []
    principal = {"AWS": list(role_arns)}
    return [{**statement, "Principal": principal} for statement in bucket_statements([bucket.arn])]
