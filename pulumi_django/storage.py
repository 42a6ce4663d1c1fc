"""Buckets for static files and media."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django import private_bucket


@dataclass(frozen=True, kw_only=True)
class AssetsBucketArgs:
    force_destroy: bool = False
    """Whether deleting the bucket deletes what is in it; otherwise a bucket with objects cannot be deleted."""

    versioned: bool = False
    """Whether overwritten and deleted objects can be restored."""

    old_version_days: int | None = None
    """Days for which they can, 1 or more; None keeps them."""

    retain: bool = False
    """Whether the bucket stays when the stack is destroyed."""

    protect: bool = False
    """Whether Pulumi refuses to delete it."""

    access_log_bucket: pulumi.Input[str] | None = None
    """Bucket that gets a line for every request, below `s3/{name}/`; None has none."""

    statements: Sequence[Mapping[str, Any]] = ()
    """What the bucket's policy allows, as IAM statements; nobody but the account's own roles by default."""

    def __post_init__(self) -> None:
        if self.old_version_days is not None and not self.versioned:
            raise ValueError(
                f"old_version_days is {self.old_version_days} and versioned is off: there are no old versions"
            )
        if self.old_version_days is not None and self.old_version_days < 1:
            raise ValueError(f"old_version_days is {self.old_version_days}: it is 1 or more")


class AssetsBucket(pulumi.ComponentResource):
    """A private, encrypted bucket that is read and written by the task role, over TLS only."""

    bucket_name: pulumi.Output[str]
    """Name of the bucket."""

    bucket_arn: pulumi.Output[str]
    """Its ARN."""

    def __init__(self, name: str, args: AssetsBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:storage:AssetsBucket", name, None, opts)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=args.force_destroy,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain, protect=args.protect),
        )
        private_bucket.guard(self, name, bucket, statements=args.statements, retain=args.retain)
        if args.versioned:
            self._versions(name, args, bucket)
        if args.access_log_bucket is not None:
            aws.s3.BucketLogging(
                f"{name}-access-log",
                bucket=bucket.bucket,
                target_bucket=args.access_log_bucket,
                target_prefix=f"s3/{name}/",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.bucket_name, self.bucket_arn = bucket.bucket, bucket.arn
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})

    def _versions(self, name: str, args: AssetsBucketArgs, bucket: aws.s3.Bucket) -> None:
        versioning = private_bucket.versions(self, name, bucket, retain=args.retain)
        if args.old_version_days is None:
            return
        private_bucket.expire(
            self, name, bucket, versioning, old_version_days=args.old_version_days, retain=args.retain
        )
