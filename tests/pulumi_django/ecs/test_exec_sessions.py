"""Shell sessions: encryption, records, and the rights of the tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from pulumi_django import Cluster, ClusterArgs, ExecSessions, ExecSessionsArgs, TaskRole, TaskRoleArgs
from pulumi_django.testing import SimulationResult, simulate

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


def made(**more: Any) -> SimulationResult:
    def program() -> None:
        args = ExecSessionsArgs(environment="shop", region="us-east-1", kms_key_arn=KEY, **more)
        sessions = ExecSessions("shop-exec", args)
        Cluster("shop-cluster", ClusterArgs(environment="shop", configuration=sessions.configuration))
        TaskRole("shop-task", TaskRoleArgs(exec_enabled=True, statements=sessions.statements))

    return simulate(program)


def configuration(result: SimulationResult) -> dict[str, Any]:
    return result.one("aws:ecs/cluster:Cluster").inputs["configuration"]["executeCommandConfiguration"]


def allowed(result: SimulationResult) -> dict[str, tuple[list[str], list[str]]]:
    document = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    return {s["Sid"]: (s["Action"], s["Resource"]) for s in document["Statement"]}


def test_sessions_are_encrypted_and_logged() -> None:
    result = made()
    assert configuration(result) == {
        "kmsKeyId": KEY,
        "logging": "OVERRIDE",
        "logConfiguration": {
            "cloudWatchEncryptionEnabled": True,
            "cloudWatchLogGroupName": "/ecs/shop/_exec",
        },
    }
    group = result.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (group["kmsKeyId"], group["retentionInDays"]) == (KEY, 90)


def test_a_bucket_keeps_each_session_as_a_file() -> None:
    result = made(bucket=True)
    log = configuration(result)["logConfiguration"]
    assert log["s3BucketName"] == result.one("aws:s3/bucket:Bucket").outputs["bucket"]
    assert (log["s3BucketEncryptionEnabled"], log["s3KeyPrefix"]) == (True, "shop")
    assert result.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs["blockPublicAcls"] is True


def test_tasks_may_write_their_sessions_down_and_nothing_else() -> None:
    result = made(bucket=True)
    group = result.one("aws:cloudwatch/logGroup:LogGroup").outputs["arn"]
    bucket = result.one("aws:s3/bucket:Bucket").outputs["arn"]
    statements = allowed(result)
    assert statements.pop("Exec")[1] == ["*"]
    assert statements == {
        "SessionKey": (["kms:Decrypt"], [KEY]),
        "SessionGroups": (["logs:DescribeLogGroups"], ["arn:aws:logs:us-east-1:*:log-group:*"]),
        "SessionLog": (["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [f"{group}:*"]),
        "SessionFiles": (["s3:PutObject"], [f"{bucket}/shop/*"]),
        "SessionBucket": (["s3:GetEncryptionConfiguration"], [bucket]),
    }


def test_a_cluster_without_them_leaves_sessions_to_the_containers_log() -> None:
    result = simulate(lambda: (Cluster("shop", ClusterArgs(environment="shop")), None)[1])
    assert "configuration" not in result.one("aws:ecs/cluster:Cluster").inputs


def test_days_that_cloudwatch_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^retention_days is 2: allowed are 1, 3, 5, "):
        ExecSessionsArgs(environment="shop", region="us-east-1", kms_key_arn=KEY, retention_days=2)


def test_the_key_may_be_of_the_same_stack() -> None:
    def program() -> None:
        key = pulumi.Output.from_input(KEY)
        ExecSessions("shop-exec", ExecSessionsArgs(environment="shop", region="us-east-1", kms_key_arn=key))

    groups: Sequence[Any] = simulate(program, preview=True).of_type("aws:cloudwatch/logGroup:LogGroup")
    assert [group.name for group in groups] == ["shop-exec"]
