"""The stack's values under other variable names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_django import ProdFrontendOptions, ProdWebOptions, RedisOptions, ScheduledCommandOptions, Sidecar
from tests.pulumi_django.app.environment import (
    REDIS_SECRET,
    SERVICE,
    containers,
    environment,
    prod,
    secrets,
)

READER = {"database_reader_host": "prod-reader.internal"}


def test_a_value_of_the_stack_is_in_every_container_under_the_name_that_the_application_reads() -> None:
    nginx = Sidecar(image="nginx:1", env={"BUCKET": "{S3_BUCKET_NAME}"})
    result = prod(
        extra_env={
            "AWS_BUCKET": "{S3_BUCKET_NAME}",
            "CSRF": "{FRONTEND_URL},https://x.org",
            "TEXT": "{{S3_BUCKET_NAME}}",
        },
        web=ProdWebOptions(sidecars={"nginx": nginx}),
        frontend=ProdFrontendOptions(env={"SITE": "{FRONTEND_URL}/app"}, paths=("/app/*",)),
        scheduled_commands={"sweep": ScheduledCommandOptions(command=["true"], schedule="rate(1 day)")},
    )
    for name in ("gunicorn", "default", "beat", "backend_update", "sweep"):
        env = environment(result, name)
        assert env["AWS_BUCKET"] == env["S3_BUCKET_NAME"] == "prod-assets"
        assert env["CSRF"] == "https://shop.example.com,https://x.org"
        assert env["TEXT"] == "{S3_BUCKET_NAME}"
    assert environment(result, "web-ui")["SITE"] == "https://shop.example.com/app"
    sidecar = next(item for item in containers(result, "gunicorn") if item["name"] == "nginx")
    assert sidecar["environment"] == [{"name": "BUCKET", "value": "prod-assets"}]


def test_a_value_may_refer_to_the_one_that_it_replaces() -> None:
    assert environment(prod(extra_env={"APP_NAME": "my-{APP_NAME}"}))["APP_NAME"] == "my-shop"


def test_a_secret_of_the_stack_can_have_another_name() -> None:
    found = secrets(prod(extra_secrets={"PGPASSWORD": "{DB_PASSWORD}", "CACHE_URL": "{REDIS_URL}"}))
    assert found["PGPASSWORD"] == found["DB_PASSWORD"]
    assert found["CACHE_URL"] == f"{REDIS_SECRET}:REDIS_URL_0::"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra_env": {"A": "{S3_BUKET_NAME}"}}, r"extra_env.A refers to {S3_BUKET_NAME}: .* did you mean {S3_BUCKET_NAME}\?"),
        ({"extra_env": {"A": "{DB_PASSWORD}"}}, r"extra_env.A refers to {DB_PASSWORD}, which is a secret"),
        # Here the cache needs a token.
        ({"extra_env": {"A": "{REDIS_URL}"}}, r"extra_env.A refers to {REDIS_URL}, which is a secret"),
        ({"extra_env": {"A": "{REDIS_SERVICE_HOST}"}}, r"extra_env.A refers to {REDIS_SERVICE_HOST}: .* no such value"),
        ({"extra_secrets": {"A": "{DB_HOST}"}}, r"extra_secrets.A refers to {DB_HOST}, which is not a secret: move it to"),
        ({"extra_secrets": {"A": "{NOTHING}"}}, r"extra_secrets.A refers to {NOTHING}: .* DATABASE_URL"),
        ({"frontend": ProdFrontendOptions(env={"A": "{NOTHING}"})}, r"frontend.env.A refers to {NOTHING}"),
        (
            {"web": ProdWebOptions(sidecars={"n": Sidecar(image="n:1", env={"A": "{NOTHING}"})}, paths=("/a",))},
            r"web.sidecars.n.env.A refers to {NOTHING}",
        ),
    ],
)  # fmt: skip
def test_a_reference_to_a_missing_value_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prod(None, **changes)


def test_the_host_of_a_cache_is_not_given_where_a_host_alone_leads_nowhere() -> None:
    assert "REDIS_SERVICE_HOST" not in environment(prod())
    assert "REDIS_SERVICE_HOST" not in environment(prod({"redis_auth_secret_arn": None}))
    plain = environment(prod({"redis_auth_secret_arn": None, "redis_tls": False}))
    assert plain["REDIS_SERVICE_HOST"] == "prod-redis.internal"


def test_a_sharded_cache_is_no_broker_and_is_not_given_as_one() -> None:
    result = prod({"redis_cluster_mode": True}, workers={}, beat=None)
    assert "REDIS_URL" in secrets(result)
    assert "CELERY_BROKER_URL" not in {**secrets(result), **environment(result)}
    assert "CELERY_BROKER_TRANSPORT_OPTIONS" not in environment(result)


def test_the_reader_of_a_base_is_given_as_host_and_as_url() -> None:
    result = prod(READER)
    assert environment(result)["DB_READER_HOST"] == "prod-reader.internal"
    assert secrets(result)["DATABASE_READER_URL"].endswith(":DATABASE_READER_URL::")
    version = result.one("aws:secretsmanager/secretVersion:SecretVersion", "shop-secrets-value")
    document = json.loads(version.inputs["secretString"])
    expected = document["DATABASE_URL"].replace("@prod-rds.internal:", "@prod-reader.internal:")
    assert document["DATABASE_READER_URL"] == expected != document["DATABASE_URL"]


def test_without_a_reader_nothing_names_one() -> None:
    result = prod()
    assert not {"DB_READER_HOST", "DATABASE_READER_URL"} & {*environment(result), *secrets(result)}
    version = result.one("aws:secretsmanager/secretVersion:SecretVersion", "shop-secrets-value")
    assert "READER" not in version.inputs["secretString"]


def test_a_production_environment_can_have_a_redis_of_its_own() -> None:
    result = prod(redis=RedisOptions(), cache=None)
    namespace = result.one("aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace").inputs
    assert (namespace["name"], namespace["vpc"]) == ("shop.env-sd-ns", "vpc-1")
    env = environment(result)
    assert env["REDIS_SERVICE_HOST"] == "shop-redis.shop.env-sd-ns"
    assert env["CELERY_BROKER_URL"] == "redis://shop-redis.shop.env-sd-ns:6379/1"
    assert "shop-redis" in [service.inputs["name"] for service in result.of_type(SERVICE)]


def test_the_namespace_of_the_base_is_used_where_it_has_one() -> None:
    base = {"service_discovery_namespace_id": "ns-1", "service_discovery_namespace_name": "prod-sd-ns"}
    result = prod(base, redis=RedisOptions(), cache=None)
    assert result.of_type("aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace") == ()
    assert environment(result)["REDIS_SERVICE_HOST"] == "shop-redis.prod-sd-ns"
