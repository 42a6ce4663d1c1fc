"""What the key of a base encrypts from the start, and what keeps its key because AWS changes it only with the data."""

from __future__ import annotations

import functools

import pytest

from pulumi_django import (
    AdHocBase,
    AdHocBaseArgs,
    CacheOptions,
    NetworkOptions,
    ProdAuroraOptions,
    ProdBase,
    ProdBaseArgs,
    ProdDatabaseOptions,
    contract,
)
from pulumi_django.testing import SimulationResult, simulate

ARGS = {"region": "us-east-1", "domain_name": "example.com"}


@functools.cache
def prod(*, aurora: bool = False, insights: bool = True) -> SimulationResult:
    database = ProdDatabaseOptions(performance_insights=insights)
    args = ProdBaseArgs(**ARGS, database=database, aurora=ProdAuroraOptions() if aurora else None)  # type: ignore[arg-type]
    return simulate(lambda: ProdBase("prod", args) and None, project="django-base", stack="prod")


def key(result: SimulationResult) -> str:
    return str(result.one("aws:kms/key:Key").outputs["arn"])


def test_a_new_cache_and_its_token_are_encrypted_with_the_key_and_an_old_cache_is_not_replaced() -> None:
    cache = prod().one("aws:elasticache/replicationGroup:ReplicationGroup")
    assert cache.inputs["kmsKeyId"] == key(prod())
    assert "kmsKeyId" in cache.ignore_changes
    assert prod().one("aws:secretsmanager/secret:Secret", "prod-cache-auth").inputs["kmsKeyId"] == key(prod())


def test_query_statistics_are_encrypted_with_the_key_and_servers_that_have_some_keep_theirs() -> None:
    servers = [
        (prod(), "aws:rds/instance:Instance"),
        (prod(aurora=True), "aws:rds/clusterInstance:ClusterInstance"),
    ]
    for result, type_ in servers:
        for server in result.of_type(type_):
            assert server.inputs["performanceInsightsKmsKeyId"] == key(result)
            assert "performanceInsightsKmsKeyId" in server.ignore_changes


def test_a_server_without_statistics_is_given_no_key_for_them() -> None:
    server = prod(insights=False).one("aws:rds/instance:Instance")
    assert "performanceInsightsKmsKeyId" not in server.inputs


def test_logs_of_production_are_kept_for_a_year() -> None:
    groups = prod().of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.name: group.inputs["retentionInDays"] for group in groups} == {
        "prod-flow-logs": 365,
        "prod-database-log-postgresql": 365,
        "prod-database-log-upgrade": 365,
    }


def ad_hoc(**changes: object) -> SimulationResult:
    args = AdHocBaseArgs(**ARGS, cache=CacheOptions(), network=NetworkOptions(flow_logs=True), **changes)  # type: ignore[arg-type]

    def program() -> None:
        contract.export(AdHocBase("dev", args).contract)

    return simulate(program, project="django-base", stack="dev")


def test_the_key_of_an_ad_hoc_base_encrypts_logs_statistics_and_the_cache_and_is_offered_to_environments() -> None:
    result = ad_hoc()
    arn = key(result)
    groups = result.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.name for group in groups} == {"dev-flow-logs", "dev-database-log-postgresql"}
    assert {(group.inputs["kmsKeyId"], group.inputs["retentionInDays"]) for group in groups} == {(arn, 365)}
    assert result.one("aws:rds/instance:Instance").inputs["performanceInsightsKmsKeyId"] == arn
    assert result.one("aws:elasticache/replicationGroup:ReplicationGroup").inputs["kmsKeyId"] == arn
    assert result.one("aws:secretsmanager/secret:Secret", "dev-cache-auth").inputs["kmsKeyId"] == arn
    assert result.outputs["kms_key_arn"] == arn


def test_an_ad_hoc_base_without_a_key_uses_the_keys_of_aws() -> None:
    result = ad_hoc(encryption_key=False)
    assert result.of_type("aws:kms/key:Key") == ()
    assert [each.name for each in result.resources if "kmsKeyId" in each.inputs] == []
    assert "performanceInsightsKmsKeyId" not in result.one("aws:rds/instance:Instance").inputs
    assert result.outputs.get("kms_key_arn") is None


@pytest.mark.parametrize("with_key", [True, False])
def test_the_shared_roles_of_an_ad_hoc_base_may_use_its_key(with_key: bool) -> None:
    result = ad_hoc(shared_roles=True, encryption_key=with_key)
    for policy in result.of_type("aws:iam/rolePolicy:RolePolicy"):
        if policy.name in ("dev-task-policy", "dev-execution-policy", "dev-database-execution-policy"):
            assert (key(result) in str(policy.inputs["policy"])) if with_key else "kms:" not in policy.inputs["policy"]
