"""URLs by which Django and Celery reach a Redis, and where they stand in the secret of one with an auth token. Pure."""

from __future__ import annotations

# Databases of a Redis that is not sharded.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html (parameter `databases`)
DATABASES = 16

AUTH_TOKEN_KEY = "AUTH_TOKEN"
"""JSON key of the auth token alone."""


def redis_url(host: str, port: int, database: int = 0, *, tls: bool, auth_token: str | None = None) -> str:
    """URL of one database, as redis-py, django-redis, Celery and Channels read it.

    Celery refuses a `rediss://` URL that does not say whether certificates are verified:
    https://docs.celeryq.dev/en/stable/userguide/configuration.html#redis-backend-use-ssl
    The token must need no quoting in a URL, as ours. Raises ValueError for a database that there is not.
    """
    scheme, query = ("rediss", "?ssl_cert_reqs=required") if tls else ("redis", "")
    user = f":{auth_token}@" if auth_token else ""
    return f"{scheme}://{user}{host}:{port}/{_checked(database)}{query}"


def secret_key(database: int) -> str:
    """JSON key of a database's URL in the secret; ECS takes it by `<arn>:<key>::`."""
    return f"REDIS_URL_{_checked(database)}"


def secret_values(host: str, port: int, auth_token: str, *, cluster_mode: bool) -> dict[str, str]:
    """What the secret holds: the token, and the URL of every database, so that nobody else ever handles the token."""
    databases = range(1 if cluster_mode else DATABASES)
    urls = {secret_key(n): redis_url(host, port, n, tls=True, auth_token=auth_token) for n in databases}
    return {AUTH_TOKEN_KEY: auth_token, **urls}


def _checked(database: int) -> int:
    if not 0 <= database < DATABASES:
        raise ValueError(f"database is {database}: a Redis has the databases 0 to {DATABASES - 1}")
    return database
