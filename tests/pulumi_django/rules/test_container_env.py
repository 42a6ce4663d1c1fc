"""Environment variables of a Django container."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_django.rules.container_env import Broker, ContainerEnv, ContainerValues, Redis, container_env, stack_values

CACHE_URL = "redis://alpha-redis.dev-sd-ns:6379/0"
VALUES: dict[str, Any] = {
    "environment": "alpha",
    "base": "dev",
    "domain": "example.com",
    "url": "https://alpha.example.com",
    "region": "us-east-1",
    "settings_module": "backend.settings.production",
    "bucket": "assets",
    "database_host": "db.internal",
    "database_port": "5432",
    "database_name": "alpha-db",
    "redis": Redis(host="alpha-redis.dev-sd-ns", cache_url=CACHE_URL),
    "broker": Broker(url="redis://alpha-redis.dev-sd-ns:6379/1"),
    "password_secret_name": "alpha-password",
}
REFERENCES = {key: f"arn:{key}" for key in ("SECRET_KEY", "DB_USER", "DB_PASSWORD", "DATABASE_URL")}


def env(changes: dict[str, Any] | None = None, **more: Any) -> ContainerEnv:
    return container_env(ContainerValues(**{**VALUES, **(changes or {})}), secret_reference=REFERENCES, **more)


def test_the_plain_variables_are_the_union_of_what_the_reference_systems_use() -> None:
    assert env().plain == {
        "ALLOWED_HOSTS": "*",
        "APP_NAME": "alpha",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "BASE_STACK_NAME": "dev",
        "CELERY_BROKER_URL": "redis://alpha-redis.dev-sd-ns:6379/1",
        "DB_HOST": "db.internal",
        "DB_NAME": "alpha-db",
        "DB_PORT": "5432",
        "DB_SECRET_NAME": "alpha-password",
        "DEBUG": "0",
        "DJANGO_ALLOWED_HOSTS": "*",
        "DJANGO_SETTINGS_MODULE": "backend.settings.production",
        "DOMAIN_NAME": "example.com",
        "FRONTEND_URL": "https://alpha.example.com",
        "POSTGRES_NAME": "alpha-db",
        "POSTGRES_SERVICE_HOST": "db.internal",
        "POSTGRES_SERVICE_PORT": "5432",
        "REDIS_SERVICE_HOST": "alpha-redis.dev-sd-ns",
        "REDIS_URL": "redis://alpha-redis.dev-sd-ns:6379/0",
        "S3_BUCKET_NAME": "assets",
    }


def test_secrets_are_passed_only_by_reference() -> None:
    assert env().secrets == {
        "DATABASE_URL": "arn:DATABASE_URL",
        "DB_PASSWORD": "arn:DB_PASSWORD",
        "DB_USER": "arn:DB_USER",
        "DJANGO_SECRET_KEY": "arn:SECRET_KEY",
        "POSTGRES_PASSWORD": "arn:DB_PASSWORD",
        "POSTGRES_USERNAME": "arn:DB_USER",
        "SECRET_KEY": "arn:SECRET_KEY",
    }
    assert "arn:" not in repr(env())


def test_variables_stand_in_name_order_so_that_a_task_definition_changes_only_with_its_values() -> None:
    result = env(extra_env={"ZZ": "1", "AA": "2"}, extra_secrets={"MM": "arn:m"})
    assert list(result.plain) == sorted(result.plain)
    assert list(result.secrets) == sorted(result.secrets)


def test_the_user_adds_replaces_and_drops_in_either_kind() -> None:
    result = env(
        extra_env={"DEBUG": "1", "NEW": "x", "BASE_STACK_NAME": None, "DB_USER": "plain"},
        extra_secrets={"SENTRY_DSN": "arn:sentry", "SECRET_KEY": None, "DB_HOST": "arn:host"},
    )
    assert (result.plain["DEBUG"], result.plain["NEW"], result.plain["DB_USER"]) == ("1", "x", "plain")
    assert "BASE_STACK_NAME" not in result.plain
    assert "DB_HOST" not in result.plain
    assert result.secrets["DB_HOST"] == "arn:host"
    assert "DB_USER" not in result.secrets
    assert "SECRET_KEY" not in result.secrets
    assert result.secrets["DJANGO_SECRET_KEY"] == "arn:SECRET_KEY"


def test_a_variable_of_both_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"A is in both extra_env and extra_secrets: keep it in one"):
        env(extra_env={"A": "1"}, extra_secrets={"A": "arn"})


def test_without_redis_its_variables_are_absent() -> None:
    plain = env({"redis": None, "broker": Broker()}).plain
    assert not {"REDIS_SERVICE_HOST", "REDIS_URL", "CELERY_BROKER_URL"} & set(plain)


def test_a_url_without_a_token_can_be_filled_in_and_one_with_a_token_cannot() -> None:
    plain = stack_values(ContainerValues(**VALUES), REFERENCES)
    assert plain.all_filled({"CACHE": "{REDIS_URL}"}, "extra_env") == {"CACHE": CACHE_URL}
    with_token: dict[str, Any] = {**VALUES, "redis": Redis(cache_url_secret="arn:REDIS_URL")}
    with pytest.raises(ValueError, match="REDIS_URL"):
        stack_values(ContainerValues(**with_token), REFERENCES).all_filled({"CACHE": "{REDIS_URL}"}, "extra_env")
