"""Environment variables of Django containers, under all the names in common use, so that images run unchanged. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from pulumi_django.rules.env_references import StackValues, whole_reference

# Values can be Pulumi Outputs. They pass through unchanged, so this module does not import Pulumi.
Value = Any

JSON_KEYS: Mapping[str, str] = {
    "SECRET_KEY": "SECRET_KEY",
    "DJANGO_SECRET_KEY": "SECRET_KEY",
    "POSTGRES_USERNAME": "DB_USER",
    "POSTGRES_PASSWORD": "DB_PASSWORD",
    "DB_USER": "DB_USER",
    "DB_PASSWORD": "DB_PASSWORD",
    "DATABASE_URL": "DATABASE_URL",
    "DATABASE_READER_URL": "DATABASE_READER_URL",
}
"""Key of the environment's JSON secret by secret variable, for keys that the secret has."""

CACHE_DATABASE = 0
BROKER_DATABASE = 1
"""Redis database of the Celery broker, as in `briancaffey/django-step-by-step`; the next database has its results."""


@dataclass(frozen=True, kw_only=True)
class Redis:
    """The access of containers to a Redis. URLs are plain, or `valueFrom` of ECS where they contain a token."""

    host: Value = None
    """Host name; None where a client needs TLS or a token, so that only a URL leads to it."""

    cache_url: Value = None
    """URL of the cache, with its database number."""

    broker_url: Value = None
    cache_url_secret: Value = None
    broker_url_secret: Value = None
    key_prefix: str | None = None
    """Prefix of the environment's keys, when other environments share the cache."""

    secret_arns: Sequence[Value] = ()
    """Secrets that ECS must be allowed to read."""


@dataclass(frozen=True, kw_only=True)
class Broker:
    """The access of Celery to its broker."""

    url: Value = None
    url_secret: Value = None
    """`valueFrom` of the URL where it contains a token, instead of `url`."""

    transport_options: Value = None
    """JSON for Celery's `broker_transport_options`."""

    queue_urls: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """URL of the SQS queue by Celery queue, when SQS is the broker."""


@dataclass(frozen=True, kw_only=True)
class ContainerValues:
    """The values of the variables: strings or Outputs of strings. None omits the variables."""

    environment: str
    base: str
    domain: Value
    """Domain of the base, which ends the environment's host name; without one, the load balancer's DNS name."""

    url: Value
    """URL of the environment, without a path."""

    region: str
    settings_module: str
    allowed_hosts: str = "*"
    bucket: Value = None
    static_url: Value = None
    """URL of the distribution that serves the bucket's static files."""

    frontend_url: Value = None
    """URL of a frontend with another host; None is `url`."""

    database_host: Value
    database_port: Value
    """TCP port of the database, as text."""

    database_name: str
    database_reader_host: Value = None
    """Host for read-only queries; None without one."""

    redis: Redis | None = None
    broker: Broker = field(default_factory=lambda: Broker())

    password_secret_name: Value = None
    """Name of the secret that contains the database password as plain text."""

    sentry_dsn: str | None = None
    debug: bool = False


@dataclass(frozen=True, kw_only=True)
class ContainerEnv:
    """The variables of one container, sorted by name, so that a task definition changes only with its values."""

    plain: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """Value by variable."""

    secrets: Mapping[str, Value] = field(default_factory=dict[str, Value], repr=False)
    """`valueFrom` for ECS by variable: the ARN of a secret or parameter, or an ARN with a JSON key."""


def _joined(parts: Sequence[Value]) -> Value:
    return "".join(parts)


def stack_values(
    values: ContainerValues,
    secret_reference: Mapping[str, Value],
    join: Callable[[Sequence[Value]], Value] = _joined,
) -> StackValues:
    """Return the values of `{NAME}` in `extra_env` and in the variables of a frontend or a sidecar."""
    secret = {name for name, value in _secrets(values, secret_reference).items() if value is not None}
    return StackValues(plain=_plain(values), secret=secret, join=join)


def container_env(
    values: ContainerValues,
    *,
    secret_reference: Mapping[str, Value],
    extra_env: Mapping[str, str | None] | None = None,
    extra_secrets: Mapping[str, Value | None] | None = None,
    join: Callable[[Sequence[Value]], Value] = _joined,
) -> ContainerEnv:
    """Return the variables of a Django container.

    `secret_reference` has `valueFrom` by key of the JSON secret (SECRET_KEY, DB_USER, ...). `extra_env` and
    `extra_secrets` add or replace variables of both kinds; None removes one. In `extra_env`, `{NAME}` is the stack's value
    of that variable, and `join` joins several parts. In `extra_secrets`, the whole text `{NAME}` is the stack's secret of
    that name. Raises ValueError for an unknown reference, and for a variable in both mappings.
    """
    both = sorted({*(extra_env or {})} & {*(extra_secrets or {})})
    if both:
        raise ValueError(f"{', '.join(both)} is in both extra_env and extra_secrets: keep it in one")
    known = stack_values(values, secret_reference, join)
    own = _secrets(values, secret_reference)
    plain, secrets = dict(known.plain), dict(own)
    for name, value in known.all_filled(extra_env or {}, "extra_env").items():
        secrets.pop(name, None)
        plain[name] = value
    for name, value in (extra_secrets or {}).items():
        plain.pop(name, None)
        secrets[name] = _secret(name, value, own, known)
    return ContainerEnv(plain=_present(plain), secrets=_present(secrets))


