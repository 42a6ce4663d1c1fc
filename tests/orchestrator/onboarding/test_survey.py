"""`init` finds what a repository shows, with its place, and never imports it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import RefusedError, UsageError
from orchestrator.onboarding import source_tree
from orchestrator.onboarding.survey import Survey, as_name, survey
from tests.support.django_repositories import MANAGE, SETTINGS, repository, start_project


def found(result: Survey, what: str) -> list[object]:
    return [fact.value for fact in result.findings() if fact.what == what]


def place(result: Survey, what: str) -> str:
    (fact,) = (fact for fact in result.findings() if fact.what == what)
    return fact.place


def test_a_new_project_shows_its_settings_and_wsgi_module(tmp_path: Path) -> None:
    result = survey(start_project(tmp_path / "shop", "website"))
    assert found(result, "settings module") == ["website.settings"]
    assert place(result, "settings module") == "manage.py:9"
    assert found(result, "WSGI module") == ["website.wsgi"]
    assert found(result, "name") == ["shop"]
    assert result.celery.app is None
    assert not result.needs_redis


def test_source_is_never_imported(tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    evil = f"open({str(marker)!r}, 'w')\n"
    repository(tmp_path / "r", {"shop/settings.py": evil + SETTINGS.format(package="shop"), "shop/__init__.py": evil})
    survey(tmp_path / "r")
    assert not marker.exists()


def test_settings_of_production_beside_those_of_manage_are_a_guess_with_its_reason(tmp_path: Path) -> None:
    files = {
        "manage.py": MANAGE.format(settings="config.settings.local"),
        "config/settings/__init__.py": "",
        "config/settings/base.py": 'WSGI_APPLICATION = "config.wsgi.application"\nROOT_URLCONF = "config.urls"\n',
        "config/settings/local.py": "from .base import *\n",
        "config/settings/production.py": "from .base import *\nDEBUG = False\n",
    }
    result = survey(repository(tmp_path, files, package="config"))
    assert found(result, "settings module") == ["config.settings.production"]
    assert place(result, "settings module").startswith("guess: manage.py:3 names config.settings.local;")
    assert result.settings.value("ROOT_URLCONF") == "config.urls", "values of `import *` count"


def test_the_dockerfile_names_the_settings_of_production_before_manage(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM python:3.13\nENV DJANGO_SETTINGS_MODULE=shop.deploy\nEXPOSE 9000\nUSER django\n",
        "shop/deploy.py": "from shop.settings import *\n",
    }
    result = survey(repository(tmp_path, files))
    assert found(result, "settings module") == ["shop.deploy"]
    assert place(result, "settings module") == "Dockerfile:2"
    assert found(result, "port") == [9000]
    assert found(result, "user of the image") == ["django"]


def test_only_the_last_stage_of_a_dockerfile_counts(tmp_path: Path) -> None:
    text = 'FROM a AS build\nEXPOSE 1\nUSER root\nFROM --platform=linux/arm64 b\n# EXPOSE 2\nEXPOSE 8080/tcp\nCMD ["gunicorn", \\\n  "shop.wsgi"]\n'
    result = survey(repository(tmp_path, {"Dockerfile": text}))
    docker = result.containers.dockerfile
    assert docker is not None
    assert (docker.port and docker.port.value, docker.user, docker.platform) == (8080, None, "linux/arm64")
    assert docker.command is not None
    assert (docker.command.value, docker.command.line) == ("gunicorn shop.wsgi", 7)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('["uwsgi", "/code/uwsgi.ini"]', ["uwsgi", "/code/uwsgi.ini"]),
        ("/venv/bin/daphne shop.asgi:application", ["/venv/bin/daphne", "shop.asgi:application"]),
        (
            '["python", "-m", "uvicorn", "shop.asgi:application"]',
            ["python", "-m", "uvicorn", "shop.asgi:application"],
        ),
        ('["gunicorn", "shop.wsgi"]', []),
        ("python manage.py migrate && uvicorn shop.asgi:application", []),
        ("uvicorn shop.asgi --port $PORT", []),
        ("uvicorn 'shop.asgi", []),
        ("", []),
    ],
)
def test_another_server_of_the_image_is_its_command(command: str, words: list[str], tmp_path: Path) -> None:
    assert survey(repository(tmp_path, {"Dockerfile": f"FROM python:3.13\nCMD {command}\n"})).own_server == words


@pytest.mark.parametrize(
    ("requirements", "words"), [("Django\nuwsgi\n", ["./run.sh"]), ("Django\ngunicorn\n", []), ("", [])]
)
def test_a_script_of_the_image_is_its_command_when_gunicorn_is_not_installed(
    requirements: str, words: list[str], tmp_path: Path
) -> None:
    files = {"Dockerfile": 'FROM python:3.13\nCMD ["./run.sh"]\n', "requirements.txt": requirements}
    assert survey(repository(tmp_path, files)).own_server == words


def test_a_package_below_src_has_its_own_name(tmp_path: Path) -> None:
    files = {
        "manage.py": MANAGE.format(settings="shop.settings"),
        "web/src/shop/__init__.py": "",
        "web/src/shop/settings.py": SETTINGS.format(package="shop"),
        "web/src/shop/wsgi.py": "application = 1\n",
        "web/src/shop/celery.py": "from celery import Celery\napp = Celery('shop')\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    result = survey(tmp_path)
    assert found(result, "settings module") == ["shop.settings"]
    assert found(result, "WSGI module") == ["shop.wsgi"]
    assert found(result, "Celery application") == ["shop.celery:app"]
    assert "SECRET_KEY" in result.settings.variables


def test_a_dockerfile_that_names_the_settings_counts_before_one_for_the_base(tmp_path: Path) -> None:
    files = {
        "docker/shop_base/Dockerfile": "FROM python:3.13\nUSER base\n",
        "docker/shop/Dockerfile": "FROM example/shop_base\nENV DJANGO_SETTINGS_MODULE=shop.settings\nUSER shop\n",
    }
    docker = survey(repository(tmp_path, files)).containers.dockerfile
    assert docker is not None
    assert docker.path == "docker/shop/Dockerfile"


def test_celery_shows_its_application_queues_and_schedule(tmp_path: Path) -> None:
    files = {
        "shop/celery.py": "from celery import Celery\nworker = Celery('shop')\nworker.conf.beat_schedule = {'x': 1}\n",
        "mail/tasks.py": "from celery import shared_task\n@shared_task(queue='mail')\ndef send(): ...\n",
        "shop/settings.py": SETTINGS.format(package="shop") + "CELERY_TASK_ROUTES = {'a.b': {'queue': 'slow'}}\n",
        "Procfile": "worker: celery -A shop worker -Q fast,mail\n",
    }
    result = survey(repository(tmp_path, files))
    assert found(result, "Celery application") == ["shop.celery:worker"]
    assert found(result, "queue") == ["fast", "mail", "slow"]
    assert next(fact.place for fact in result.celery.queues if fact.value == "slow") == "shop/settings.py:7"
    assert found(result, "Celery beat") == ["beat_schedule"]
    assert result.needs_redis


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ("path('healthz/', x)", "/healthz/"),
        ("path('api/', include('shop.api'))", "/api/health-check/"),
        ("re_path(r'^status/$', x)", "/status/"),
        ("path('health/<int:n>/', x)", None),
        ("path('healthy-food/', x)", None),
    ],
)
def test_the_path_of_a_health_check_is_found_through_includes(urls: str, expected: str | None, tmp_path: Path) -> None:
    api = "urlpatterns = [path('health-check/', x)]\n"
    result = survey(repository(tmp_path, {"shop/urls.py": f"urlpatterns = [{urls}]\n", "shop/api.py": api}))
    assert (result.health and result.health.value) == expected


def test_extensions_of_postgresql_are_found_in_migrations(tmp_path: Path) -> None:
    files = {
        "shop/migrations/0001_first.py": "operations = [TrigramExtension(), CreateExtension('ltree')]\n",
        "shop/settings.py": SETTINGS.format(package="shop") + "INSTALLED_APPS += ['django.contrib.gis']\n",
    }
    assert found(survey(repository(tmp_path, files)), "extension") == ["postgis", "pg_trgm", "ltree"]


def test_required_variables_are_those_without_a_default_that_always_run(tmp_path: Path) -> None:
    text = SETTINGS.format(package="shop") + (
        "A = env('NEEDED')\nB = env('GIVEN', default='x')\nC = os.getenv('LENIENT')\n"
        "if DEBUG:\n    D = os.environ['CONDITIONAL']\nE = environment.url('OWN_HELPER')\n"
    )
    variables = survey(repository(tmp_path, {"shop/settings.py": text})).settings.variables
    required = {name for name, (_, variable) in variables.items() if variable.required}
    assert required == {"SECRET_KEY", "NEEDED", "OWN_HELPER"}
    assert {"GIVEN", "LENIENT", "CONDITIONAL", "DEBUG"} <= {*variables}


def test_a_default_in_the_list_of_environ_counts(tmp_path: Path) -> None:
    text = "import environ\nenv = environ.Env(COLOR=(str, None), SIZE=int)\nA = env('COLOR')\nB = env('SIZE')\n"
    variables = survey(repository(tmp_path, {"shop/settings.py": text})).settings.variables
    assert {name: variable.required for name, (_, variable) in variables.items()} == {"COLOR": False, "SIZE": True}


def test_backends_of_the_settings_are_facts_with_their_place(tmp_path: Path) -> None:
    text = SETTINGS.format(package="shop") + (
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}\n'
        'STORAGES = {"default": {"BACKEND": "shop.storages.UploadStorage"}}\n'
        'STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}\n'
        'CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}\n'
        'if os.getenv("AWS"):\n    STORAGES["default"] = {"BACKEND": "storages.backends.s3.S3Storage"}\n'
    )
    result = survey(repository(tmp_path, {"shop/settings.py": text}))
    assert [(fact.what, fact.value, fact.line) for fact in result.backends] == [
        ("database engine", "sqlite3", 7),
        ("static files", "whitenoise.storage.CompressedManifestStaticFilesStorage", 9),
        ("uploads", "shop.storages.UploadStorage", 8),
        ("uploads", "storages.backends.s3.S3Storage", 12),
        ("channel layer", "channels_redis.core.RedisChannelLayer", 10),
    ]


CODE = """
import os
from django.conf import settings

