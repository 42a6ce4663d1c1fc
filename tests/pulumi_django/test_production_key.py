"""What production's key encrypts from the start, and what keeps its key because AWS changes it only with the data."""

from __future__ import annotations

import functools

from pulumi_django import ProdAuroraOptions, ProdBase, ProdBaseArgs, ProdDatabaseOptions
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
