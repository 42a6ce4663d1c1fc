"""Values of other tools are taken over, changed with a reason, or reported as left: nothing is silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from orchestrator.cli.main import main
from orchestrator.errors import RefusedError
from orchestrator.onboarding.copilot_workload import aws_schedule
from orchestrator.onboarding.initialise import read_takeover
from orchestrator.onboarding.survey import survey
from orchestrator.onboarding.takeover import Takeover
from tests.support.django_repositories import repository

WEB = """name: api
type: Load Balanced Web Service
http:
  path: /
  healthcheck: /healthz
  alias: shop.example.org
  deregistration_delay: 30s
image:
  location: registry.example.com/shop:1
  port: 8080
cpu: 512
memory: 1024
count:
  range: 2-6
  cpu_percentage: 60
  requests: 100
command: gunicorn --bind 0.0.0.0:8080 shop.wsgi
exec: true
platform: linux/arm64
variables:
  DJANGO_SETTINGS_MODULE: shop.settings
  COLOR: blue
  QUEUE: ${COPILOT_APPLICATION_NAME}
  CLUSTER: ${COPILOT_CLUSTER}
secrets:
  API_TOKEN: /copilot/shop/test/secrets/API_TOKEN
  MAIL: {secretsmanager: 'mail:password::'}
  SECRET_KEY: /copilot/shop/test/secrets/SECRET_KEY
sidecars: {nginx: {port: 80}}
environments:
  prod:
    cpu: 1024
    memory: 2048
    count: {range: 4-10}
  test:
    cpu: 256
"""

FILES = {
    "copilot/.workspace": "application: shop\n",
    "copilot/api/manifest.yml": WEB,
    "copilot/site/manifest.yml": "name: site\ntype: Static Site\n",
    "copilot/jobs/manifest.yml": "name: jobs\ntype: Backend Service\ncommand: celery -A shop worker -Q mail,slow\ncount: 2\n",
    "copilot/clock/manifest.yml": "name: clock\ntype: Backend Service\ncommand: [celery, -A, shop, beat]\ncpu: 256\nmemory: 512\ncount: 1\n",
    "copilot/nightly/manifest.yml": "name: nightly\ntype: Scheduled Job\non:\n  schedule: '@daily'\ncommand: python manage.py clearsessions\n",
    "copilot/environments/test/manifest.yml": "name: test\ntype: Environment\nnetwork: {vpc: {id: vpc-1}}\n",
    "copilot/api/addons/db.yml": "Resources: {}\n",
}


@pytest.fixture
def copilot(tmp_path: Path) -> Takeover:
    return read_takeover(survey(repository(tmp_path, FILES)), "copilot")


def test_a_web_service_of_copilot_becomes_the_web_service(copilot: Takeover) -> None:
    assert copilot.values["web"] == {
        "command": ["gunicorn", "--bind", "0.0.0.0:8080", "shop.wsgi"],
        "cpu_units": 512,
        "memory_mib": 1024,
        "port": 8080,
        "desired_count": 2,
        "scaling": {"min_tasks": 2, "max_tasks": 6, "cpu_percent": 60},
        "health_check": {"path": "/healthz"},
        "deregistration_delay_seconds": 30,
    }
    assert copilot.values["backend_image"] == "registry.example.com/shop:1"
    assert copilot.values["architecture"] == "ARM64"
    assert copilot.values["exec_enabled"] is True
    assert copilot.values["extra_env"] == {"COLOR": "blue", "QUEUE": "shop"}
    assert copilot.values["extra_secrets"] == {
        "API_TOKEN": "ssm:/copilot/shop/test/secrets/API_TOKEN",
        "MAIL": "secretsmanager:mail:password",
    }


def test_overrides_of_production_count_for_production_only(copilot: Takeover) -> None:
    assert copilot.prod_values["web"]["cpu_units"] == 1024
    assert copilot.prod_values["web"]["scaling"] == {"min_tasks": 4, "max_tasks": 10, "cpu_percent": 60}
    assert copilot.values["web"]["cpu_units"] == 512


def test_celery_services_and_jobs_of_copilot_find_their_place(copilot: Takeover) -> None:
    assert copilot.values["workers"]["jobs"]["command"] == ["celery", "-A", "shop", "worker", "-Q", "mail,slow"]
    assert copilot.values["workers"]["jobs"]["desired_count"] == 2
    assert copilot.values["beat"]["command"] == ["celery", "-A", "shop", "beat"]
    assert copilot.values["scheduled_commands"]["nightly"]["schedule"] == "cron(0 0 * * ? *)"


def test_every_other_value_of_copilot_is_reported_as_left(copilot: Takeover) -> None:
    left = {line.partition(": ")[0] for line in copilot.left}
    assert left == {
        "copilot/api/addons/db.yml",
        "copilot/api/manifest.yml count.requests",
        "copilot/api/manifest.yml environments.test",
        "copilot/api/manifest.yml http.alias",
        "copilot/api/manifest.yml secrets.SECRET_KEY",
        "copilot/api/manifest.yml sidecars",
        "copilot/api/manifest.yml variables.CLUSTER",
        "copilot/environments/test/manifest.yml network.vpc",
        "copilot/site/manifest.yml",
    }


def test_an_application_of_copilot_is_created_by_the_simulation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository(tmp_path / "shop", FILES))
    monkeypatch.delenv("ORCHESTRATOR_PROJECT_DIR", raising=False)
    assert main(["init", "--yes", "--from", "copilot"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{title}\n" in out for title in ("taken over", "changed", "not taken over"))
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        assert main(["create-env", *words, "--yes"]) == 0, capsys.readouterr().err
    assert "services  gunicorn, jobs, beat" in capsys.readouterr().out


SECRETS = """name: api
type: Load Balanced Web Service
image: {port: 8000}
variables:
  QUEUE: ${COPILOT_APPLICATION_NAME}-${COPILOT_ENVIRONMENT_NAME}
