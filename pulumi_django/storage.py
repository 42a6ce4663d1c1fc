"""Buckets for static files and media."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AssetsBucketArgs:
    force_destroy: bool = False
    """Whether deleting the bucket deletes what is in it; otherwise a bucket with objects cannot be deleted."""

    versioned: bool = False
    """Whether overwritten and deleted objects can be restored."""

    retain: bool = False
    """Whether the bucket stays when the stack is destroyed."""


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
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
        )
        self._guards(name, args, bucket)
        self.bucket_name, self.bucket_arn = bucket.bucket, bucket.arn
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})

    def _guards(self, name: str, args: AssetsBucketArgs, bucket: aws.s3.Bucket) -> None:
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain)
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
                        sse_algorithm="AES256"
                    )
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
        after_block = pulumi.ResourceOptions(parent=self, depends_on=[block], retain_on_delete=args.retain)
        aws.s3.BucketPolicy(f"{name}-tls", bucket=bucket.bucket, policy=_tls_only(bucket), opts=after_block)
        if args.versioned:
            aws.s3.BucketVersioning(
                f"{name}-versions",
                bucket=bucket.bucket,
                versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
                opts=child,
            )


def _tls_only(bucket: aws.s3.Bucket) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    )
