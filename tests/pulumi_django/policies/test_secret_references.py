"""References to existing secrets and parameters in the configuration."""

from __future__ import annotations

import pulumi
import pytest

from pulumi_django.policies.secret_references import (
    FORMS,
    ByArn,
    ParameterByName,
    Reference,
    Resolver,
    SecretByName,
    check,
    parse,
)
from pulumi_django.testing import simulate

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mail-AbCdEf"
PARTIAL = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/mail"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/mail/host"
VIA = "arn:aws:ssm:us-east-1:123456789012:parameter/aws/reference/secretsmanager/prod/mail"


def resolved(*texts: str, region: str = "us-east-1") -> list[tuple[str, list[str]]]:
    """Return the value for ECS and the ARNs for its role, for each text."""

    def program() -> None:
        resolver = Resolver(region, pulumi.ComponentResource("test:index:Parent", "parent"))
        for number, text in enumerate(texts):
            found = resolver.resolve(text)
            pulumi.export(str(number), {"value_from": found.value_from, "arns": list(found.arns)})

    outputs = simulate(program, config={"aws:region": region}).outputs
    return [(outputs[str(n)]["value_from"], outputs[str(n)]["arns"]) for n in range(len(texts))]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (SECRET, ByArn(SECRET)),
        (PARAMETER, ByArn(PARAMETER)),
        ("secretsmanager:/prod/stripe", SecretByName("/prod/stripe")),
        ("secretsmanager:prod/stripe:api_key", SecretByName("prod/stripe", "api_key")),
        ("ssm:/prod/hosts", ParameterByName("/prod/hosts")),
        ("ssm:prod/hosts", ParameterByName("/prod/hosts")),
        ("ssm:hosts", ParameterByName("hosts")),
        ("/prod/hosts", ParameterByName("/prod/hosts")),
        ("hosts", ParameterByName("hosts")),
        ("secretsmanager:prod/stripe:api_key:AWSPREVIOUS:", SecretByName("prod/stripe", "api_key", "AWSPREVIOUS:")),
        ("secretsmanager:prod/stripe:api_key::", SecretByName("prod/stripe", "api_key")),
        ("secretsmanager:prod/stripe:::v1", SecretByName("prod/stripe", None, ":v1")),
        (f"{SECRET}:key::", ByArn(f"{SECRET}:key::")),
        (f"{SECRET}::AWSPREVIOUS:", ByArn(f"{SECRET}::AWSPREVIOUS:")),
        (f"{SECRET}:::9d4cb84b", ByArn(f"{SECRET}:::9d4cb84b")),
        (f"{SECRET}:key:AWSPREVIOUS:", ByArn(f"{SECRET}:key:AWSPREVIOUS:")),
        (PARTIAL, ByArn(PARTIAL)),
        (f"{PARTIAL}:key::", ByArn(f"{PARTIAL}:key::")),
    ],
)
def test_each_form_is_parsed(text: str, meaning: Reference) -> None:
    assert parse(text) == meaning


def test_a_policy_names_the_secret_and_not_its_key() -> None:
    assert ByArn(f"{SECRET}:password::").arn == SECRET
    assert ByArn(PARAMETER).arn == PARAMETER


def test_a_policy_covers_any_random_suffix_of_an_arn_that_has_none() -> None:
    assert ByArn(PARTIAL).arn == ByArn(f"{PARTIAL}:key::").arn == f"{PARTIAL}-??????"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"{SECRET}:key", "after the name come a JSON key, a version stage and a version id"),
        (f"{SECRET}:key:", r"as in 'arn:aws:secretsmanager:<region>:<account>:secret:<name>:<JSON key>::'"),
        (f"{SECRET}:key:::", "each of which can be empty"),
        (f"{SECRET}:key:AWSCURRENT:v1", "write a version stage or a version id"),
        ("secretsmanager:mail:key:AWSCURRENT", r"as in 'secretsmanager:<name>:<JSON key>::'"),
        (f"{PARAMETER}:3", "the ARN of a parameter is .* without a version or a label"),
        ("arn:aws:ssm:us-east-1:123456789012:mail", "the ARN of a parameter is"),
        ("arn:aws:ssm:us-east-1:123456789012:document/mail", "the ARN of a parameter is"),
        ("arn:aws:secretsmanager:us-east-1:123456789012:mail", "the ARN of a secret is"),
        ("arn:aws:secretsmanager:us-east-1::secret:mail", "an account has 12 digits"),
        ("arn:aws:secretsmanager::123456789012:secret:mail", "write a region like eu-west-1"),
        ("arn:aws:secretsmanager:cn-north-1:123456789012:secret:mail", "ARNs of cn-north-1 begin with 'arn:aws-cn:'"),
        ("arn:aws:ssm:us-gov-west-1:123456789012:parameter/x", "ARNs of us-gov-west-1 begin with 'arn:aws-us-gov:'"),
    ],
)
def test_an_arn_that_ecs_cannot_read_is_refused_with_the_form_that_it_needs(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse(text)


@pytest.mark.parametrize("text", ["postgres://u:hunter2%@db/x", "p4ss word", "a=b"])
def test_the_error_does_not_show_a_secret_value(text: str) -> None:
    with pytest.raises(ValueError, match=f"a text of {len(text)} characters is not a reference to a secret") as refused:
        parse(text)
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value_from", "arns"),
    [
        (f"{SECRET}:k::", f"{SECRET}:k::", [SECRET]),
        (PARTIAL, PARTIAL, [f"{PARTIAL}-??????"]),
        ("/mail/host", PARAMETER, [PARAMETER]),
        ("ssm:mail/host", PARAMETER, [PARAMETER]),
        ("host", PARAMETER.replace("mail/host", "host"), [PARAMETER.replace("mail/host", "host")]),
        ("/aws/reference/secretsmanager/prod/mail", VIA, [VIA, f"{PARTIAL}-??????"]),
        (VIA, VIA, [VIA, f"{PARTIAL}-??????"]),
    ],
)
def test_the_role_reads_exactly_the_secrets_that_ecs_gets(text: str, value_from: str, arns: list[str]) -> None:
    assert resolved(text) == [(value_from, arns)]


def test_many_keys_of_one_secret_are_one_lookup() -> None:
    first, second = resolved("secretsmanager:prod/mail:user", "secretsmanager:prod/mail:password:AWSPREVIOUS:")
    assert first[1] == second[1]
    assert len(first[1]) == 1
    assert first[0] == f"{first[1][0]}:user::"
    assert second[0] == f"{first[1][0]}:password:AWSPREVIOUS:"


def test_parameters_of_other_partitions_have_their_arns() -> None:
    assert resolved("/mail/host", region="cn-north-1") == [
        (
            "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/mail/host",
            ["arn:aws-cn:ssm:cn-north-1:123456789012:parameter/mail/host"],
        )
    ]


@pytest.mark.parametrize(
    "text", ["", "prod/stripe", "secretsmanager:", "ssm:", "ssm:a:b", "/a//b", "arn:aws:s3:::bucket", "arn:aws:ssm"]
)
def test_other_text_is_refused_with_the_possible_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        check([SECRET, text])
    assert str(refused.value) == f"{text!r} is not a reference to a secret: write {FORMS}"
