"""`init` writes stacks that the simulation creates without an edit, and leaves alone what a person edited."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from orchestrator.cli.main import main
from orchestrator.console import Console
from orchestrator.onboarding.initialise import schema
from orchestrator.rendering.schema import schema as document_schema
from tests.support.django_repositories import SETTINGS, repository, start_project

CELERY = "from celery import Celery\napp = Celery('shop')\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("ORCHESTRATOR_PROJECT_DIR", "GITHUB_STEP_SUMMARY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    def command(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with Celery and a health check; the working folder."""
    files = {
        "shop/celery.py": CELERY,
        "shop/settings.py": SETTINGS.format(package="shop")
        + "CELERY_BEAT_SCHEDULE = {}\nX = env('API_TOKEN')\nY = env('COLOR')\n",
        "shop/urls.py": "urlpatterns = [path('health/', x)]\n",
        "requirements.txt": "Django\ncelery[redis]\ngunicorn\npsycopg[binary]\n",
    }
    monkeypatch.chdir(repository(tmp_path / "shop", files))
    return tmp_path / "shop"


def stack(folder: Path, name: str) -> dict[str, object]:
    return YAML(typ="safe").load((folder / "infrastructure" / name).read_text(encoding="utf-8"))["config"]


def test_the_written_stacks_are_created_by_the_simulation_without_an_edit(shop: Path, run: Run) -> None:
    assert run("init", "--yes")[0] == 0
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        code, out, err = run("create-env", *words, "--yes")
        assert code == 0, err
        assert "services  gunicorn, default, beat" in out
    assert stack(shop, "app/Pulumi.alpha.yaml") == {
        "aws:region": "us-east-1",
        "shop-app:base": "dev",
        "shop-app:listener_slot": 0,
        "shop-app:backend_image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1.0.0",
        "shop-app:settings_module": "shop.settings",
        "shop-app:celery_app": "shop.celery:app",
        "shop-app:web": {"health_check": {"path": "/health/"}},
        "shop-app:workers": {"default": {}},
    }


