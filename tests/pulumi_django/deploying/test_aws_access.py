"""How code outside the provider reaches the same AWS."""

from __future__ import annotations

import pytest
from moto import mock_aws

from pulumi_django.deploying.aws_access import MAX_ATTEMPTS, AwsAccess


def test_region_profile_endpoints_and_role_come_from_the_stacks_configuration() -> None:
    access = AwsAccess.from_config(
        {
            "region": "eu-west-1",
            "profile": "shop",
            "endpoints": [{"ecs": "http://127.0.0.1:1", "logs": "http://127.0.0.1:2", "s3": None}],
            "assumeRoles": [{"roleArn": "arn:aws:iam::123456789012:role/deploy", "externalId": "x"}],
            "skipCredentialsValidation": True,
        }
    )
    assert access == AwsAccess(
        region="eu-west-1",
        profile="shop",
        endpoints={"ecs": "http://127.0.0.1:1", "logs": "http://127.0.0.1:2"},
        assume_role_arn="arn:aws:iam::123456789012:role/deploy",
        external_id="x",
    )


def test_nothing_configured_is_boto3s_own_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert AwsAccess.from_config({}) == AwsAccess()
    assert AwsAccess().client("ecs").meta.region_name == "us-west-2"


def test_the_region_of_the_environment_is_read_as_the_provider_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert AwsAccess().client("ecs").meta.region_name == "eu-central-1"
    assert AwsAccess(region="eu-west-1").client("ecs").meta.region_name == "eu-west-1"


def test_a_client_has_the_endpoint_region_and_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = AwsAccess(region="eu-west-1", endpoints={"ecs": "http://127.0.0.1:1"}).client("ecs")
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:1", "eu-west-1")
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}


@mock_aws
def test_a_role_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    role = "arn:aws:iam::123456789012:role/deploy"
    caller = AwsAccess(region="us-east-1", assume_role_arn=role).client("sts").get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/deploy/pulumi-django"
