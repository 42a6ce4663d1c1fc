"""The bucket for access logs: of the load balancer, of other buckets, of CloudFront."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.data import private_bucket
from pulumi_django.rules.partitions import of_region

LOAD_BALANCER_PREFIX = "alb"
BUCKETS_PREFIX = "s3"
OLD_VERSION_DAYS = 30

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
LOAD_BALANCER_ACCOUNTS: Mapping[str, str] = {
    "cn-north-1": "638102146993",
    "cn-northwest-1": "037604701340",
    "us-gov-east-1": "190560391635",
    "us-gov-west-1": "048591011584",
}
"""Accounts of AWS that write the logs of load balancers in the regions of China and GovCloud."""


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    account_id: pulumi.Input[str]
    """AWS account whose load balancers and buckets may write."""

    region: str | None = None
    """AWS region of the load balancers; only China and GovCloud need it."""

    retention_days: int = 90
    """Days for which log files are kept, 1 to 3650; a deleted file can be restored for 30 days more."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes the logs."""

    def __post_init__(self) -> None:
        if not 1 <= self.retention_days <= 3650:
            raise ValueError(f"retention_days is {self.retention_days}: it is 1 to 3650")


class LogBucket(pulumi.ComponentResource):
    """A private bucket to which AWS delivers access logs of this account, and which forgets them in time.

    Encrypted with S3's own keys: a load balancer can write to no other.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """

    bucket_name: pulumi.Output[str]
    """Name of the bucket, known once AWS may write to it."""

    bucket_arn: pulumi.Output[str]
    """Its ARN, known then too."""

    def __init__(self, name: str, args: LogBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:log_bucket:LogBucket", name, None, opts)
        bucket = aws.s3.Bucket(name, force_destroy=args.force_destroy, opts=pulumi.ResourceOptions(parent=self))
        policy = private_bucket.guard(self, name, bucket, statements=_deliveries(bucket, args))
        versioning = private_bucket.versions(self, name, bucket)
        private_bucket.expire(
            self, name, bucket, versioning, days=args.retention_days, old_version_days=OLD_VERSION_DAYS
        )
        # A load balancer writes a test file when its logs are switched on, and fails when it may not.
        self.bucket_name = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda values: str(values[0]))
        self.bucket_arn = pulumi.Output.all(bucket.arn, policy.id).apply(lambda values: str(values[0]))
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})


def _deliveries(bucket: aws.s3.Bucket, args: LogBucketArgs) -> list[Mapping[str, Any]]:
    account_id = args.account_id
    # A load balancer writes below the id of its own account, so the path also says whose logs are taken.
    return [
        {
            "Sid": "LoadBalancers",
            "Effect": "Allow",
            "Principal": _load_balancers(args.region),
            "Action": "s3:PutObject",
            "Resource": pulumi.Output.concat(bucket.arn, f"/{LOAD_BALANCER_PREFIX}/AWSLogs/", account_id, "/*"),
        },
        {
            "Sid": "Buckets",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": pulumi.Output.concat(bucket.arn, f"/{BUCKETS_PREFIX}/*"),
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        },
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html#standard-logging-permissions-s3
        {
            "Sid": "Distributions",
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": pulumi.Output.concat(bucket.arn, "/AWSLogs/", account_id, "/CloudFront/*"),
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id, "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": {
                    "aws:SourceArn": pulumi.Output.concat("arn:aws:logs:us-east-1:", account_id, ":delivery-source:*")
                },
            },
        },
    ]


def _load_balancers(region: str | None) -> Mapping[str, Any]:
    """Who delivers the logs of load balancers: the service, or where it does not by itself, an account of AWS."""
    owner = LOAD_BALANCER_ACCOUNTS.get(region or "")
    if region is None or owner is None:
        return {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    return {"AWS": f"arn:{of_region(region)}:iam::{owner}:root"}
