"""URLs of a Redis."""

from __future__ import annotations

import pytest

from pulumi_django.rules.redis_url import redis_url, secret_key, secret_values


def test_a_url_names_host_port_and_database() -> None:
    assert redis_url("redis.internal", 6379, 1, tls=False) == "redis://redis.internal:6379/1"


def test_over_tls_the_certificate_is_verified() -> None:
    assert redis_url("c.amazonaws.com", 6379, tls=True) == "rediss://c.amazonaws.com:6379/0?ssl_cert_reqs=required"


def test_the_token_is_the_password_of_the_url() -> None:
    assert redis_url("c", 6380, 2, tls=True, auth_token="abc") == "rediss://:abc@c:6380/2?ssl_cert_reqs=required"


def test_the_secret_holds_the_token_and_a_url_for_each_database() -> None:
    values = secret_values("c", 6379, "abc", cluster_mode=False)
    assert set(values) == {"AUTH_TOKEN", *(f"REDIS_URL_{n}" for n in range(16))}
    assert values["AUTH_TOKEN"] == "abc"
    assert values[secret_key(15)] == "rediss://:abc@c:6379/15?ssl_cert_reqs=required"


def test_a_sharded_redis_has_one_database() -> None:
    assert set(secret_values("c", 6379, "abc", cluster_mode=True)) == {"AUTH_TOKEN", "REDIS_URL_0"}


@pytest.mark.parametrize("database", [-1, 16])
def test_a_database_that_does_not_exist_is_refused(database: int) -> None:
    with pytest.raises(ValueError, match=f"^database is {database}: a Redis has databases 0 to 15$"):
        redis_url("c", 6379, database, tls=True)
