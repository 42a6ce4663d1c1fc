"""The provider's configuration (`aws:*`) in the programs of the project folders."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_django.program.config import ConfigError
from tests.support.projects import simulate_alpha, simulate_dev


def test_the_older_name_of_the_providers_roles_is_understood() -> None:
    role = {"roleArn": "arn:aws:iam::123456789012:role/deploy", "sessionName": "ci"}
    provider = simulate_dev(changes={"aws:assumeRole": role}).one("pulumi:providers:aws")
    assert json.loads(provider.inputs["assumeRoles"]) == [role]


def test_a_profile_that_looks_like_a_number_stays_a_name() -> None:
    assert (
        simulate_dev(changes={"aws:profile": "123456789012"}).one("pulumi:providers:aws").inputs["profile"]
        == "123456789012"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("aws:profil", "shop", "aws:profil is not a key of the AWS provider: did you mean profile?"),
        (
            "aws:skipGetEc2Platforms",
            "true",
            "aws:skipGetEc2Platforms is not a key of the AWS provider: the provider no longer reads",
        ),
        ("aws:s3ForcePathStyle", "true", "its name is now aws:s3UsePathStyle"),
        ("aws:insecure", "yes", "aws:insecure must be true or false"),
        (
            "aws:endpoints",
            [{"ecss": "http://127.0.0.1"}],
            "names the service 'ecss', which the AWS provider does not know",
        ),
    ],
)
def test_a_provider_key_that_cannot_be_used_is_reported_with_stack_and_file(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        simulate_dev(changes={key: value})
    assert message in str(caught.value)
    assert "the stack dev" in str(caught.value)
    assert "Pulumi.dev.yaml" in str(caught.value)


def test_hooks_refuse_a_key_that_only_the_provider_can_follow() -> None:
    with pytest.raises(ConfigError, match="aws:sharedConfigFiles names 2 files"):
        simulate_alpha(changes={"aws:sharedConfigFiles": ["one", "two"]})