def check_references(
    texts: Mapping[str, Mapping[str, Any]], extra_secrets: Mapping[str, str | None], queues: Collection[str]
) -> None:
    """Raise ValueError for a reference that no environment with these SQS queues can have.

    `texts` are variables by setting, such as `extra_env`.
    """
    some: dict[str, Any] = dict.fromkeys(("domain", "url", "database_host", "database_port"), "")
    values = ContainerValues(
        environment="",
        base="",
        region="",
        settings_module="",
        database_name="",
        broker=Broker(queue_urls=dict.fromkeys(queues, "")),
        **some,
    )
    keys = dict.fromkeys(JSON_KEYS.values(), "")
    plain = dict.fromkeys(_plain(values), "")
    known = StackValues(plain=plain, secret=JSON_KEYS.keys(), join=_joined)
    for where, variables in texts.items():
        known.all_filled(variables, where)
    # A URL is a secret only where it contains a token.
    own = {**_secrets(values, keys), "CELERY_BROKER_URL": "", "REDIS_URL": ""}
    for name, value in extra_secrets.items():
        _secret(name, value, own, known)


def _secrets(values: ContainerValues, secret_reference: Mapping[str, Value]) -> dict[str, Value]:
    secrets = {name: secret_reference[key] for name, key in JSON_KEYS.items() if key in secret_reference}
    cache = None if values.redis is None else values.redis.cache_url_secret
    return {**secrets, "CELERY_BROKER_URL": values.broker.url_secret, "REDIS_URL": cache}


def _secret(name: str, value: Value | None, own: Mapping[str, Value], known: StackValues) -> Value | None:
    """Return a value of `extra_secrets`, or the stack's secret that it refers to."""
    wanted = whole_reference(value) if isinstance(value, str) else None
    if wanted is None:
        return value
    if own.get(wanted) is not None:
        return own[wanted]
    if known.plain.get(wanted) is not None:
        raise ValueError(f"extra_secrets.{name} refers to {{{wanted}}}, which is not a secret: move it to extra_env")
    names = sorted(variable for variable, reference in own.items() if reference is not None)
    raise ValueError(
        f"extra_secrets.{name} refers to {{{wanted}}}: the stack has no secret of that name, it has {', '.join(names)}"
    )


def _plain(values: ContainerValues) -> dict[str, Value]:
    broker, redis = values.broker, values.redis or Redis()
    return {
        "ALLOWED_HOSTS": values.allowed_hosts,
        "APP_NAME": values.environment,
        "AWS_DEFAULT_REGION": values.region,
        "AWS_REGION": values.region,
        "AWS_STATIC_FILES_BUCKET_NAME": values.bucket if values.static_url is not None else None,
        "AWS_STATIC_FILES_CLOUDFRONT_URL": values.static_url,
        "BASE_STACK_NAME": values.base,
        "CELERY_BROKER_TRANSPORT_OPTIONS": broker.transport_options,
        "CELERY_BROKER_URL": broker.url,
        "DB_HOST": values.database_host,
        "DB_NAME": values.database_name,
        "DB_PORT": values.database_port,
        "DB_READER_HOST": values.database_reader_host,
        "DB_SECRET_NAME": values.password_secret_name,
        "DEBUG": "1" if values.debug else "0",
        "DJANGO_ALLOWED_HOSTS": values.allowed_hosts,
        "DJANGO_SETTINGS_MODULE": values.settings_module,
        "DOMAIN_NAME": values.domain,
        "FRONTEND_URL": values.url if values.frontend_url is None else values.frontend_url,
        "POSTGRES_NAME": values.database_name,
        "POSTGRES_SERVICE_HOST": values.database_host,
        "POSTGRES_SERVICE_PORT": values.database_port,
        "REDIS_KEY_PREFIX": redis.key_prefix,
        "REDIS_SERVICE_HOST": redis.host,
        "REDIS_URL": redis.cache_url,
        "S3_BUCKET_NAME": values.bucket,
        "SENTRY_DSN": values.sentry_dsn,
        **{queue_variable(queue): url for queue, url in broker.queue_urls.items()},
    }


def queue_variable(queue: str) -> str:
    """Return the variable with the URL of a Celery queue's SQS queue: `SQS_DEFAULT_QUEUE_URL`."""
    return f"SQS_{queue.upper().replace('-', '_')}_QUEUE_URL"


def provided_names() -> frozenset[str]:
    """Return every variable that the stack can set on a container, except the URLs of queues."""
    needed: dict[str, Any] = {
        f.name: "" for f in fields(ContainerValues) if f.default is MISSING and f.default_factory is MISSING
    }
    return frozenset({*_plain(ContainerValues(**needed)), *JSON_KEYS})


def _present(variables: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in sorted(variables.items()) if value is not None}
