"""Values that AWS refuses are refused before the engine runs, with the name of the argument."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django import AdHocAppArgs
from pulumi_django.ecs.scaling import TrackedMetric
from pulumi_django.ecs.web_routing import HealthCheck
from pulumi_django.observability.otel import TracingOptions
from pulumi_django.rules import aws_rules
from pulumi_django.rules.naming import check_service_name
from pulumi_django.rules.priorities import rule_conditions
from pulumi_django.rules.schedules import check_schedule
from tests.pulumi_django.app.test_ad_hoc import arguments

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HUGE = 10**400
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::media/*"}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"extra_env": {"A=B": "x"}}, "extra_env has the variable 'A=B'"),
    ({"extra_env": {"": "x"}}, "extra_env has the variable ''"),
    ({"extra_env": {"A B": None}}, "extra_env has the variable 'A B'"),
    ({"extra_env": {"A\n": "x"}}, "extra_env has the variable 'A\\n'"),
    ({"extra_env": {"1A": "x"}}, "extra_env has the variable '1A'"),
    ({"extra_secrets": {"A:B": "secretsmanager:x"}}, "extra_secrets has the variable 'A:B'"),
    ({"settings_module": ""}, "settings_module is ''"),
    ({"settings_module": "shop.settings."}, "settings_module is 'shop.settings.'"),
    ({"settings_module": "shop/settings.py"}, "settings_module is 'shop/settings.py'"),
    ({"wsgi_module": "shop wsgi"}, "wsgi_module is 'shop wsgi'"),
    ({"celery_app": "shop:"}, "celery_app is 'shop:'"),
    ({"secret_key_arns": ["alias/shop"]}, "secret_key_arns has 'alias/shop'"),
    ({"secret_key_arns": KEY}, f"secret_key_arns is '{KEY}': it must be a list of ARNs"),
    ({"email_identity_arns": ["example.com"]}, "email_identity_arns has 'example.com'"),
    (
        {"task_statements": [{"Effect": "Allow", "Resource": "*"}]},
        "statement 1 needs Action or NotAction, and not both",
    ),
    ({"task_statements": [{"Effect": "Allow", "Action": "s3:*"}]}, "statement 1 needs Resource or NotResource"),
    (
        {"task_statements": [ALLOW, {**ALLOW, "NotAction": "s3:*"}]},
        "statement 2 needs Action or NotAction, and not both",
    ),
    (
        {"task_statements": [{**ALLOW, "Effect": "allow"}]},
        "statement 1 has the Effect 'allow': it must be Allow or Deny",
    ),
    ({"task_statements": [{**ALLOW, "Action": []}]}, "statement 1 has an empty Action"),
    ({"task_statements": [{**ALLOW, "Action": ["GetObject"]}]}, "statement 1 has the action 'GetObject'"),
    ({"task_statements": [{**ALLOW, "Principal": "*"}]}, "statement 1 has 'Principal'"),
    ({"task_statements": [{**ALLOW, "action": "s3:*"}]}, "statement 1 has 'action'"),
    ({"task_statements": [{**ALLOW, "Sid": "my sid"}]}, "statement 1 has the Sid 'my sid'"),
]


@pytest.mark.parametrize(("changes", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_value_that_aws_refuses_is_refused_with_the_name_of_the_argument(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        arguments(**changes)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_env": {"_A": "x", "spring.name": "x", "WITH-HYPHEN": None}},
        {"settings_module": "shop.settings.production", "wsgi_module": "shop.wsgi:application"},
        {"celery_app": "shop.celery:app"},
        {"secret_key_arns": [KEY, "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234"]},
        {
            "email_identity_arns": [
                "arn:aws:ses:*:123456789012:identity/*",
                "arn:aws:ses:eu-west-1:123456789012:identity/a@b.c",
            ]
        },
        {"task_statements": [ALLOW, {**ALLOW, "Sid": "Read", "Action": ["s3:Get*", "*"], "Condition": {}}]},
    ],
)
def test_a_value_that_aws_accepts_is_accepted(changes: dict[str, Any]) -> None:
    assert isinstance(arguments(**changes), AdHocAppArgs)


@pytest.mark.parametrize("pattern", ["/a b", "/a#b", "/ü", "/<x>", "/a|b", "/a\n", "/a\\b", "/a^"])
def test_a_path_pattern_has_the_characters_of_a_load_balancer(pattern: str) -> None:
    with pytest.raises(ValueError, match="the path pattern"):
        rule_conditions(["a.example.com"], [pattern])


@pytest.mark.parametrize("pattern", ["/*", "/api/v?/*", "/a~b@c:d+e&f$g.h-i_j'k\""])
def test_a_path_pattern_may_have_each_of_them(pattern: str) -> None:
    assert rule_conditions(["a.example.com"], [pattern])


@pytest.mark.parametrize("path", ["/a b", "/ü", "/a#b", "health", "", "/a\n", "/" + "a" * 1024])
def test_a_health_path_is_one_that_a_load_balancer_can_ask_for(path: str) -> None:
    with pytest.raises(ValueError, match=r"^path "):
        HealthCheck(path=path)


def test_a_health_path_may_have_a_query() -> None:
    assert HealthCheck(path="/health/?full=1&a=%20").path.startswith("/")


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(\u0660 1 * * ? *)",
        "cron(0 \u00b2 * * ? *)",
        f"cron({'1' * 5000} 1 * * ? *)",
        f"rate({'9' * 5000} days)",
        "rate(\u0663 days)",
        "cron(0/00 1 * * ? *)",
        "cron(0 1 1\u0661W * ? *)",
    ],
)
def test_a_schedule_has_ascii_digits_and_no_endless_numbers(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"^the schedule '"):
        check_schedule(schedule)


@pytest.mark.parametrize("name", ["web-", "web_", "a-", "-", "_a", "a" * 33])
def test_a_service_name_does_not_end_in_a_hyphen(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a service"):
        check_service_name(name)


@pytest.mark.parametrize("name", ["a", "web", "web-ui", "web_2", "a" * 32])
def test_a_service_name_is_taken(name: str) -> None:
    assert check_service_name(name) == name


def test_a_number_of_hundreds_of_digits_is_refused_like_another() -> None:
    assert aws_rules.shown(0.5) == "0.5"
    with pytest.raises(ValueError, match="sample_percent is a number of more than 300 digits"):
        TracingOptions(sample_percent=HUGE)
    with pytest.raises(ValueError, match="target_value is a number of more than 300 digits"):
        TrackedMetric(namespace="shop", name="load", target_value=-HUGE)
