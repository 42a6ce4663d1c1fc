"""The decoder of the provider's configuration."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pulumi_aws as aws
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pulumi_django.rules import aws_config
from pulumi_django.rules.aws_config import AwsConfigError

ROLE = "arn:aws:iam::123456789012:role/deploy"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_the_keys_are_those_of_the_provider() -> None:
    own = inspect.signature(aws.Provider._internal_init).parameters  # pyright: ignore[reportPrivateUsage]
    assert set(aws_config.KEYS) == {
        _camel(name) for name in own if name not in ("__self__", "resource_name", "opts", "__props__")
    }


@pytest.mark.parametrize(
    ("table", "of_provider"),
    [
        ("_ROLE", aws.ProviderAssumeRoleArgs),
        ("_WEB_IDENTITY", aws.ProviderAssumeRoleWithWebIdentityArgs),
    ],
)
def test_the_keys_of_roles_are_those_of_the_provider(table: str, of_provider: Any) -> None:
    own = inspect.signature(of_provider.__init__).parameters
    assert set(getattr(aws_config, table)) == {_camel(name) for name in own if name != "__self__"}


def test_the_sets_name_only_keys_of_the_provider() -> None:
    assert set(aws_config.KEYS) >= aws_config.WITHOUT_ACCESS


@pytest.mark.parametrize("name", ["123456789012", "true", "1e5", "null-ish", "[team]", "{x}", "007"])
def test_a_text_stays_the_text_that_it_is(name: str) -> None:
    assert aws_config.of_stack({"aws:profile": name, "shop:profile": "x"}) == {"profile": name}


def test_values_come_as_text_or_decoded_and_are_the_same() -> None:
    decoded: dict[str, Any] = {
        "region": "eu-west-1",
        "insecure": True,
        "maxRetries": 3,
        "allowedAccountIds": ["123456789012"],
        "assumeRoles": [{"roleArn": ROLE, "duration": "1h30m", "tags": {"team": "shop"}}],
        "assumeRoleWithWebIdentity": {"roleArn": ROLE, "webIdentityTokenFile": "/token"},
        "endpoints": [{"ecs": "http://127.0.0.1:1"}],
        "defaultTags": {"tags": {"team": "shop"}},
    }
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in decoded.items()}
    assert aws_config.read(decoded) == aws_config.read(text) == decoded


def test_empty_values_are_ignored() -> None:
    assert aws_config.read({"profile": "", "region": None, "endpoints": "null"}) == {}


@pytest.mark.parametrize("value", [{"roleArn": ROLE}, [{"roleArn": ROLE}], json.dumps({"roleArn": ROLE})])
def test_the_older_name_of_the_roles_is_understood(value: Any) -> None:
    assert aws_config.read({"assumeRole": value}) == {"assumeRoles": [{"roleArn": ROLE}]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"profil": "x"}, "aws:profil is not a key of the AWS provider: did you mean profile?"),
        (
            {"skipGetEc2Platforms": "true"},
            "aws:skipGetEc2Platforms is not a key of the AWS provider: the provider no longer",
        ),
        ({"s3ForcePathStyle": "true"}, "its name is now aws:s3UsePathStyle"),
        ({"sharedCredentialsFile": "x"}, "its name is now aws:sharedCredentialsFiles"),
        ({"version": "7.0.0"}, "the Python package pulumi-aws sets the version"),
        ({"insecure": "yes"}, "aws:insecure must be true or false"),
        ({"maxRetries": "many"}, "aws:maxRetries must be a whole number"),
        ({"assumeRoles": ROLE}, "aws:assumeRoles must be a list"),
        (
            {"assumeRoles": [{"roleArm": ROLE}]},
            "has the key 'roleArm', which a role does not have: did you mean roleArn?",
        ),
        ({"assumeRoles": [{"sessionName": "ci"}]}, "aws:assumeRoles has no roleArn"),
        (
            {"assumeRoles": [{"roleArn": ROLE, "duration": "5m"}]},
            "has a wrong duration: it must be a duration from 15m",
        ),
        ({"assumeRole": {"roleArn": ROLE}, "assumeRoles": [{"roleArn": ROLE}]}, "both are set"),
        ({"allowedAccountIds": [12345678901]}, "aws:allowedAccountIds must be a list of account ids: 12 digits each"),
        ({"endpoints": [{"ecs": "127.0.0.1"}]}, "aws:endpoints has no URL for ecs"),
        ({"profile": {"a": 1}}, "aws:profile must be text"),
        ({"defaultTags": {"team": "shop"}}, "has the key 'team', which defaultTags does not have"),
    ],
)
def test_an_invalid_value_is_reported_with_its_key(config: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsConfigError) as caught:
        aws_config.read(config)
    assert message in str(caught.value)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(AwsConfigError) as caught:
        aws_config.read({"profil": "x", "insecure": "yes", "region": "eu-west-1"})
    assert len(caught.value.problems) == 2


def test_a_secret_value_is_never_part_of_a_problem() -> None:
    with pytest.raises(AwsConfigError) as caught:
        aws_config.read({"secretKey": ["hunter2"], "assumeRoleWithWebIdentity": {"webIdentityToken": "hunter2"}})
    assert "hunter2" not in str(caught.value)


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    key=st.sampled_from([*aws_config.KEYS, "assumeRole", "other"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text('a1{[.":', max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["roleArn", "x"]), inner),
        max_leaves=4,
    ),
)
def test_a_value_is_taken_or_refused_by_its_key(key: str, value: Any) -> None:
    try:
        found = aws_config.read({key: value})
    except AwsConfigError as error:
        found = {str(error): error}
    assert all(f"aws:{key}" in name or name in (key, f"{key}s") for name in found)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), (True, True), (False, False)])
def test_a_flag_is_true_or_false(text: Any, value: bool) -> None:
    assert aws_config.of_stack({"aws:skipMetadataApiCheck": text})["skipMetadataApiCheck"] is value


def test_an_empty_key_of_an_object_hides_no_key_after_it() -> None:
    role = {"sessionName": "", "policy": None, "roleArn": "arn:aws:iam::123456789012:role/deploy", "externalId": "x"}
    found = aws_config.of_stack({"aws:assumeRoles": [role]})
    assert found["assumeRoles"] == [{"roleArn": role["roleArn"], "externalId": "x"}]
