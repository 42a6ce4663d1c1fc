"""Small repositories in the form of well-known templates: `init --yes`, then both environments, without an edit."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from orchestrator.cli.main import main
from tests.support.django_repositories import MANAGE, repository, start_project

PLACEHOLDERS = {"backend_image", "domain_name"}
"""Decisions of every repository."""

COOKIECUTTER = {
    "manage.py": MANAGE.format(settings="config.settings.local"),
    "config/__init__.py": "from .celery_app import app as celery_app\n",
    "config/celery_app.py": "from celery import Celery\napp = Celery('shop')\n",
    "config/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.production')\napplication = 1\n",
    "config/urls.py": "urlpatterns = []\n",
    "config/settings/__init__.py": "",
    "config/settings/base.py": """import environ
env = environ.Env()
DATABASES = {"default": env.db("DATABASE_URL")}
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
CELERY_BROKER_URL = env("REDIS_URL")
INSTALLED_APPS = ["django_celery_beat"]
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
""",
    "config/settings/local.py": "from .base import *\nDEBUG = True\n",
    "config/settings/production.py": """from .base import *
SECRET_KEY = env("DJANGO_SECRET_KEY")
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=["example.com"])
SECURE_SSL_REDIRECT = env.bool("DJANGO_SECURE_SSL_REDIRECT", default=True)
AWS_ACCESS_KEY_ID = env("DJANGO_AWS_ACCESS_KEY_ID")
AWS_STORAGE_BUCKET_NAME = env("DJANGO_AWS_STORAGE_BUCKET_NAME")
ADMIN_URL = env("DJANGO_ADMIN_URL")
ANYMAIL = {"MAILGUN_API_KEY": env("MAILGUN_API_KEY")}
""",
    "compose/production/django/Dockerfile": """FROM python:3.13 AS python-build-stage
RUN uv sync
FROM python:3.13 AS python-run-stage
COPY --chown=django:django ./compose/production/django/entrypoint /entrypoint
USER django
ENTRYPOINT ["/entrypoint"]
""",
    "compose/production/django/entrypoint": """#!/bin/bash
set -o nounset
if [ -z "${POSTGRES_USER}" ]; then export POSTGRES_USER=postgres; fi
wait-for-it "${POSTGRES_HOST}:${POSTGRES_PORT}" -t 30
exec "$@"
""",
    "compose/local/django/Dockerfile": "FROM python:3.13\n",
    "requirements/production.txt": "gunicorn\ncelery\nredis\npsycopg[c]\ndjango-celery-beat\n",
}
WAGTAIL = {
    "manage.py": MANAGE.format(settings="mysite.settings.dev"),
    "mysite/__init__.py": "",
    "mysite/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings.dev')\napplication = 1\n",
    "mysite/urls.py": "urlpatterns = [path('', include(wagtail_urls))]\n",
    "mysite/settings/__init__.py": "",
    "mysite/settings/base.py": "ROOT_URLCONF = 'mysite.urls'\nWSGI_APPLICATION = 'mysite.wsgi.application'\nINSTALLED_APPS = ['wagtail']\n",
    "mysite/settings/dev.py": "from .base import *\nSECRET_KEY = 'insecure'\nDEBUG = True\n",
    "mysite/settings/production.py": "from .base import *\nDEBUG = False\ntry:\n    from .local import *\nexcept ImportError:\n    pass\n",
    "Dockerfile": "FROM python:3.13 AS builder\nFROM python:3.13 AS runtime\nEXPOSE 8000\nUSER wagtail\nCMD set -xe; python manage.py migrate --noinput; gunicorn mysite.wsgi:application\n",
    "requirements.txt": "Django\nwagtail\n",
}
MONOREPO = {
    "backend/manage.py": MANAGE.format(settings="backend.settings"),
    "backend/backend/__init__.py": "",
    "backend/backend/celery_app.py": "from celery import Celery\napp = Celery('backend')\n",
    "backend/backend/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'backend.settings')\napplication = 1\n",
    "backend/backend/asgi.py": "application = 1\n",
    "backend/backend/urls.py": "urlpatterns = [path('api/', include('apps.core.urls'))]\n",
    "backend/apps/core/urls.py": "urlpatterns = [path('health-check/', x)]\n",
    "backend/backend/settings/__init__.py": "",
    "backend/backend/settings/base.py": "import os\nSECRET_KEY = os.environ['SECRET_KEY']\nROOT_URLCONF = 'backend.urls'\nWSGI_APPLICATION = 'backend.wsgi.application'\nCELERY_BEAT_SCHEDULE = {}\n",
    "backend/backend/settings/production.py": "from .base import *\n",
    "backend/Dockerfile": "FROM python:3.13 AS base\nFROM base AS prod\nUSER app\nFROM base AS local\n",
    "backend/pyproject.toml": "[tool.poetry.dependencies]\ndjango = '*'\ncelery = '*'\nredis = '*'\n",
    "nuxt-app/Dockerfile": "FROM node:22\n",
    "nuxt-app/package.json": "{}",
    "nginx/Dockerfile": "FROM nginx\n",
}
REST = {
    "shop/settings.py": """import os
