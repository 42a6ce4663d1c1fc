"""Buckets: private whatever they are for, and what each one keeps how long."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_django import AssetsBucket, AssetsBucketArgs, LogBucket, LogBucketArgs
from pulumi_django.testing import SimulationResult, simulate

POLICY = "aws:s3/bucketPolicy:BucketPolicy"
EXPIRY = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def logs(**changes: Any) -> SimulationResult:
    return simulate(lambda: LogBucket("logs", LogBucketArgs(account_id="123456789012", **changes)))  # type: ignore[arg-type]


def assets(**arguments: Any) -> SimulationResult:
    return simulate(lambda: AssetsBucket("assets", AssetsBucketArgs(**arguments)))  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [logs, assets])
def test_every_bucket_is_private_encrypted_without_acls_and_reached_over_tls_only(
    make: Callable[[], SimulationResult],
) -> None:
    result = make()
    block = result.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert [value for key, value in block.items() if key != "bucket"] == [True] * 4
    owner = result.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert owner["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    encryption = result.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs
    assert encryption["rules"] == [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    first = json.loads(result.one(POLICY).inputs["policy"])["Statement"][0]
    assert (first["Effect"], first["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_logs_are_delivered_by_aws_for_this_account_only() -> None:
    statements = json.loads(logs().one(POLICY).inputs["policy"])["Statement"][1:]
    arn = logs().one("aws:s3/bucket:Bucket").outputs["arn"]
    assert [(s["Principal"], s["Action"], s["Resource"], s.get("Condition")) for s in statements] == [
        (
            {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "s3:PutObject",
            f"{arn}/alb/AWSLogs/123456789012/*",
            None,
        ),
        (
            {"Service": "logging.s3.amazonaws.com"},
            "s3:PutObject",
            f"{arn}/s3/*",
            {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        ),
        (
            {"Service": "delivery.logs.amazonaws.com"},
            "s3:PutObject",
            f"{arn}/AWSLogs/123456789012/CloudFront/*",
            {
                "StringEquals": {"aws:SourceAccount": "123456789012", "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": {"aws:SourceArn": "arn:aws:logs:us-east-1:123456789012:delivery-source:*"},
            },
        ),
    ]


def test_logs_are_forgotten_in_time_and_deleted_ones_can_be_restored_for_a_while() -> None:
    rule = logs(retention_days=30).one(EXPIRY).inputs["rules"][0]
    assert rule["expiration"] == {"days": 30}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert logs().one("aws:s3/bucketVersioning:BucketVersioning").inputs["versioningConfiguration"] == {
        "status": "Enabled"
    }


def test_retained_assets_stay_whole_when_the_stack_goes() -> None:
    result = assets(versioned=True, old_version_days=90, retain=True, protect=True)
    assert all(r.retain_on_delete for r in result.resources if r.type.startswith("aws:"))
    assert result.one("aws:s3/bucket:Bucket").protect is True
    assert "expiration" not in result.one(EXPIRY).inputs["rules"][0]


def test_requests_for_assets_are_logged_when_a_bucket_for_logs_is_named() -> None:
    logging = assets(access_log_bucket="logs-1").one("aws:s3/bucketLogging:BucketLogging").inputs
    assert (logging["targetBucket"], logging["targetPrefix"]) == ("logs-1", "s3/")


def test_two_buckets_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("one", "two"):
            log = LogBucket(f"{name}-logs", LogBucketArgs(account_id="123456789012"))
            AssetsBucket(f"{name}-assets", AssetsBucketArgs(versioned=True, access_log_bucket=log.bucket_name))
            pulumi.export(name, log.bucket_name)

    assert len(simulate(program).of_type("aws:s3/bucket:Bucket")) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AssetsBucketArgs(old_version_days=3),
            "old_version_days is 3 and versioned is off: old versions need versioned",
        ),
        (lambda: AssetsBucketArgs(versioned=True, old_version_days=0), "old_version_days is 0: it must be 1 or more"),
        (lambda: LogBucketArgs(account_id="1", retention_days=0), "retention_days is 0: it must be 1 to 3650"),
    ],
)
def test_what_cannot_work_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
