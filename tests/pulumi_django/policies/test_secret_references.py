"""How configuration names secrets and parameters that are there already."""

from __future__ import annotations

import pytest

from pulumi_django.policies.secret_references import (
    FORMS,
    ByArn,
    ParameterByName,
    Reference,
    SecretByName,
    check,
    parse,
)

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mail-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/mail/host"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (SECRET, ByArn(SECRET)),
        (PARAMETER, ByArn(PARAMETER)),
        ("secretsmanager:/prod/stripe", SecretByName("/prod/stripe")),
        ("secretsmanager:prod/stripe:api_key", SecretByName("prod/stripe", "api_key")),
        ("ssm:/prod/hosts", ParameterByName("/prod/hosts")),
    ],
)
def test_a_text_means(text: str, meaning: Reference) -> None:
    assert parse(text) == meaning


def test_a_policy_names_the_secret_and_not_its_key() -> None:
    assert ByArn(f"{SECRET}:password::").arn == SECRET
    assert ByArn(PARAMETER).arn == PARAMETER


@pytest.mark.parametrize("text", ["", "stripe", "secretsmanager:", "ssm:", "ssm:a:b", "arn:aws:s3:::bucket"])
def test_anything_else_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        check([SECRET, text])
    assert str(refused.value) == f"{text!r} names no secret: give {FORMS}"
