"""The places of an environment's parts, and its declaration with these places in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, urlsplit

from orchestrator.errors import UsageError
from orchestrator.local.addresses import Addresses, Changes, Place, local_host
from orchestrator.local.declaration import Declaration
from orchestrator.local.routes import Routes
from orchestrator.local.tasks import Service, Tasks

POSTGRES_PORT = 5432
REDIS_PORT = 6379
AWS_PORT = 5000
"""Usual port of moto's server."""

_PORT_VARIABLES = ("DB_PORT", "PGPORT", "POSTGRES_SERVICE_PORT")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The places of the parts."""

    site_port: int
    """Port of the front door."""

    database: Place
    cache: Place | None
    """Redis of the base; None when the environment has its own, or none."""

    aws: Place
    """Server that answers for S3, SQS and Secrets Manager."""

    services: Mapping[str, Place]
    """Place by the short name of the service."""

    database_url: SplitResult | None = None
    """A given server, which replaces our own."""

    redis_url: SplitResult | None = None


def on_this_machine(
    declaration: Declaration,
    tasks: Tasks,
    addresses: Addresses,
    *,
    site_port: int,
    database_url: str | None = None,
    redis_url: str | None = None,
) -> Layout:
    """Give a place to each part. Raises UsageError for a URL that cannot be used."""
    database = _given(database_url, "--database-url", ("postgres", "postgresql"), POSTGRES_PORT)
    redis = _given(redis_url, "--redis-url", ("redis", "rediss"), REDIS_PORT)
    outputs = declaration.base_outputs
    port = int(outputs.get("database_port") or POSTGRES_PORT)
    cache_port = int(outputs.get("redis_port") or REDIS_PORT)
    return Layout(
        site_port=site_port,
        database=_at(database, port, POSTGRES_PORT) if database else addresses.place([port]),
        aws=addresses.place([AWS_PORT]),
        cache=(_at(redis, cache_port, REDIS_PORT) if redis else addresses.place([cache_port]))
        if outputs.get("redis_host")
        else None,
        services={service.short: _service_place(service, addresses, redis) for service in tasks.services},
        database_url=database,
        redis_url=redis,
    )


def is_redis(service: Service) -> bool:
    """Whether the service is the Redis of the environment itself."""
    words = service.task.containers[0].words
    return bool(service.host) and words[:1] == ["redis-server"]


def _service_place(service: Service, addresses: Addresses, redis: SplitResult | None) -> Place:
    if redis and is_redis(service):
        return _at(redis, REDIS_PORT, REDIS_PORT)
    ports = [port for container in service.task.containers for port in container.ports]
    return addresses.place(ports)


def _given(url: str | None, option: str, schemes: tuple[str, ...], port: int) -> SplitResult | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or port) > 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable:
        raise UsageError(
            f"{option} cannot be used: it is not a URL of the form {schemes[0]}://user:password@host:{port}/",
            "put a URL with a password into the environment variable of the option, not on the command line",
        )
    return parts


def _at(url: SplitResult, declared: int, default: int) -> Place:
    return Place(address=url.hostname or "", ports={declared: url.port or default})


def changes(declaration: Declaration, tasks: Tasks, routes: Routes, layout: Layout) -> Changes:
    """The replacements that put the places into the texts of the declaration."""
    made = Changes()
    outputs = declaration.base_outputs
    if layout.redis_url is not None:
        _redis_urls(made, declaration, tasks, layout.redis_url)
    for name in ("database_host", "database_reader_host"):
        if outputs.get(name):
            made.host(str(outputs[name]), layout.database)
    if layout.database_url is not None:
        made.text(r"sslmode=require\b", f"sslmode={ssl_mode(layout.database_url)}")
    if layout.cache is not None:
        made.host(str(outputs["redis_host"]), layout.cache)
    for service in tasks.services:
        if service.host:
            made.host(service.host, layout.services[service.short])
    for host, local in local_sites(declaration, routes).items():
        made.site(host, local, layout.site_port)
    endpoint = aws_endpoint(layout)
    made.text(r"https://sqs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?", endpoint)
    return made


def ssl_mode(url: SplitResult) -> str:
    """The `sslmode` of a given database URL."""
    return dict(parse_qsl(url.query)).get("sslmode", "prefer")


def aws_endpoint(layout: Layout) -> str:
    """The address of the server that answers for AWS."""
    return f"http://{layout.aws.address}:{layout.aws.port(AWS_PORT)}"


def _redis_urls(made: Changes, declaration: Declaration, tasks: Tasks, url: SplitResult) -> None:
    """Replace whole Redis URLs by the given one, with the declared database."""
    hosts = [declaration.base_outputs.get("redis_host"), *(s.host for s in tasks.services if is_redis(s))]
    for host in filter(None, hosts):
        own = f"{url.scheme}://{url.netloc}"
        tls = url.scheme == "rediss"
        name = str(host).replace(".", r"\.")
        for database in range(16):
            query = "?ssl_cert_reqs=required" if tls else ""
            made.text(
                rf"rediss?://(?:[^@/\s]*@)?{name}:\d+/{database}(?!\d)(?:\?ssl_cert_reqs=\w+)?",
                f"{own}/{database}{query}",
            )


def local_sites(declaration: Declaration, routes: Routes) -> dict[str, str]:
    """The names on this machine of the declared hosts."""
    outputs = declaration.base_outputs
    domain = outputs.get("domain_name")
    found = {host: local_host(host, domain, declaration.environment) for host in routes.hosts}
    if not domain and outputs.get("alb_dns_name"):
        found[str(outputs["alb_dns_name"])] = f"{declaration.environment}.localhost"
    return found


def local_routes(declaration: Declaration, routes: Routes) -> Routes:
    """The routes for the names of this machine."""
    sites = local_sites(declaration, routes)
    rules = [replace(rule, hosts=[sites.get(host, host) for host in rule.hosts]) for rule in routes.rules]
    return replace(routes, rules=rules)


def ports_changed(name: str, value: str, layout: Layout) -> str:
    """The value of a variable that holds only the database's port."""
    if name in _PORT_VARIABLES and value.isdigit():
        return str(layout.database.port(int(value)))
    return value
