"""Containers as processes: their variables, secrets and commands."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import RefusedError, UsageError
from orchestrator.local import layout, routes, secret_values, tasks
from orchestrator.local.addresses import Addresses
from orchestrator.local.declaration import Declaration
from orchestrator.local.folder import StateFolder
from orchestrator.local.processes import Program
from orchestrator.local.programs import Programs, Surroundings, below
from orchestrator.local.secret_values import MadeSecrets, SecretValues
from orchestrator.local.tasks import Container, Tasks


def made(
    declaration: Declaration,
    folder: Path,
    found: Tasks | None = None,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    **around: object,
) -> Programs:
    found, state = found or tasks.read(declaration), StateFolder(folder)
    state.create()
    addresses = Addresses("test", own=True)
    arranged = layout.on_this_machine(
        declaration, found, addresses, site_port=8080, database_url=database_url, redis_url=redis_url
    )
    secrets = MadeSecrets(state)
    changes = layout.changes(declaration, found, routes.read(declaration), arranged)
    secret_values.replace_generated(declaration, secrets, changes)
    values = SecretValues(declaration, secrets, changes, {"username": "dbmaster", "password": "p"})
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    for name in ("python", "gunicorn", "daphne", "celery", "redis-server"):
        (bin_ / name).write_text("#!/bin/sh\n")
        (bin_ / name).chmod(0o755)
    surroundings = Surroundings(code=folder, python=bin_ / "python", tools=[], **around)  # type: ignore[arg-type]
    programs = Programs(found, arranged, changes, values, state, surroundings)
    secrets.save()
    return programs


def program(programs: Programs, name: str) -> Program:
    containers = [each for service in programs.services() for each in service.containers]
    return next(each.program for each in containers if each.program.name == name)


def test_a_process_has_the_variables_of_its_task_definition_with_the_places_of_this_machine(
    alpha: Declaration, tmp_path: Path
) -> None:
    found = program(made(alpha, tmp_path), "gunicorn").environment
    assert found["FRONTEND_URL"] == "http://alpha.localhost:8080"
    assert found["DB_HOST"].startswith("127.")
    assert f"@{found['DB_HOST']}:{found['DB_PORT']}/alpha-db" in found["DATABASE_URL"]
    assert found["REDIS_URL"].startswith("redis://127.")
    assert found["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert found["AWS_ENDPOINT_URL"].startswith("http://127.")


def test_no_variable_of_this_process_reaches_a_program(
    alpha: Declaration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("DATABASE_PASSWORD", "x")
    found = program(made(alpha, tmp_path), "gunicorn").environment
    assert "AWS_PROFILE" not in found
    assert "DATABASE_PASSWORD" not in found


def test_secrets_are_made_once_and_are_not_those_of_the_simulation(alpha: Declaration, tmp_path: Path) -> None:
    first = program(made(alpha, tmp_path), "gunicorn").environment["SECRET_KEY"]
    simulated = [each.outputs["result"] for each in alpha.of_type("random:index/randomPassword:RandomPassword")]
    assert first not in simulated
    assert len(first) == 64
    assert program(made(alpha, tmp_path), "gunicorn").environment["SECRET_KEY"] == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_every_container_has_a_folder_of_its_own_in_place_of_tmp(alpha: Declaration, tmp_path: Path) -> None:
    words = program(made(alpha, tmp_path), "beat").words
    assert words[-1] == f"--schedule={tmp_path}/tmp/beat/celerybeat-schedule"


def test_only_whole_folders_of_a_container_are_replaced() -> None:
    folders = {"/tmp": Path("/s/tmp/web"), "/data": Path("/s/volumes/data")}
    assert below("--schedule=/tmp/beat", folders) == "--schedule=/s/tmp/web/beat"
    assert below("/var/tmp/x /database /tmpfs", folders) == "/var/tmp/x /database /tmpfs"
    assert below("/data", folders) == "/s/volumes/data"
    assert below("a=/data/;b='/data'", folders) == "a=/s/volumes/data/;b='/s/volumes/data'"


def test_a_folder_of_this_machine_is_not_replaced_again_and_the_inner_folder_of_a_container_counts() -> None:
    folders = {"/data": Path("/tmp/s/data"), "/tmp": Path("/var/s/tmp"), "/data/cache": Path("/var/s/cache")}
    assert below("/data/x /tmp/y", folders) == "/tmp/s/data/x /var/s/tmp/y"
    assert below("/data/cache/z", folders) == "/var/s/cache/z"


def test_production_has_tls_and_a_token_for_its_cache(live: Declaration, tmp_path: Path) -> None:
    found = program(made(live, tmp_path), "gunicorn").environment
    assert found["REDIS_URL"].startswith("rediss://:")
    assert found["REDIS_URL"].endswith("/0?ssl_cert_reqs=required")
    assert found["SSL_CERT_FILE"].endswith("bundle.pem")


def test_given_servers_replace_those_of_the_base(live: Declaration, tmp_path: Path) -> None:
    programs = made(
        live, tmp_path, database_url="postgres://me:pw@db.lan:6432/?sslmode=disable", redis_url="redis://cache.lan:7000"
    )
    found = program(programs, "gunicorn").environment
    assert "@db.lan:6432/live-db?sslmode=disable" in found["DATABASE_URL"]
    assert (found["DB_HOST"], found["DB_PORT"]) == ("db.lan", "6432")
    assert found["REDIS_URL"] == "redis://cache.lan:7000/0"
    assert found["CELERY_BROKER_URL"] == "redis://cache.lan:7000/1"


def test_the_own_redis_of_an_environment_does_not_start_beside_a_given_one(alpha: Declaration, tmp_path: Path) -> None:
    programs = made(alpha, tmp_path, redis_url="redis://:pw@cache.lan:7000")
    assert "redis" not in [service.service.short for service in programs.services()]
    assert program(programs, "default").environment["CELERY_BROKER_URL"] == "redis://:pw@cache.lan:7000/1"


def test_a_url_that_is_no_url_is_refused_without_its_text(alpha: Declaration, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--database-url") as refused:
        made(alpha, tmp_path, database_url="mysql://me:hunter2@db")
    assert "hunter2" not in str(refused.value)


def test_a_missing_program_of_the_working_copy_is_refused(
    alpha: Declaration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    programs = made(alpha, tmp_path)
    (tmp_path / "bin" / "gunicorn").unlink()
    with pytest.raises(RefusedError, match="gunicorn cannot run here: gunicorn is not installed"):
        programs.services()


def test_a_container_whose_command_is_in_its_image_is_skipped_unless_the_user_names_one(
    alpha: Declaration, tmp_path: Path
) -> None:
    found = tasks.read(alpha)
    bare = replace(found.services[2].task.containers[0], name="web-ui", image="node", command=(), entry_point=())
    task = replace(found.services[2].task, containers=[bare])
    changed = replace(found, services=[replace(found.services[2], task=task)])
    programs = made(alpha, tmp_path, changed)
    assert programs.services()[0].containers == []
    assert programs.skipped == {"web-ui": "its command is in its image"}
    own = made(alpha, tmp_path, changed, commands={"web-ui": ["python", "-m", "http.server", "--bind", "0.0.0.0"]})
    assert program(own, "web-ui").words[-1].startswith("127.")
    with pytest.raises(UsageError, match="--command names the container web, which does not exist"):
        made(alpha, tmp_path, changed, commands={"web": ["python"]}).services()


def test_the_containers_of_a_task_find_each_other_on_localhost(alpha: Declaration, tmp_path: Path) -> None:
    found = tasks.read(alpha)
    web = replace(found.services[2].task.containers[0], command=("gunicorn", "--bind", "127.0.0.1:8000", "shop.wsgi"))
    web = replace(web, environment={"CORS": "http://localhost:3000", "COLLECTOR": "localhost:4317"})
    proxy = Container(name="proxy", image="nginx", command=["sh", "-c", "serve http://localhost:8000/"], ports=[4317])

    def with_containers(*containers: Container) -> Tasks:
        task = replace(found.services[2].task, containers=containers)
        return replace(found, services=[replace(found.services[2], task=task)])

    programs = made(alpha, tmp_path, with_containers(web, proxy))
    address = program(programs, "gunicorn").words[2].removesuffix(":8000")
    assert address != "127.0.0.1"
    assert program(programs, "proxy").words[2] == f"serve http://{address}:8000/"
    environment = program(programs, "gunicorn").environment
    assert environment["COLLECTOR"] == f"{address}:4317"
    assert environment["CORS"] == "http://localhost:3000"
    alone = program(made(alpha, tmp_path, with_containers(web)), "gunicorn")
    assert alone.words[2] == "127.0.0.1:8000"


def test_a_secret_that_only_aws_has_is_made_up_and_reported(alpha: Declaration, tmp_path: Path) -> None:
    found = tasks.read(alpha)
    web = found.services[2].task.containers[0]
    foreign = replace(
        web, secrets={**web.secrets, "STRIPE_KEY": "arn:aws:secretsmanager:eu-west-1:1:secret:stripe-AbCdEf"}
    )
    task = replace(found.services[2].task, containers=[foreign])
    changed = replace(found, services=[replace(found.services[2], task=task)])
    programs = made(alpha, tmp_path, changed)
    assert program(programs, "gunicorn").environment["STRIPE_KEY"]
    assert programs.made_up == {"STRIPE_KEY"}
    mine = made(alpha, tmp_path, changed, values={"STRIPE_KEY": "mine"})
    assert program(mine, "gunicorn").environment["STRIPE_KEY"] == "mine"
    assert mine.made_up == set()