def test_a_new_project_without_celery_has_no_worker_no_beat_and_no_redis(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(start_project(tmp_path / "plain", "website"))
    assert run("init", "--yes")[0] == 0
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        code, out, err = run("create-env", *words, "--yes")
        assert code == 0, err
        assert "services  gunicorn\n" in out


def test_the_written_files_fit_their_schemas(shop: Path, run: Run) -> None:
    run("init", "--yes")
    folder = shop / "infrastructure"
    for name, files in (("base", ("dev", "prod")), ("app", ("alpha", "live"))):
        written = json.loads((folder / f"schemas/{name}.json").read_text(encoding="utf-8"))
        jsonschema.Draft7Validator.check_schema(written)
        assert json.loads(run("schema", "--for", name)[1]) == written, "the command knows the names of this folder"
        for each in files:
            text = (folder / name / f"Pulumi.{each}.yaml").read_text(encoding="utf-8")
            assert text.startswith(f"# yaml-language-server: $schema=../schemas/{name}.json\n")
            jsonschema.validate(YAML(typ="safe").load(text), written, cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "wrong", [{"shop-app:wbe": {}}, {"shop-app:web": {"port": "many"}}, {"shop-app:base": {"insecure": "x"}}]
)
def test_the_schema_of_a_stack_file_refuses_wrong_keys_and_values(wrong: dict[str, object]) -> None:
    validator = jsonschema.Draft7Validator(schema("app", "shop-app"))
    assert list(validator.iter_errors({"config": wrong}))
    assert not list(
        validator.iter_errors({"config": {"aws:region": "x", "other:key": 1, "shop-app:base": {"secure": "x"}}})
    )


def test_required_variables_that_nothing_provides_are_open_points_and_comments(shop: Path, run: Run) -> None:
    code, out, _ = run("init", "--yes", "--json")
    document = json.loads(out)
    jsonschema.validate(document, document_schema("init"))
    assert code == 0
    assert {each["what"] for each in document["open"]} == {
        "backend_image", "domain_name", "API_TOKEN", "COLOR", "Dockerfile"
    }  # fmt: skip
    text = (shop / "infrastructure/app/Pulumi.alpha.yaml").read_text(encoding="utf-8")
    assert '  # shop-app:extra_env:\n  #   COLOR: ""\n' in text
    assert "  #   API_TOKEN: secretsmanager:shop/settings:API_TOKEN\n" in text


def test_variables_of_other_code_are_in_the_check_list_and_in_the_stack_file(shop: Path, run: Run) -> None:
    (shop / "shop/client.py").write_text(
        "import os\n\n\ndef pay():\n    return os.environ['PAY_TOKEN'], os.environ['MY_BUCKET'], os.getenv('PAY_URL')\n"
    )
    code, out, _ = run("init", "--yes")
    assert code == 0
    assert "  missing   PAY_TOKEN is set, for shop/client.py:5\n            add: PAY_TOKEN to extra_secrets\n" in out
    assert "  ok        MY_BUCKET is set, for shop/client.py:5\n" in out, "the environment has a bucket"
    assert "  optional  PAY_URL is set, for shop/client.py:5\n" in out
    assert "  PAY_TOKEN    " in out.partition("still to decide\n")[2]
    text = (shop / "infrastructure/app/Pulumi.alpha.yaml").read_text(encoding="utf-8")
    assert "  #   PAY_TOKEN: secretsmanager:shop/settings:PAY_TOKEN\n" in text
    assert stack(shop, "app/Pulumi.alpha.yaml")["shop-app:extra_env"] == {"MY_BUCKET": "{S3_BUCKET_NAME}"}
    assert run("create-env", "alpha", "--base", "dev", "--yes")[0] == 0


@pytest.mark.parametrize(("engines", "reported"), [(["mysql"], True), (["mysql", "postgresql"], False)])
def test_a_database_engine_that_no_base_has_is_an_open_point(
    engines: list[str], reported: bool, shop: Path, run: Run
) -> None:
    lines = "".join(f'DATABASES = {{"default": {{"ENGINE": "django.db.backends.{name}"}}}}\n' for name in engines)
    (shop / "shop/settings.py").write_text(SETTINGS.format(package="shop") + lines)
    _, out, _ = run("init", "--yes")
    assert ("shop/settings.py:7 uses mysql; bases have PostgreSQL" in out) == reported


def test_variables_with_other_names_refer_to_those_of_the_environment(tmp_path: Path, run: Run) -> None:
    text = "A = env('DJANGO_AWS_STORAGE_BUCKET_NAME')\nB = env('POSTGRES_DB')\nC = env('POSTGRES_USER')\n"
    repository(tmp_path / "r", {"shop/settings.py": SETTINGS.format(package="shop") + text})
    assert run("init", str(tmp_path / "r"), "--yes")[0] == 0
    config = stack(tmp_path / "r", "app/Pulumi.alpha.yaml")
    assert config["r-app:extra_env"] == {
        "DJANGO_AWS_STORAGE_BUCKET_NAME": "{S3_BUCKET_NAME}",
        "POSTGRES_DB": "{DB_NAME}",
    }
    assert config["r-app:extra_secrets"] == {"POSTGRES_USER": "{DB_USER}"}


def test_channels_run_the_asgi_server_of_the_requirements(tmp_path: Path, run: Run) -> None:
    files = {"requirements.txt": "channels\nuvicorn[standard]\n", "shop/asgi.py": "application = None\n"}
    run("init", str(repository(tmp_path / "r", files)), "--yes")
    web = stack(tmp_path / "r", "app/Pulumi.alpha.yaml")["r-app:web"]
    assert isinstance(web, dict)
    assert web["command"][:5] == ["uvicorn", "--host", "0.0.0.0", "--port", "8000"]
    assert web["command"][-1] == "shop.asgi:application"


def test_a_second_run_keeps_edited_files_and_shows_what_it_would_change(shop: Path, run: Run) -> None:
    run("init", "--yes")
    file = shop / "infrastructure/app/Pulumi.alpha.yaml"
    edited = file.read_text(encoding="utf-8").replace("/health/", "/alive/")
    file.write_text(edited, encoding="utf-8")
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    code, out, _ = run("init", "--yes")
    assert code == 0
    assert "  kept       infrastructure/app/Pulumi.alpha.yaml\n" in out
    assert "-      path: /alive/\n" in out
    assert "+      path: /health/\n" in out
    assert (
        out.count("\n  unchanged  infrastructure/") == sum(path.is_relative_to(file.parents[1]) for path in before) - 1
    )
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == before


def test_a_second_run_takes_the_answers_of_the_first_one_from_its_files(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "shop/urls.py").write_text("urlpatterns = []\n")
    answers = iter(["example.org", "eu-west-1", "ghcr.io/acme/shop", "/alive/"])
    asked: list[tuple[str, str]] = []

    def ask(_console: Console, question: str, default: str) -> str:
        asked.append((question, default))
        return next(answers, default)

    monkeypatch.setattr(Console, "ask", ask)
    assert run("init")[0] == 0
    assert [default for _, default in asked] == ["", "us-east-1", "", "/"]
    assert stack(shop, "base/Pulumi.dev.yaml")["shop-base:domain_name"] == "example.org"
    alpha = shop / "infrastructure/app/Pulumi.alpha.yaml"
    alpha.write_text(alpha.read_text().replace("ghcr.io/acme/shop:1.0.0", "ghcr.io/acme/shop:7@sha256:" + "a" * 64))
    code, out, _ = run("init", "--yes")
    assert code == 0
    (kept,) = [line.split()[1] for line in out.splitlines() if line.startswith("  kept ")]
    assert kept == "infrastructure/app/Pulumi.live.yaml", "its image is the older one"
    assert "domain_name" not in out.partition("still to decide")[2]
    asked.clear()
    assert run("init")[0] == 0
    assert [default for _, default in asked][:2] == ["example.org", "eu-west-1"]
    assert asked[3][1] == "/alive/"


def test_a_damaged_stack_file_gives_no_answers_and_stays(shop: Path, run: Run) -> None:
    assert run("init", "--yes")[0] == 0
    (shop / "infrastructure/base/Pulumi.dev.yaml").write_text("config: [")
    code, out, _ = run("init", "--yes")
    assert code == 0
    assert "  kept       infrastructure/base/Pulumi.dev.yaml\n" in out


def test_a_dry_run_writes_nothing(shop: Path, run: Run) -> None:
    code, out, _ = run("init", "--yes", "--dry-run", "--dockerfile", "--health-view")
    assert code == 0
    assert "files (nothing was written)\n  created    infrastructure/orchestrator.toml\n" in out
    assert not (shop / "infrastructure").exists()
    assert not (shop / "Dockerfile").exists()


def test_a_dockerfile_has_two_stages_and_a_user_without_rights(shop: Path, run: Run) -> None:
    (shop / "shop/settings.py").write_text(SETTINGS.format(package="shop") + "STATIC_ROOT = 'static'\n")
    run("init", "--yes", "--dockerfile", "--health-view")
    text = (shop / "Dockerfile").read_text(encoding="utf-8")
    assert text.count("FROM python:3.13-slim-bookworm") == 2
    assert "USER django\nEXPOSE 8000\n" in text
    assert "RUN SECRET_KEY=build python manage.py collectstatic --no-input\n" in text
    assert "infrastructure\n" in (shop / ".dockerignore").read_text(encoding="utf-8")
    compile((shop / "shop/health.py").read_text(encoding="utf-8"), "health.py", "exec")


def test_existing_files_of_the_image_stay(shop: Path, run: Run) -> None:
    (shop / "Dockerfile").write_text("FROM scratch\n")
    _, out, _ = run("init", "--yes", "--dockerfile")
    assert (shop / "Dockerfile").read_text() == "FROM scratch\n"
    assert "  kept       Dockerfile\n  created    .dockerignore\n" in out


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("directory", ["../elsewhere", ".", "/tmp"])
def test_the_folder_of_the_stacks_is_inside_the_repository(directory: str, run: Run) -> None:
    code, _, err = run("init", "--yes", "--dir", directory)
    assert code == 1
    assert err.startswith(f"error: --dir {directory} is not below ")


def test_a_folder_of_something_else_is_not_filled(shop: Path, run: Run) -> None:
    (shop / "infrastructure").mkdir()
    (shop / "infrastructure/main.tf").touch()
    code, _, err = run("init", "--yes")
    assert (code, sorted(os.listdir(shop / "infrastructure"))) == (1, ["main.tf"])
    assert "it belongs to something else\nhint: pass another --dir\n" in err
    assert run("init", "--yes", "--dir", "deploy")[0] == 0
    assert run("list", "--project-dir", "deploy")[0] == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES], ids=["full", "read-only", "forbidden"])