SECRET_KEY = os.environ["SECRET_KEY"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["rest_framework"]
JWT_SIGNING_KEY = os.environ["JWT_SIGNING_KEY"]
""",
    "shop/urls.py": "urlpatterns = [path('api/status/', Status.as_view())]\n",
    "requirements.txt": "Django\ndjangorestframework\ngunicorn\npsycopg[binary]\n",
    "Dockerfile": 'FROM python:3.13\nCMD ["gunicorn", "--bind", ":9000", "shop.wsgi"]\n',
}
COPILOT = REST | {
    "copilot/api/manifest.yml": "name: api\ntype: Load Balanced Web Service\nimage: {port: 9000}\nvariables: {DJANGO_SETTINGS_MODULE: shop.settings}\n",
}


ANOTHER_SERVER = {
    "manage.py": MANAGE.format(settings="shop.settings"),
    "shop/__init__.py": "",
    "shop/asgi/__init__.py": "application = 1\n",
    "shop/urls.py": "urlpatterns = []\n",
    "shop/settings.py": """import os
import dj_database_url
DATABASES = {"default": dj_database_url.config(default="sqlite://")}
DEBUG = get_bool_from_env("DEBUG", True)
ROOT_URLCONF = "shop.urls"
CACHES = {"default": {"LOCATION": os.environ.get("REDIS_TLS_URL")}}
LOCKS = os.environ.get("REDIS_HOST")
if "GS_BUCKET_NAME" in os.environ:
    GS_BUCKET_NAME = os.environ["GS_BUCKET_NAME"]
AWS_STORAGE_BUCKET_NAME = os.environ.get("AWS_STORAGE_BUCKET_NAME")
""",
    "requirements.txt": "Django\nuvicorn\nredis\npsycopg\n",
    "Dockerfile": 'FROM python:3.13\nCOPY . /code/\nENTRYPOINT ["/code/entrypoint.sh"]\n'
    'CMD ["uvicorn", "shop.asgi:application", "--host=0.0.0.0", "--port=8080"]\n',
    "entrypoint.sh": '#!/bin/sh\nset -e\nif [ "$LOAD_DATA" = on ]; then python manage.py loaddata; fi\nexec "$@"\n',
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A repository, and what `init` makes of it."""

    files: Mapping[str, str] = field(default_factory=dict[str, str])
    services: str
    still_open: set[str]
    app: Mapping[str, Any]
    """Some keys of the environment."""

    live: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Keys of production that differ."""

    image: Mapping[str, str] = field(default_factory=dict[str, str])


KINDS = {
    "startproject": Kind(
        services="gunicorn",
        still_open={"web.health_check.path", "Dockerfile"},
        app={"settings_module": "shop.settings", "workers": {}, "beat": None, "redis": None},
        image={"context": "..", "dockerfile": "Dockerfile"},
    ),
    "cookiecutter-django": Kind(
        files=COOKIECUTTER,
        services="gunicorn, default, beat, redis",
        still_open={
            "web.health_check.path",
            "SECURE_SSL_REDIRECT",
            "DJANGO_ADMIN_URL",
            "DJANGO_AWS_ACCESS_KEY_ID",
            "MAILGUN_API_KEY",
        },
        app={
            "settings_module": "config.settings.production",
            "celery_app": "config.celery_app:app",
            "extra_env": {
                "DJANGO_AWS_STORAGE_BUCKET_NAME": "{S3_BUCKET_NAME}",
                "POSTGRES_HOST": "{DB_HOST}",
                "POSTGRES_PORT": "{DB_PORT}",
            },
            "extra_secrets": {"POSTGRES_USER": "{DB_USER}"},
        },
        image={"context": "..", "dockerfile": "compose/production/django/Dockerfile"},
    ),
    "wagtail": Kind(
        files=WAGTAIL,
        services="gunicorn",
        still_open={"settings_module", "web.health_check.path"},
        app={"settings_module": "mysite.settings.production", "redis": None},
    ),
    "monorepo with a frontend": Kind(
        files=MONOREPO,
        services="gunicorn, default, beat, redis",
        still_open={"settings_module", "frontend_image"},
        app={
            "settings_module": "backend.settings.production",
            "celery_app": "backend.celery_app:app",
            "web": {"health_check": {"path": "/api/health-check/"}},
        },
        image={"context": "../backend", "dockerfile": "Dockerfile", "target": "prod"},
    ),
    "REST framework": Kind(
        files=REST,
        services="gunicorn",
        still_open={"JWT_SIGNING_KEY"},
        app={"web": {"port": 9000, "health_check": {"path": "/api/status/"}}, "beat": None},
    ),
    "another server, Redis under other names": Kind(
        files=ANOTHER_SERVER,
        services="gunicorn, redis",
        still_open={"web.health_check.path", "REDIS_HOST"},
        app={
            "web": {
                "command": ["uvicorn", "shop.asgi:application", "--host=0.0.0.0", "--port=8080"],
                "port": 8080,
            },
            "extra_env": {
                "AWS_STORAGE_BUCKET_NAME": "{S3_BUCKET_NAME}",
                "REDIS_HOST": "{REDIS_SERVICE_HOST}",
                "REDIS_TLS_URL": "{REDIS_URL}",
            },
        },
        live={
            "extra_env": {"AWS_STORAGE_BUCKET_NAME": "{S3_BUCKET_NAME}"},
            "extra_secrets": {"REDIS_TLS_URL": "{REDIS_URL}"},
        },
    ),
    "Copilot": Kind(
        files=COPILOT,
        services="gunicorn",
        still_open={"JWT_SIGNING_KEY", "copilot/*/manifest.yml"},
        app={"settings_module": "shop.settings"},
    ),
}


def written(folder: Path, kind: Kind) -> Path:
    if not kind.files:
        return start_project(folder / "shop", "shop")
    if "shop/settings.py" in kind.files:
        return repository(folder / "shop", kind.files)
    for path, text in kind.files.items():
        file = folder / "shop" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder / "shop"


@pytest.mark.parametrize("name", KINDS)
def test_a_repository_becomes_two_environments_without_an_edit(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS[name]
    folder = written(tmp_path, kind)
    monkeypatch.chdir(folder)
    assert main(["init", "--yes", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {point["what"] for point in report["open"]} == PLACEHOLDERS | kind.still_open

    for environment, expected in (("alpha", kind.app), ("live", kind.live)):
        file = folder / f"infrastructure/app/Pulumi.{environment}.yaml"
        config = YAML(typ="safe").load(file.read_text())["config"]
        assert {key: config.get(f"shop-app:{key}") for key in expected} == expected
    settings = tomllib.loads((folder / "infrastructure/orchestrator.toml").read_text())
    assert kind.image.items() <= settings["images"]["backend"].items()

    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        assert main(["create-env", *words, "--yes"]) == 0, capsys.readouterr().err
    services = [line for line in capsys.readouterr().out.splitlines() if line.startswith("services")]
    assert services[0] == f"services  {kind.services}"
    assert services[1] == f"services  {kind.services.removesuffix(', redis')}"
