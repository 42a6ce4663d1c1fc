"""The configuration that follows from a survey and from answers, and what is still open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.onboarding import written_paths
from orchestrator.onboarding.findings import Finding
from orchestrator.onboarding.survey import Survey
from pulumi_django.rules.container_env import provided_names

PLACEHOLDER_ACCOUNT = "123456789012"
"""The account in AWS's own examples. https://docs.aws.amazon.com/IAM/latest/UserGuide/console-account-alias.html"""

_DATABASE_PART = r"^(POSTGRES|PG|DB|DATABASE|SQL)_?(DB|NAME|DATABASE|HOST|PORT|USER|USERNAME|PASSWORD|PASS)$"
_EQUIVALENTS = (
    (r"(^|_)(AWS_)?(STORAGE_)?BUCKET(_NAME)?$", "{S3_BUCKET_NAME}"),
    (r"(^|_)AWS_(S3_)?REGION(_NAME)?$", "{AWS_REGION}"),
    (r"^(POSTGRES|PG|DB|DATABASE|SQL)_?(DB|NAME|DATABASE)$", "{DB_NAME}"),
    (r"^(POSTGRES|PG|DB|DATABASE|SQL)_?HOST$", "{DB_HOST}"),
    (r"^(POSTGRES|PG|DB|DATABASE|SQL)_?PORT$", "{DB_PORT}"),
    (r"^REDIS_HOST(NAME)?$", "{REDIS_SERVICE_HOST}"),
    (r"^(CACHE_URL|REDIS_CACHE_URL|REDISCLOUD_URL|REDIS_TLS_URL)$", "{REDIS_URL}"),
    (r"^(BROKER_URL|CELERY_BROKER|CLOUDAMQP_URL)$", "{CELERY_BROKER_URL}"),
    (r"^(SITE_URL|BASE_URL|APP_URL|PUBLIC_URL)$", "{FRONTEND_URL}"),
)
"""Names of variables that other settings use for a value of the environment."""

_SECRET_EQUIVALENTS = (
    (r"^(POSTGRES|PG|DB|DATABASE|SQL)_?USER(NAME)?$", "{DB_USER}"),
    (r"^(POSTGRES|PG|DB|DATABASE|SQL)_?(PASSWORD|PASS)$", "{DB_PASSWORD}"),
    (r"^(APP|SITE)_SECRET_KEY$", "{SECRET_KEY}"),
)
_OTHER_CLOUD = re.compile(r"^(GS|GCS|GCP|GOOGLE|AZURE|DO|B2|R2|MINIO|OSS|CLOUDINARY)_")
"""Variables for storage of other providers. Some settings use that storage as soon as one is set."""

_OF_REDIS = ("{REDIS_URL}", "{CELERY_BROKER_URL}")
"""Values that are secrets in production, whose cache has a password."""

_ANONYMOUS, _REFUSING, _JUDGING = (
    ("AWSManagedRulesAnonymousIpList",),
    ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet"),
)
_FIREWALL = {
    "rule_groups": sorted([*_ANONYMOUS, *_REFUSING, *_JUDGING]),
    "counted_groups": sorted([*_ANONYMOUS, *_JUDGING]),
}
"""The firewall of a new production base. Rules against VPNs and hosting providers, and rules that judge the contents of requests, refuse
valid requests of some applications, so they first count."""

_REDIS_HOST = "{REDIS_SERVICE_HOST}"
_CREDENTIAL = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|_DSN$")
_AWS_KEY = re.compile(r"AWS_(S3_)?(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)$")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The decisions of a person, each with the guess that `--yes` takes."""

    region: str = "us-east-1"
    domain: str | None = None
    image: str | None = None
    """Repository of the image, or a reference with tag or digest; None is the placeholder."""

    health_path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A point that a person still has to decide."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The configuration of base and environment, without the prefix of the project, and the open points."""

    name: str
    region: str
    domain: str | None
    app: Mapping[str, Any]
    """Keys of the environment `alpha`."""

    prod_app: Mapping[str, Any]
    """Keys in which production differs."""

    prod_base: Mapping[str, Any]
    """Keys of the production base."""

    open: list[Decision] = field(default_factory=list[Decision])
    writing: Finding | None = None
    """A place at which the application writes files, which keeps its root writable; None when none was found."""

    missing_env: tuple[str, ...] = ()
    """Variables that the settings require and nothing provides."""

    missing_secrets: tuple[str, ...] = ()
    """Those of them that look like credentials."""


