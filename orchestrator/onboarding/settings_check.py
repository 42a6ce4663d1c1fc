"""Checks that the settings are ready for an environment: docs/django.md as a list."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestrator.onboarding.decisions import Decisions
from orchestrator.onboarding.survey import Survey
from pulumi_django.rules.container_env import provided_names


@dataclass(frozen=True, kw_only=True)
class SettingCheck:
    """One line of the list."""

    what: str
    found: bool
    lines: str = ""
    """Lines to add when it is missing."""

    optional: bool = False
    """Whether the application also runs without it."""


def checks(survey: Survey, decisions: Decisions) -> list[SettingCheck]:
    """Check the settings of production, the requirements of the image, and the variables that other code reads."""
    return [*_settings(survey), *_requirements(survey), *_variables(survey, decisions)]


def _settings(survey: Survey) -> Iterable[SettingCheck]:
    settings, reads = survey.settings, _reader(survey)
    yield _check(
        "SECRET_KEY comes from the environment",
        reads("SECRET_KEY", "DJANGO_SECRET_KEY"),
        'SECRET_KEY = os.environ["SECRET_KEY"]',
    )
    yield _check(
        "the database comes from the environment",
        reads("DATABASE_URL", "DB_HOST", "POSTGRES_SERVICE_HOST", "POSTGRES_HOST", "DATABASE_HOST")
        or _reads_database_url(survey),
        'DATABASES = {"default": dj_database_url.config(conn_max_age=60, ssl_require=True)}  # pip install dj-database-url',
    )
    hosts = reads("ALLOWED_HOSTS", "DJANGO_ALLOWED_HOSTS") or "*" in settings.list("ALLOWED_HOSTS")
    yield _check(
        "ALLOWED_HOSTS accepts health checks",
        hosts,
        'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "*").split(",")',
    )
    yield _check(
        "CSRF_TRUSTED_ORIGINS is set",
        settings.has("CSRF_TRUSTED_ORIGINS"),
        'CSRF_TRUSTED_ORIGINS = [os.environ["FRONTEND_URL"]]',
    )
    yield _check(
        "SECURE_PROXY_SSL_HEADER is set",
        settings.has("SECURE_PROXY_SSL_HEADER"),
        'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
    )
    yield _check(
        "DEBUG is off", not settings.value("DEBUG") or reads("DEBUG"), 'DEBUG = os.environ.get("DEBUG") == "1"'
    )
    yield _check(
        "static files are served", _static(survey), 'MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")'
    )
    if settings.has("MEDIA_ROOT") or settings.has("MEDIA_URL"):
        storage = 'STORAGES["default"] = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": ...}}'
        yield _check("uploads go to the bucket", settings.uploads_to_bucket, storage)
    if survey.celery.app:
        broker = reads("CELERY_BROKER_URL", "REDIS_URL", "BROKER_URL") or settings.has("CELERY_BROKER_URL")
        yield _check(
            "Celery's broker comes from the environment", broker, 'CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]'
        )


def _requirements(survey: Survey) -> Iterable[SettingCheck]:
    has = survey.requirements.keys()
    server = str(survey.server.value) if survey.is_async and survey.server else "".join(survey.own_server[:1])
    server = server or "gunicorn"
    docker = survey.containers.dockerfile
    text = survey.repository.text(docker.path) or "" if docker else ""
    if not server.endswith(".sh"):
        yield _check(f"{server} is installed", server in has or server in text, server)
    drivers = {"psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary"}
    yield _check("a driver of PostgreSQL is installed", bool(drivers & has), "psycopg[binary]")


def _variables(survey: Survey, decisions: Decisions) -> Iterable[SettingCheck]:
    """The variables that code outside the settings reads."""
    given = provided_names().union(*(decisions.app.get(key, ()) for key in ("extra_env", "extra_secrets")))
    for name, (file, variable) in sorted(survey.code_variables.items()):
        key = "extra_secrets" if name in decisions.missing_secrets else "extra_env"
        yield SettingCheck(
            what=f"{name} is set, for {file}:{variable.line}",
            found=name in given,
            lines="" if name in given else f"{name} to {key}",
            optional=not variable.required,
        )


def _check(what: str, found: bool, lines: str) -> SettingCheck:
    return SettingCheck(what=what, found=found, lines="" if found else lines)


def _reader(survey: Survey) -> Callable[..., bool]:
    variables = survey.settings.variables.keys()
    return lambda *names: bool(variables & set(names))


def _reads_database_url(survey: Survey) -> bool:
    """Whether a library reads DATABASE_URL, whose name the settings do not contain then."""
    calls = [call.func for module in survey.settings.modules for call in module.calls("config", "db")]
    return any(
        isinstance(call, ast.Attribute) and ast.unparse(call.value) in ("dj_database_url", "env") for call in calls
    )


def _static(survey: Survey) -> bool:
    texts = survey.settings.text
    return any("whitenoise" in text or "S3" in text or "StaticStorage" in text for text in texts)