def test_a_file_that_cannot_be_written_is_one_sentence(
    number: int, shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("orchestrator.onboarding.written_files.write_atomically", full)
    code, _, err = run("init", "--yes")
    assert code == 1
    assert f"orchestrator.toml cannot be written: {os.strerror(number)}\nhint: make the folder writable" in err
    assert not [path for path in (shop / "infrastructure").rglob("*") if path.is_file()]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root mounts a folder read-only")
def test_a_folder_on_a_read_only_disk_is_one_sentence(shop: Path) -> None:
    script = (
        'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && exec "$2" -m orchestrator init --yes'
    )
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(shop), sys.executable],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if "unshare" in ended.stderr or "mount:" in ended.stderr:
        pytest.skip(f"this machine mounts nothing: {ended.stderr}")
    assert ended.returncode == 1
    assert "Read-only file system\nhint: make the folder writable, or pass another --dir" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (shop / "infrastructure").exists()


def test_a_bare_git_repository_is_one_sentence(shop: Path, tmp_path: Path, run: Run) -> None:
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(shop), str(tmp_path / "bare.git")], check=True)
    code, _, err = run("init", str(tmp_path / "bare.git"), "--yes")
    assert code == 1
    assert "is not a Django project" in err
    assert not (tmp_path / "bare.git/infrastructure").exists()


def test_a_repository_without_django_gets_one_sentence(tmp_path: Path, run: Run) -> None:
    code, _, err = run("init", str(tmp_path), "--yes")
    assert (code, err.count("\n")) == (1, 2)
    assert "is not a Django project: no manage.py of Django was found\nhint: " in err


def test_commands_find_the_folder_from_the_repository_and_from_below(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init", "--yes")
    (shop / "shop/deep").mkdir()
    monkeypatch.chdir(shop / "shop/deep")
    assert run("list")[0] == 0


def test_without_settings_the_hint_names_init(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("list")
    assert code == 1
    assert err.endswith("hint: run `orchestrator init` in the repository of your Django project\n")


def test_a_schema_needs_one_name(run: Run) -> None:
    code, _, err = run("schema", "report", "--for", "app")
    assert (code, err) == (2, "error: schema takes a name or --for, not both\nhint: leave one of them out\n")