def decide(survey: Survey, answers: Answers) -> Decisions:
    """Return the configuration. Every guess, and every variable that is missing, becomes an open point."""
    name = str(survey.name.value)
    image = answers.image or f"{PLACEHOLDER_ACCOUNT}.dkr.ecr.{answers.region}.amazonaws.com/{name}"
    env, secrets, missing = _variables(survey)
    app: dict[str, Any] = {
        "backend_image": image if re.search(r"[:@][^/]+$", image) else f"{image}:1.0.0",
        "settings_module": survey.project.settings.value,
        **_programs(survey),
        "web": _web(survey, answers),
        **_celery(survey),
        **({"release": {"extensions": [each.value for each in survey.extensions]}} if survey.extensions else {}),
        **({"extra_env": env} if env else {}),
        **({"extra_secrets": secrets} if secrets else {}),
    }
    docker = survey.containers.dockerfile
    if docker and docker.platform and "arm64" in docker.platform:
        app["architecture"] = "ARM64"
    writing = written_paths.first(survey)
    without_redis = not survey.needs_redis
    if without_redis:
        app["redis"] = None
    credentials = tuple(each for each in missing if _CREDENTIAL.search(each))
    return Decisions(
        name=name,
        region=answers.region,
        domain=answers.domain,
        app={key: value for key, value in app.items() if value != {} or key == "workers"},
        prod_app={
            **({"cache": None} if without_redis else {}),
            **_production_variables(env, secrets),
            **({} if writing else {"read_only_root": True}),
        },
        prod_base={**({"cache": None} if without_redis else {}), "firewall": dict(_FIREWALL)},
        writing=writing,
        open=_open_points(survey, answers, env, missing),
        missing_env=tuple(each for each in missing if each not in credentials and not _AWS_KEY.search(each)),
        missing_secrets=tuple(each for each in credentials if not _AWS_KEY.search(each)),
    )


def _programs(survey: Survey) -> dict[str, Any]:
    """WSGI module and Celery application, where they are not what the components assume."""
    found: dict[str, Any] = {}
    package = survey.project.package
    if survey.wsgi and survey.wsgi.value != f"{package}.wsgi" and not survey.is_async:
        found["wsgi_module"] = survey.wsgi.value
    if survey.celery.app:
        found["celery_app"] = survey.celery.app.value
    return found


def _web(survey: Survey, answers: Answers) -> dict[str, Any]:
    docker = survey.containers.dockerfile
    port = docker.port.value if docker and docker.port else 8000
    web: dict[str, Any] = {}
    if survey.own_server and not survey.is_async:
        web["command"] = survey.own_server
    elif survey.is_async and survey.asgi and survey.server:
        web["command"] = _asgi_command(str(survey.server.value), str(survey.asgi.value), port)
    if port != 8000:
        web["port"] = port
    path = answers.health_path or (survey.health.value if survey.health else None)
    if path and path != "/":
        web["health_check"] = {"path": path}
    return web


def _asgi_command(server: str, module: str, port: int) -> list[str]:
    target = module if ":" in module else f"{module}:application"
    if server == "uvicorn":
        return [
            "uvicorn",
            "--host",
            "0.0.0.0",
            "--port",
            str(port),
            "--proxy-headers",
            "--forwarded-allow-ips",
            "*",
            target,
        ]
    if server == "hypercorn":
        return ["hypercorn", "--bind", f"0.0.0.0:{port}", target]
    return ["daphne", "-b", "0.0.0.0", "-p", str(port), target]


def _celery(survey: Survey) -> dict[str, Any]:
    celery = survey.celery
    if celery.app is None:
        return {"workers": {}, "beat": None}
    names = [str(queue.value) for queue in celery.queues if queue.value != "default"]
    standard = celery.default_queue in ("celery", "default")
    queues = [celery.default_queue if not standard else "default", *names]
    found: dict[str, Any] = {"workers": {"default": {"queues": queues} if names or not standard else {}}}
    if celery.beat is None:
        found["beat"] = None
    elif celery.beat.value == "django_celery_beat" and not survey.settings.has("CELERY_BEAT_SCHEDULER"):
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        words = ["celery", f"--app={celery.app.value}", "beat", "--loglevel=INFO", "--scheduler", scheduler]
        found["beat"] = {"command": words}
    return found