FLAG = os.getenv("FLAG")
os.environ["SET_HERE"] = "1"


def pay(config, env):
    if "MAYBE" in os.environ:
        print(os.environ["MAYBE"])
    headers = env["NOT_OF_OS"], config("NOT_A_VARIABLE"), os.environ["SET_HERE"], os.environ["HOME"]
    return os.environ["PAY_KEY"], os.environ.get("PAY_URL", "https://pay.example"), headers
"""


def test_variables_that_code_outside_the_settings_reads_are_found_with_their_place(tmp_path: Path) -> None:
    files = {
        "pay/__init__.py": "",
        "pay/client.py": CODE,
        "pay/refunds.py": "from decouple import config\nKEY = config('REFUND_KEY')\n",
        "pay/tests/test_client.py": "import os\nos.environ['ONLY_IN_TESTS']\n",
        "pay/test_more.py": "import os\nos.environ['ONLY_IN_A_TEST']\n",
        "scripts/deploy.py": "import os\nos.environ['ONLY_IN_A_SCRIPT']\n",
        "shop/settings_local.py": "import os\nos.environ['OTHER_SETTINGS']\n",
    }
    result = survey(repository(tmp_path, files))
    found = {name: (file, v.line, v.required) for name, (file, v) in result.code_variables.items()}
    assert found == {
        "FLAG": ("pay/client.py", 5, False),
        "MAYBE": ("pay/client.py", 11, False),
        "PAY_KEY": ("pay/client.py", 13, True),
        "PAY_URL": ("pay/client.py", 13, False),
        "REFUND_KEY": ("pay/refunds.py", 2, True),
        "SET_HERE": ("pay/client.py", 12, False),
    }
    assert {"PAY_KEY", "SECRET_KEY"} <= {*result.variables}, "with those of the settings"


def test_a_folder_without_django_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("print('another program')")
    with pytest.raises(RefusedError, match="is not a Django project"):
        survey(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        survey(tmp_path / "absent")


def test_two_projects_side_by_side_are_refused_with_their_names(tmp_path: Path) -> None:
    repository(tmp_path / "one", package="one")
    repository(tmp_path / "two", package="two")
    with pytest.raises(RefusedError, match="2 Django projects: one, two") as caught:
        survey(tmp_path)
    assert caught.value.hint == "pass the folder of one, for example `orchestrator init one`"
    assert survey(tmp_path / "two").project.package == "two"


def test_the_project_in_a_subfolder_counts_before_a_deeper_example(tmp_path: Path) -> None:
    repository(tmp_path / "backend")
    repository(tmp_path / "backend" / "demo" / "deep", package="demo")
    assert survey(tmp_path).project.folder == "backend"


def test_settings_that_come_only_from_outside_are_guessed(tmp_path: Path) -> None:
    result = survey(repository(tmp_path, {"manage.py": "import django\n", "shop/wsgi.py": ""}))
    assert place(result, "settings module").startswith("guess: DJANGO_SETTINGS_MODULE comes from outside")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("shop/urls.py", b"urlpatterns = [(\n", "shop/urls.py:1: it is not valid Python"),
        ("shop/urls.py", b"x = '\xff'\n", "shop/urls.py: it is not UTF-8 text"),
        ("pyproject.toml", b"[tool", "pyproject.toml: it is not valid TOML"),
        ("compose.yaml", b"services: [", "compose.yaml:1 is not valid YAML"),
        ("shop/urls.py", b"x" * 1_000_001, "shop/urls.py: it is larger than 1 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_and_stops_nothing(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    repository(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert [line for line in survey(tmp_path).repository.unread if line.startswith(reason)]


def test_links_out_of_the_repository_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("urlpatterns = [path('health/', x)]\n")
    repository(tmp_path / "r")
    (tmp_path / "r/shop/urls.py").unlink()
    os.symlink(tmp_path / "outside.py", tmp_path / "r/shop/urls.py")
    result = survey(tmp_path / "r")
    assert result.health is None
    assert "shop/urls.py: it is a link out of the repository" in result.repository.unread


def test_files_that_git_ignores_are_not_read(tmp_path: Path) -> None:
    repository(tmp_path, {".gitignore": "ignored/\n", "ignored/manage.py": MANAGE.format(settings="x.settings")})
    assert "ignored/manage.py" in source_tree.read(tmp_path).files
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert "ignored/manage.py" not in source_tree.read(tmp_path).files
    assert "manage.py" in source_tree.read(tmp_path).files, "files need not be committed"


def test_the_name_comes_from_the_remote_before_the_folder(tmp_path: Path) -> None:
    repository(tmp_path / "checkout")
    subprocess.run(["git", "init", "-q", str(tmp_path / "checkout")], check=True)
    remote = ["git", "-C", str(tmp_path / "checkout"), "remote", "add", "origin", "git@example.com:team/My_Shop.git"]
    subprocess.run(remote, check=True)
    assert found(survey(tmp_path / "checkout"), "name") == ["my-shop"]


@pytest.mark.parametrize(
    ("text", "name"), [("My Shop!", "my-shop"), ("2024-shop", "shop"), ("ÄÖ", ""), ("a" * 40, "a" * 20)]
)
def test_a_name_has_the_form_of_pulumi_projects(text: str, name: str) -> None:
    assert as_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "x = " + "(" * 500 + ")" * 500,
        "D = {**{}}\nfrom . import *\nfrom .... import *",
        "from .settings import *",
    ],
    ids=["empty", "NUL", "nested", "odd imports", "itself"],
)
def test_odd_texts_in_any_file_end_in_a_survey(text: str, tmp_path: Path) -> None:
    repository(tmp_path, {"shop/settings.py": text, "Dockerfile": text, "Procfile": text, "shop/celery.py": text})
    assert found(survey(tmp_path), "settings module") == ["shop.settings"]
