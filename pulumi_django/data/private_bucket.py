"""What makes a bucket private: encryption, no public access, TLS only, no ACLs. Used by every bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

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
    """Make `bucket` private, as children of `component` named `{name}-...`; returns its policy.

    `statements` are what the policy allows beside; a bucket has one policy. With `retain` everything outlives the stack.
    Objects are encrypted by the key `kms_key_arn`, or by S3's own.
    """
    child = pulumi.ResourceOptions(parent=component, retain_on_delete=retain)
    aws.s3.BucketOwnershipControls(
        f"{name}-owner",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=child,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                    sse_algorithm="AES256" if kms_key_arn is None else "aws:kms", kms_master_key_id=kms_key_arn
                ),
                # One data key for many objects; S3's own encryption has none to save.
                bucket_key_enabled=None if kms_key_arn is None else True,
            )
        ],
        opts=child,
    )
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    # S3 answers 409 when policy and public access block are changed at the same time.
    after_block = pulumi.ResourceOptions(parent=component, depends_on=[block], retain_on_delete=retain)
    policy = {"Version": "2012-10-17", "Statement": [_tls_only(bucket), *statements]}
    return aws.s3.BucketPolicy(
        f"{name}-tls", bucket=bucket.bucket, policy=pulumi.Output.json_dumps(policy), opts=after_block
    )


def versions(
    component: pulumi.ComponentResource, name: str, bucket: aws.s3.Bucket, *, retain: bool = False
) -> aws.s3.BucketVersioning:
    """Keep what is overwritten or deleted."""
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
    """Delete objects after `days` (None keeps them), old versions and uploads that were never finished."""
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
        # Rules about old versions need versioning to be on.
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