secrets:
  TOKEN: /copilot/${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/secrets/TOKEN
  DB: {from_cfn: "${COPILOT_APPLICATION_NAME}-db"}
"""


TRAPS = {
    "MODE": "on", "on": "value", "NO": "no", "YES": "true", "VERSION": "1.10", "CODE": "012", "BIG": "1_000", "HEX": "0x1F",
    "DAY": "2026-11-20", "TIME": "22:30", "RATE": "1e3",
}  # fmt: skip
"""Values without quotes that readers of YAML change, and that the programs get as they are written."""


@pytest.mark.parametrize("source", ["copilot", "compose"])
def test_values_without_quotes_stay_text_and_the_environment_is_created(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "".join(f"  {name}: {value}\n" for name, value in TRAPS.items())
    manifest = "name: web\ntype: Load Balanced Web Service\nexec: yes\nimage: {port: 8000}\nvariables:\n  NONE: ~\n"
    compose = "services:\n web:\n  image: x\n  command: gunicorn shop.wsgi\n  environment:\n"
    texts = {
        "copilot": {"copilot/web/manifest.yml": manifest + lines},
        "compose": {"compose.yaml": compose + lines.replace("  ", "    ")},
    }
    root = repository(tmp_path / "r", texts[source])
    assert main(["init", str(root), "--yes", "--from", source]) == 0
    said = capsys.readouterr().out
    assert ("variables.NONE: it has no value" in said) == (source == "copilot")
    for name in ("alpha", "live"):
        text = (root / f"infrastructure/app/Pulumi.{name}.yaml").read_text(encoding="utf-8")
        assert YAML(typ="safe").load(text)["config"]["r-app:extra_env"] == TRAPS
    folder = ["--project-dir", str(root / "infrastructure")]
    assert main(["create-env", "alpha", "--base", "dev", *folder]) == 0, capsys.readouterr().err
    assert main(["create-env", "live", "--base", "prod", "--allow-prod", *folder]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "alpha", "live"),
    [
        (["environments/dev", "environments/test", "environments/prod"], "test", "prod"),
        (["environments/qa", "environments/production"], "qa", "production"),
        (["environments/test"], "test", None),
        ([], None, None),
    ],
)
def test_secrets_have_the_names_of_the_application_and_its_environments(
    files: list[str], alpha: str | None, live: str | None, tmp_path: Path
) -> None:
    texts = {f"copilot/{name}/manifest.yml": "type: Environment\n" for name in files}
    texts |= {"copilot/.workspace": "application: shop\n", "copilot/api/manifest.yml": SECRETS}
    taken = read_takeover(survey(repository(tmp_path, texts)), "copilot")
    for values, name in ((taken.values, alpha), (taken.prod_values, live)):
        if name is None:
            assert "extra_secrets" not in values, "an environment whose name is unknown has no parameter"
            continue
        assert values["extra_secrets"] == {"TOKEN": f"ssm:/copilot/shop/{name}/secrets/TOKEN"}
        assert values["extra_env"] == {"QUEUE": f"shop-{name}"}
    assert "copilot/api/manifest.yml secrets.DB: name it in extra_secrets" in taken.left


def test_production_gets_no_secret_of_another_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "copilot/.workspace": "application: shop\n",
        "copilot/api/manifest.yml": SECRETS,
        "copilot/environments/test/manifest.yml": "type: Environment\n",
    }
    monkeypatch.chdir(repository(tmp_path / "shop", files))
    assert main(["init", "--yes", "--from", "copilot"]) == 0
    left = capsys.readouterr().out.partition("\nnot taken over\n")[2]
    assert "extra_secrets.TOKEN of production: its value there is unknown: set it in Pulumi.live.yaml" in left
    assert "/copilot/shop/test/secrets/TOKEN" in Path("infrastructure/app/Pulumi.alpha.yaml").read_text()
    live = Path("infrastructure/app/Pulumi.live.yaml").read_text()
    assert "extra_secrets" not in live
    assert "TOKEN" not in live


def test_what_the_other_tool_does_not_show_comes_from_the_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery in a script, and the command of the image. What the manifest gives is no longer open."""
    web = WEB.replace("command: gunicorn --bind 0.0.0.0:8080 shop.wsgi\n", "")
    files = {
        "copilot/api/manifest.yml": web,
        "copilot/jobs/manifest.yml": "name: jobs\ntype: Backend Service\nimage: {build: Dockerfile}\n",
        "shop/celery.py": "from celery import Celery\napp = Celery('shop')\n",
        "shop/settings.py": "import os\nA = os.environ['COLOR']\nB = os.environ['SIZE']\nCELERY_BEAT_SCHEDULE = {}\n",
        "Dockerfile": 'FROM python:3.13\nCMD ["uwsgi", "/code/uwsgi.ini"]\n',
    }
    monkeypatch.chdir(repository(tmp_path / "shop", files))
    assert main(["init", "--yes", "--from", "copilot", "--json"]) == 0
    still_open = {point["what"] for point in json.loads(capsys.readouterr().out)["open"]}
    assert still_open == {"domain_name", "SIZE"}
    for name, tasks in (("alpha", 2), ("live", 4)):
        text = Path(f"infrastructure/app/Pulumi.{name}.yaml").read_text()
        config = YAML(typ="safe").load(text)["config"]
        assert config["shop-app:web"]["command"] == ["uwsgi", "/code/uwsgi.ini"]
        assert (config["shop-app:web"]["port"], config["shop-app:web"]["desired_count"]) == (8080, tasks)
        assert config["shop-app:workers"] == {"default": {}}
        assert "#   COLOR" not in text
        assert "#   SIZE" in text
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        assert main(["create-env", *words, "--yes"]) == 0, capsys.readouterr().err
    assert "services  gunicorn, default, beat, redis" in capsys.readouterr().out


def test_variables_of_the_settings_and_of_the_other_tool_are_together_in_both_environments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "import os\nCACHE = os.environ['CACHE_URL']\nB = os.environ['AWS_STORAGE_BUCKET_NAME']\n"
    more = {"shop/settings.py": settings + "U = os.environ['POSTGRES_USER']\n", "requirements.txt": "redis\n"}
    monkeypatch.chdir(repository(tmp_path / "shop", FILES | more))
    assert main(["init", "--yes", "--from", "copilot"]) == 0
    secrets = {"API_TOKEN": "ssm:/copilot/shop/test/secrets/API_TOKEN", "MAIL": "secretsmanager:mail:password"}
    for name, env, of_redis in (
        ("alpha", {"CACHE_URL": "{REDIS_URL}"}, {}),
        ("live", {}, {"CACHE_URL": "{REDIS_URL}"}),
    ):
        config = YAML(typ="safe").load(Path(f"infrastructure/app/Pulumi.{name}.yaml"))["config"]
        assert config["shop-app:extra_env"] == {
            "AWS_STORAGE_BUCKET_NAME": "{S3_BUCKET_NAME}",
            "COLOR": "blue",
            "QUEUE": "shop",
            **env,
        }
        found = config["shop-app:extra_secrets"]
        assert found == {"POSTGRES_USER": "{DB_USER}", **secrets, **of_redis}
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        assert main(["create-env", *words, "--yes"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 9 * * 1-5", "cron(0 9 ? * 2-6 *)"),
        ("*/5 * * * *", "cron(*/5 * * * ? *)"),
        ("0 0 1 * *", "cron(0 0 1 * ? *)"),
        ("0 0 * * 0", "cron(0 0 ? * 1 *)"),
        ("0 0 * * 7", "cron(0 0 ? * 1 *)"),
        ("@every 1h", "rate(1 hour)"),
        ("@every 90m", "rate(90 minutes)"),
        ("rate(5 minutes)", "rate(5 minutes)"),
        ("0 0 1 * 1", None),
        ("@every 10s", None),
        ("none", None),
    ],
)
def test_schedules_get_the_form_of_eventbridge(schedule: str, expected: str | None) -> None:
    assert aws_schedule(schedule) == expected


def test_two_web_services_that_could_be_django_are_refused(tmp_path: Path) -> None:
    second = WEB.replace("name: api", "name: admin")
    root = repository(tmp_path, {**FILES, "copilot/admin/manifest.yml": second})
    with pytest.raises(
        RefusedError, match="it is unclear which service runs Django: the load-balanced services are admin, api"
    ):
        read_takeover(survey(root), "copilot")


def test_a_procfile_gives_commands_and_the_release(tmp_path: Path) -> None:
    text = (
        "web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\nworker: celery -A shop worker -B -Q a,b\n"
        "release: python manage.py migrate\nother: node server.js\n"
    )
    found = read_takeover(survey(repository(tmp_path, {"Procfile": text, "app.json": "{}"})), "procfile")
    assert found.values == {
        "web": {"command": ["sh", "-c", "gunicorn shop.wsgi --bind 0.0.0.0:8000"]},
        "workers": {"default": {"command": ["celery", "-A", "shop", "worker", "-B", "-Q", "a,b"]}},
        "release": {"command": ["python", "manage.py", "migrate"]},
        "beat": None,
    }
    assert [line.partition(":")[0] for line in found.left] == ["Procfile", "Procfile", "app.json"]


def test_a_second_web_server_becomes_a_service_with_paths_of_its_own(tmp_path: Path) -> None:
    text = "web: gunicorn shop.wsgi -b 0.0.0.0:8000\nsockets: daphne -b 0.0.0.0 -p 9000 shop.asgi:application\n"
    found = read_takeover(survey(repository(tmp_path, {"Procfile": text})), "procfile")
    assert found.values["web"]["command"][0] == "gunicorn"
    assert found.values["services"] == {
        "sockets": {
            "paths": ["/ws/*"],
            "port": 9000,
            "command": ["daphne", "-b", "0.0.0.0", "-p", "9000", "shop.asgi:application"],
        }
    }
    (guess,) = [line for line in found.changed if "services.sockets.paths" in line]
    assert guess.endswith("a guess: name the paths that it answers, and `web` has the others")


def test_a_compose_file_of_production_gives_services_and_variables(tmp_path: Path) -> None:
    text = """services:
  django: {build: ., command: gunicorn -b 0.0.0.0:5000 shop.wsgi, environment: {COLOR: blue, API_KEY: x, DEBUG: "1"}}
  worker: {build: ., command: celery -A shop worker}
  beat: {build: ., command: celery -A shop beat}
  db: {image: "postgis/postgis:16"}
  cache: {image: "redis:7"}
  proxy: {image: "traefik:3", volumes: [a]}
"""
    files = {"compose.yaml": "services: {web: {image: x}}\n", "docker-compose.prod.yml": text}
    found = read_takeover(survey(repository(tmp_path, files)), "compose")
    assert found.values["web"] == {"port": 5000, "command": ["gunicorn", "-b", "0.0.0.0:5000", "shop.wsgi"]}
    assert found.values["extra_env"] == {"COLOR": "blue"}
    assert found.values["release"]["extensions"] == ["postgis"]
    assert {*found.values["workers"]} == {"default"}
    assert found.values["beat"]["command"] == ["celery", "-A", "shop", "beat"]
    assert [line for line in found.left if "API_KEY" in line] == [
        "docker-compose.prod.yml django API_KEY: secret: put it into Secrets Manager and name it in extra_secrets"
    ], "and the value is not repeated"


@pytest.mark.parametrize("source", ["copilot", "procfile", "compose"])
def test_a_source_without_files_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="has no ") as caught:
        read_takeover(survey(repository(tmp_path)), source)
    assert caught.value.hint == f"leave out --from {source}"
