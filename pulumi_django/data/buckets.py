"""Private S3 buckets, and the bucket for access logs of load balancers, buckets and CloudFront."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.rules.partitions import of_region

UNFINISHED_UPLOAD_DAYS = 7


def guard(
    component: pulumi.ComponentResource,
    name: str,
    bucket: aws.s3.Bucket,
    *,
    statements: Sequence[Mapping[str, Any]] = (),
    retain: bool = False,
    kms_key_arn: pulumi.Input[str] | None = None,
) -> aws.s3.BucketPolicy:
    """Make `bucket` private: encryption, TLS only, no public access, no ACLs. Return its policy.

    The resources are children of `component` with names `{name}-...`. `statements` are further statements of the policy,
    because a bucket has one policy. With `retain` the resources outlive the stack. The key `kms_key_arn`, or S3's own,
    encrypts the objects.
    """
    child = pulumi.ResourceOptions(parent=component, retain_on_delete=retain)
    aws.s3.BucketOwnershipControls(
        f"{name}-owner",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=child,
    )
    _encrypt(name, bucket, kms_key_arn, child)
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    # S3 responds with 409 when policy and public access block change at the same time.
    after_block = pulumi.ResourceOptions(parent=component, depends_on=[block], retain_on_delete=retain)
    policy = {"Version": "2012-10-17", "Statement": [_tls_only(bucket), *statements]}
    return aws.s3.BucketPolicy(
        f"{name}-tls", bucket=bucket.bucket, policy=pulumi.Output.json_dumps(policy), opts=after_block
    )


def _encrypt(
    name: str, bucket: aws.s3.Bucket, kms_key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> None:
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                    sse_algorithm="AES256" if kms_key_arn is None else "aws:kms", kms_master_key_id=kms_key_arn
                ),
                # One data key for many objects reduces calls of KMS. S3's own encryption makes no such calls.
                bucket_key_enabled=None if kms_key_arn is None else True,
            )
        ],
        opts=opts,
    )


def versions(
    component: pulumi.ComponentResource, name: str, bucket: aws.s3.Bucket, *, retain: bool = False
) -> aws.s3.BucketVersioning:
    """Turn on versioning, so that overwritten and deleted objects can be restored."""
    return aws.s3.BucketVersioning(
        f"{name}-versions",
        bucket=bucket.bucket,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=pulumi.ResourceOptions(parent=component, retain_on_delete=retain),
    )


def expire(
    component: pulumi.ComponentResource,
    name: str,
    bucket: aws.s3.Bucket,
    versioning: aws.s3.BucketVersioning,
    *,
    days: int | None = None,
    old_version_days: int,
    retain: bool = False,
) -> aws.s3.BucketLifecycleConfiguration:
    """Delete objects after `days` (None keeps them), old versions, and unfinished uploads."""
    rule = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="expire",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days) if days else None,
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=old_version_days
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UNFINISHED_UPLOAD_DAYS
        ),
    )
    return aws.s3.BucketLifecycleConfiguration(
        f"{name}-expiry",
        bucket=bucket.bucket,
        rules=[rule],
        # Rules for old versions need versioning.
        opts=pulumi.ResourceOptions(parent=component, depends_on=[versioning], retain_on_delete=retain),
    )


def _tls_only(bucket: aws.s3.Bucket) -> Mapping[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


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
"""AWS's own accounts that write the logs of load balancers, by region of China and GovCloud."""


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    account_id: pulumi.Input[str]
    """Id of the AWS account whose load balancers and buckets can write to the bucket."""

    region: str | None = None
    """AWS region of the load balancers. Only China and GovCloud need it."""

    retention_days: int = 90
    """Days to keep log files, 1 to 3650. A deleted file can be restored for 30 more days."""

    force_destroy: bool = False
    """Whether deleting the bucket deletes its logs. Without it a bucket with logs cannot be deleted."""

    def __post_init__(self) -> None:
        if not 1 <= self.retention_days <= 3650:
            raise ValueError(f"retention_days is {self.retention_days}: it must be 1 to 3650")


class LogBucket(pulumi.ComponentResource):
    """A private bucket for access logs of this account. It deletes them after `retention_days`.

    S3's own keys encrypt it, because a load balancer cannot write with another key.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """

    bucket_name: pulumi.Output[str]
    """Name of the bucket, known after AWS has permission to write to it."""

    bucket_arn: pulumi.Output[str]
    """ARN of the bucket, known at the same time."""

    def __init__(self, name: str, args: LogBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:log_bucket:LogBucket", name, None, opts)
        bucket = aws.s3.Bucket(name, force_destroy=args.force_destroy, opts=pulumi.ResourceOptions(parent=self))
        policy = guard(self, name, bucket, statements=_deliveries(bucket, args))
        versioning = versions(self, name, bucket)
        expire(self, name, bucket, versioning, days=args.retention_days, old_version_days=OLD_VERSION_DAYS)
        # A load balancer writes a test file when its logs are turned on, and fails without permission.
        self.bucket_name = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda values: str(values[0]))
        self.bucket_arn = pulumi.Output.all(bucket.arn, policy.id).apply(lambda values: str(values[0]))
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})


def _deliveries(bucket: aws.s3.Bucket, args: LogBucketArgs) -> list[Mapping[str, Any]]:
    account_id = args.account_id
    # A load balancer writes below the id of its own account, so the path limits the accounts.
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
    """Return the principal that delivers the logs of load balancers: the service, or in some regions an account of
    AWS."""
    owner = LOAD_BALANCER_ACCOUNTS.get(region or "")
    if region is None or owner is None:
        return {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    return {"AWS": f"arn:{of_region(region)}:iam::{owner}:root"}
