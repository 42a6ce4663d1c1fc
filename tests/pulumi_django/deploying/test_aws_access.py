"""Access of code outside the provider to the same AWS."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from moto import mock_aws

from pulumi_django.deploying import aws_access, aws_sessions
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.aws_sessions import MAX_ATTEMPTS
from pulumi_django.deploying.aws_settings import AssumedRole
from pulumi_django.rules import aws_config
from pulumi_django.rules.aws_config import AwsConfigError
from tests.support.sts_standin import Sts, sts

ROLES = "arn:aws:iam::123456789012:role"


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


def test_the_metadata_service_of_the_stacks_configuration_is_the_one_that_boto3_asks() -> None:
    given = {"ec2MetadataServiceEndpoint": "http://127.0.0.1:3", "ec2MetadataServiceEndpointMode": "IPv6"}
    access = AwsAccess.from_config({"region": "eu-west-1", **given})
    core: Any = aws_sessions._plain_session(access)._session  # pyright: ignore[reportPrivateUsage]
    assert core.get_config_variable("ec2_metadata_service_endpoint") == "http://127.0.0.1:3"
    assert core.get_config_variable("ec2_metadata_service_endpoint_mode") == "IPv6"


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


# the same account as the provider


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    with sts() as running:
        yield running


def access(service: Sts, **config: Any) -> AwsAccess:
    return AwsAccess.from_config({"region": "eu-west-1", "endpoints": [{"sts": service.url}], **config})


def key_used(found: AwsAccess, service: Sts) -> str | None:
    """Return the access key id of a signed request."""
    found.client("sts").get_caller_identity()
    return service.asked[-1].key


def test_each_role_of_a_chain_is_assumed_by_the_one_before_it(service: Sts) -> None:
    found = access(service, assumeRoles=[{"roleArn": f"{ROLES}/one"}, {"roleArn": f"{ROLES}/two"}])
    assert key_used(found, service) == "key-of-two"
    assert service.roles == [("key-of-the-environment", f"{ROLES}/one"), ("key-of-one", f"{ROLES}/two")]


def test_all_clients_share_one_session(service: Sts) -> None:
    found = access(service, assumeRole={"roleArn": f"{ROLES}/one"})
    assert [key_used(found, service), key_used(found, service)] == ["key-of-one", "key-of-one"]
    assert len(service.roles) == 1


def test_sts_receives_every_setting_of_a_role(service: Sts) -> None:
    role = {
        "roleArn": f"{ROLES}/one",
        "sessionName": "ci",
        "externalId": "0042",
        "duration": "1h30m",
        "policy": '{"Version": "2012-10-17", "Statement": []}',
        "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "sourceIdentity": "ada",
        "tags": {"team": "shop"},
        "transitiveTagKeys": ["team"],
    }
    key_used(access(service, assumeRoles=[role], stsRegion="us-east-1"), service)
    assert service.asked[0].region == "us-east-1"
    assert service.asked[0].parameters == {
        "Action": "AssumeRole",
        "RoleArn": f"{ROLES}/one",
        "RoleSessionName": "ci",
        "ExternalId": "0042",
        "DurationSeconds": "5400",
        "Policy": role["policy"],
        "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "SourceIdentity": "ada",
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "shop",
        "TransitiveTagKeys.member.1": "team",
    }


def test_a_web_identity_comes_before_the_roles(service: Sts, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("signed-by-ci\n")
    identity = {"roleArn": f"{ROLES}/ci", "webIdentityTokenFile": str(tmp_path / "token"), "sessionName": "job-7"}
    found = access(service, assumeRoleWithWebIdentity=identity, assumeRoles=[{"roleArn": f"{ROLES}/deploy"}])
    assert key_used(found, service) == "key-of-deploy"
    assert service.roles == [(None, f"{ROLES}/ci"), ("key-of-ci", f"{ROLES}/deploy")]
    assert service.asked[0].parameters["WebIdentityToken"] == "signed-by-ci"
    assert service.asked[0].parameters["RoleSessionName"] == "job-7"


def test_a_web_identity_can_be_the_token_itself(service: Sts) -> None:
    identity = {"roleArn": f"{ROLES}/ci", "webIdentityToken": "signed-by-ci"}
    assert key_used(access(service, assumeRoleWithWebIdentity=identity), service) == "key-of-ci"
    assert service.asked[0].parameters["WebIdentityToken"] == "signed-by-ci"


def test_keys_win_over_profile_and_environment(service: Sts) -> None:
    found = access(service, accessKey="key-of-config", secretKey="hunter2", profile="absent")
    assert key_used(found, service) == "key-of-config"
    assert "hunter2" not in repr(found)


def test_a_profile_wins_over_keys_of_the_environment_and_comes_from_the_files_that_are_named(
    service: Sts, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text(
        "[123456789012]\naws_access_key_id = key-of-file\naws_secret_access_key = s\n"
    )
    (tmp_path / "config").write_text(
        f"[profile chained]\nrole_arn = {ROLES}/profile\nsource_profile = 123456789012\nregion = eu-west-1\n"
    )
    files = {
        "sharedConfigFiles": [str(tmp_path / "config")],
        "sharedCredentialsFiles": [str(tmp_path / "credentials")],
    }
    assert key_used(access(service, profile="123456789012", **files), service) == "key-of-file"


def test_of_two_profiles_of_the_environment_the_providers_counts(
    service: Sts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = "[{0}]\naws_access_key_id = key-of-{0}\naws_secret_access_key = s\n"
    (tmp_path / "credentials").write_text(entry.format("one") + entry.format("two"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "one")
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "two")
    assert key_used(access(service), service) == "key-of-the-environment"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert key_used(access(service), service) == "key-of-one"


def test_missing_credentials_raise_the_error_of_boto3(
    service: Sts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NoCredentialsError):
        access(service, assumeRoles=[{"roleArn": f"{ROLES}/one"}]).client("ecs")


@pytest.mark.parametrize(
    ("key", "accounts"), [("allowedAccountIds", ["210987654321"]), ("forbiddenAccountIds", ["123456789012"])]
)
def test_an_account_that_is_not_allowed_gets_no_client(service: Sts, key: str, accounts: list[str]) -> None:
    with pytest.raises(BotoCoreError, match=f"account 123456789012, which aws:{key} does not allow"):
        access(service, **{key: accounts}).client("ecs")
    service.account = "210987654321"
    assert access(service, **{key: accounts}).client("ecs")


def test_endpoints_are_found_by_every_name_of_the_provider() -> None:
    names = {"applicationautoscaling": "http://a", "cloudwatchlogs": "http://b", "eventbridge": "http://c"}
    found = AwsAccess.from_config({"region": "eu-west-1", "endpoints": [names]})
    urls = [found.client(name).meta.endpoint_url for name in ("application-autoscaling", "logs", "events", "ecs")]
    assert urls == ["http://a", "http://b", "http://c", "https://ecs.eu-west-1.amazonaws.com"]


def test_fips_dualstack_retries_and_path_style_reach_the_clients() -> None:
    config = {"region": "us-east-1", "maxRetries": "2", "retryMode": "adaptive", "s3UsePathStyle": "true"}
    plain = AwsAccess.from_config(config)
    assert plain.client("ecs").meta.config.retries == {"mode": "adaptive", "total_max_attempts": 3}
    assert plain.client("s3").meta.config.s3["addressing_style"] == "path"
    both = AwsAccess.from_config({**config, "useFipsEndpoint": "true", "useDualstackEndpoint": "true"})
    assert both.client("ec2").meta.endpoint_url == "https://ec2-fips.us-east-1.api.aws"


def test_a_bundle_of_certificates_reaches_the_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)

    def verified(**config: Any) -> Any:
        client = AwsAccess.from_config({"region": "eu-west-1", **config}).client("ecs")
        return client._endpoint.http_session._verify  # pyright: ignore[reportPrivateUsage]

    assert verified(customCaBundle=str(tmp_path / "ca.pem")) == str(tmp_path / "ca.pem")
    assert verified(insecure=True) is False
    assert verified() is True


def test_hosts_without_a_proxy_are_reached_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def proxies(**config: Any) -> Any:
        client = AwsAccess.from_config({"region": "eu-west-1", **config}).client("ecs")
        return client._endpoint.http_session._proxy_config._proxies  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setenv("HTTPS_PROXY", "http://environment:1")
    assert proxies()["https"] == "http://environment:1"
    assert proxies(httpsProxy="http://config:1") == {"https": "http://config:1"}
    assert proxies(httpProxy="http://config:1") == {"http": "http://config:1", "https": "http://config:1"}
    assert proxies(noProxy="amazonaws.com") == {}
    assert proxies(httpsProxy="http://config:1", noProxy=".eu-west-1.amazonaws.com") == {}
    monkeypatch.setenv("NO_PROXY", "ecs.eu-west-1.amazonaws.com")
    assert proxies(httpsProxy="http://config:1") == {}
    assert proxies(httpsProxy="http://config:1", noProxy="other")["https"] == "http://config:1"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sharedConfigFiles": ["a", "b"]}, "aws:sharedConfigFiles names 2 files"),
        ({"sharedCredentialsFiles": ["a", "b"]}, "aws:sharedCredentialsFiles names 2 files"),
        ({"noProxy": "10.0.0.0/8"}, "aws:noProxy has an address range"),
        ({"accessKey": "x"}, "aws:secretKey is missing"),
        ({"token": "x"}, "aws:accessKey is missing"),
        ({"assumeRoleWithWebIdentity": {"roleArn": "x"}}, "needs one of webIdentityToken and webIdentityTokenFile"),
        ({"assumeRol": {}}, "aws:assumeRol is not a key of the AWS provider"),
    ],
)
def test_an_unsupported_key_is_refused_by_name(config: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsConfigError, match=message):
        AwsAccess.from_config(config)


def test_every_key_is_supported_or_does_not_affect_the_account() -> None:
    """A new key of the provider fails here until hooks and operations support it, or it is listed as one without effect."""
    followed = set(inspect.getsource(aws_access).replace('"', " ").split())
    assert {key for key in aws_config.KEYS if key not in aws_config.WITHOUT_ACCESS} <= followed


def test_both_ways_to_name_a_role_give_the_same_access() -> None:
    assert AwsAccess(assume_role_arn="r", external_id="x") == AwsAccess(
        assume_roles=[AssumedRole(role_arn="r", external_id="x")]
    )
    with pytest.raises(ValueError, match="assume_role_arn is 'a' and assume_roles ends with 'b'"):
        AwsAccess(assume_role_arn="a", assume_roles=[AssumedRole(role_arn="b")])
