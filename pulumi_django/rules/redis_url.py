"""URLs with which Django and Celery reach a Redis, and their keys in the secret of a Redis with an auth token. Pure."""

from __future__ import annotations

# Number of databases of a Redis without cluster mode.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html (parameter `databases`)
DATABASES = 16

AUTH_TOKEN_KEY = "AUTH_TOKEN"
"""JSON key of the auth token."""


def redis_url(host: str, port: int, database: int = 0, *, tls: bool, auth_token: str | None = None) -> str:
    """Return the URL of a database in the form of redis-py, django-redis, Celery and Channels.

    Celery refuses a `rediss://` URL without an option for the verification of certificates:
    https://docs.celeryq.dev/en/stable/userguide/configuration.html#redis-backend-use-ssl
    The token must need no quoting in a URL. Raises ValueError for a database that does not exist.
    """
    scheme, query = ("rediss", "?ssl_cert_reqs=required") if tls else ("redis", "")
    user = f":{auth_token}@" if auth_token else ""
    return f"{scheme}://{user}{host}:{port}/{_checked(database)}{query}"


def secret_key(database: int) -> str:
    """Return the JSON key of a database's URL in the secret. ECS reads it with `<arn>:<key>::`."""
    return f"REDIS_URL_{_checked(database)}"


def secret_values(host: str, port: int, auth_token: str, *, cluster_mode: bool) -> dict[str, str]:
    """Return the content of the secret: the token and the URL of every database, so that no other code needs the
    token."""
    databases = range(1 if cluster_mode else DATABASES)
    urls = {secret_key(n): redis_url(host, port, n, tls=True, auth_token=auth_token) for n in databases}
    return {AUTH_TOKEN_KEY: auth_token, **urls}


def _checked(database: int) -> int:
    if not 0 <= database < DATABASES:
        raise ValueError(f"database is {database}: a Redis has databases 0 to {DATABASES - 1}")
    return database
