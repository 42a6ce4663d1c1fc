"""The storage of Pulumi's state and the key of its secrets: a bucket for `s3://`, a KMS key for `awskms://`."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.data import buckets

# https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
KEY_DELETION_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class StateBackendArgs:
    region: str
    """AWS region of bucket and key."""

    old_version_days: int = 90
    """Days within which overwritten and deleted checkpoints can be restored, 1 to 3650."""

    retain: bool = True
    """Whether bucket and key stay when the stack is destroyed. Without them no stack is readable."""

    def __post_init__(self) -> None:
        if not 1 <= self.old_version_days <= 3650:
            raise ValueError(f"old_version_days is {self.old_version_days}: it must be 1 to 3650")


class StateBackend(pulumi.ComponentResource):
    """A private, versioned bucket, and a KMS key with yearly rotation, which encrypts the bucket too."""

    bucket_name: pulumi.Output[str]
    """Name of the bucket."""

    bucket_arn: pulumi.Output[str]
    """ARN of the bucket."""

    key_arn: pulumi.Output[str]
    """ARN of the key."""

    backend_url: pulumi.Output[str]
    """Argument of `pulumi login`."""

    secrets_provider: pulumi.Output[str]
    """Argument of `pulumi stack init --secrets-provider`."""

    def __init__(self, name: str, args: StateBackendArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:StateBackend", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"{name}: Pulumi state and secrets",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_DAYS,
            opts=child,
        )
        alias = aws.kms.Alias(f"{name}-alias", name=f"alias/{name}", target_key_id=key.key_id, opts=child)
        bucket = self._bucket(f"{name}-bucket", args, key)
        self.bucket_name, self.bucket_arn, self.key_arn = bucket.bucket, bucket.arn, key.arn
        self.backend_url = pulumi.Output.format("s3://{0}?region={1}", bucket.bucket, args.region)
        self.secrets_provider = pulumi.Output.format("awskms:///{0}?region={1}", alias.name, args.region)
        self.register_outputs(
            {
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "key_arn": self.key_arn,
                "backend_url": self.backend_url,
                "secrets_provider": self.secrets_provider,
            }
        )

    def _bucket(self, name: str, args: StateBackendArgs, key: aws.kms.Key) -> aws.s3.Bucket:
        bucket = aws.s3.Bucket(
            name,
            force_destroy=not args.retain,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
        )
        buckets.guard(self, name, bucket, retain=args.retain, kms_key_arn=key.arn)
        versioning = buckets.versions(self, name, bucket, retain=args.retain)
        buckets.expire(self, name, bucket, versioning, old_version_days=args.old_version_days, retain=args.retain)
        return bucket