def _variables(survey: Survey) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """References for variables with another name, the same for secrets, and required variables that nothing provides."""
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    missing: list[str] = []
    known = provided_names() | {"DJANGO_SETTINGS_MODULE", "PORT", "HOSTNAME", "HOME", "PATH"}
    for name, (_file, variable) in sorted(survey.variables.items()):
        if name in known:
            continue
        whole = "DATABASE_URL" in survey.settings.variables and name not in survey.script_variables
        if whole and re.match(_DATABASE_PART, name):
            continue  # parts of a URL that the settings read whole
        plain = _equivalent(name, _EQUIVALENTS, survey)
        secret = _equivalent(name, _SECRET_EQUIVALENTS, survey)
        if plain:
            env[name] = plain
        elif secret:
            secrets[name] = secret
        elif variable.required:
            missing.append(name)
    return env, secrets, missing


def _production_variables(env: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Variables and secrets of production where they differ: addresses of its cache are secrets, and it has no host alone."""
    of_redis = {name: value for name, value in env.items() if value in _OF_REDIS}
    plain = {name: value for name, value in env.items() if name not in of_redis and value != _REDIS_HOST}
    if plain == env:
        return {}
    return {"extra_env": plain, "extra_secrets": {**secrets, **of_redis}}


def _equivalent(name: str, table: tuple[tuple[str, str], ...], survey: Survey) -> str | None:
    if _OTHER_CLOUD.search(name):
        return None
    found = next((value for pattern, value in table if re.search(pattern, name)), None)
    without_redis = not survey.needs_redis and found in ("{REDIS_URL}", "{CELERY_BROKER_URL}", "{REDIS_SERVICE_HOST}")
    return None if without_redis else found


def _open_points(survey: Survey, answers: Answers, env: Mapping[str, str], missing: list[str]) -> list[Decision]:
    points: list[Decision] = []

    def add(what: str, why: str) -> None:
        points.append(Decision(what=what, why=why))

    if answers.image is None:
        add("backend_image", "the account and the tag are placeholders; projects/bootstrap creates the repository")
    if answers.domain is None:
        add("domain_name", "without a domain the base is HTTP-only and holds one environment")
        if survey.settings.value("SECURE_SSL_REDIRECT"):
            add(
                "SECURE_SSL_REDIRECT",
                "it is on, so an HTTP-only base would redirect every page to a port that is closed",
            )
    if survey.project.settings.guess:
        add("settings_module", f"{survey.project.settings.value} is a guess: {survey.project.settings.guess}")
    if not (survey.health or answers.health_path):
        add(
            "web.health_check.path", "no view for health checks was found, so `/` must answer below 400 without a login"
        )
    docker = survey.containers.dockerfile
    if survey.own_server and docker and docker.port is None:
        command = " ".join(survey.own_server)
        add("web.port", f"the image runs `{command}`: set the port on which it listens, unless that is 8000")
    for name in missing:
        file, variable = survey.variables[name]
        if _AWS_KEY.search(name):
            add(
                name,
                f"{file}:{variable.line} requires a key of AWS: remove the line, the role of the task gives access",
            )
        else:
            where = "extra_secrets" if _CREDENTIAL.search(name) else "extra_env"
            add(name, f"{file}:{variable.line} requires it: set it in {where}, or give it a default")
    for name in sorted(name for name, value in env.items() if value == _REDIS_HOST):
        add(name, "the cache of production needs TLS and a password: let the settings read REDIS_URL there")
    other = _other_database(survey)
    if other:
        add("database", f"{other}; bases have PostgreSQL")
    if "rabbitmq" in survey.containers.images:
        add("broker", "a compose file runs RabbitMQ; environments have Redis or SQS as broker")
    if survey.containers.frontends:
        paths = " and ".join(survey.containers.frontends)
        add("frontend_image", f"{paths}: set it to the image of a frontend that renders on the server, or static_site")
    if survey.containers.dockerfile is None:
        add("Dockerfile", "the repository has none: `orchestrator init --dockerfile` writes one")
    return points


def _other_database(survey: Survey) -> str | None:
    """The place that shows another database than PostgreSQL."""
    engines = {str(each.value): each.place for each in survey.backends if each.what == "database engine"}
    other = next((name for name in ("mysql", "oracle") if name in engines), None)
    if other and not any(name.startswith("postg") for name in engines):
        return f"{engines[other]} uses {other}"
    return "a compose file runs MySQL" if {"mysql", "mariadb"} & {*survey.containers.images} else None
