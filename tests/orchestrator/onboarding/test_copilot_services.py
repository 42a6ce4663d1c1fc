"""Further services of a Copilot application: those that run Django's image go beside `web`, the others are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.onboarding.initialise import read_takeover
from orchestrator.onboarding.survey import survey
from orchestrator.onboarding.takeover import Takeover
from tests.support.django_repositories import repository

API = """name: api
type: Load Balanced Web Service
http: {path: /, healthcheck: /healthz}
image: {location: registry.example.com/shop:1, port: 8000}
command: gunicorn --bind 0.0.0.0:8000 shop.wsgi
variables: {COLOR: blue}
"""
SOCKETS = """name: Web Sockets
type: Load Balanced Web Service
http:
  path: ws
  healthcheck: {path: /ws/health, interval: 15s}
  deregistration_delay: 60s
image: {location: registry.example.com/shop:1, port: 9000}
command: daphne -b 0.0.0.0 -p 9000 shop.asgi:application
cpu: 512
memory: 1024
count: {range: 2-4, cpu_percentage: 70}
variables: {COLOR: blue, CHANNEL: chat}
environments:
  prod: {count: 3}
"""


def taken(tmp_path: Path, **manifests: str) -> Takeover:
    files = {f"copilot/{name}/manifest.yml": text for name, text in {"api": API, **manifests}.items()}
    return read_takeover(survey(repository(tmp_path, files)), "copilot")


def test_a_second_web_service_with_djangos_image_goes_beside_the_first(tmp_path: Path) -> None:
    found = taken(tmp_path, sockets=SOCKETS)
    assert found.values["services"] == {
        "web-sockets": {
            "command": ["daphne", "-b", "0.0.0.0", "-p", "9000", "shop.asgi:application"],
            "cpu_units": 512,
            "memory_mib": 1024,
            "port": 9000,
            "paths": ["/ws", "/ws/*"],
            "health_check": {"path": "/ws/health"},
            "deregistration_delay_seconds": 60,
            "desired_count": 2,
            "scaling": {"min_tasks": 2, "max_tasks": 4, "cpu_percent": 70},
        }
    }
    assert found.prod_values["services"]["web-sockets"]["desired_count"] == 3
    assert "frontend_image" not in found.values
    assert found.values["extra_env"] == {"COLOR": "blue", "CHANNEL": "chat"}
    assert any("interval" in line for line in found.left)


def test_an_image_that_is_built_from_the_same_dockerfile_is_djangos(tmp_path: Path) -> None:
    built = {"api": API, "sockets": SOCKETS.replace("port: 9000", "port: 9000")}
    built = {
        name: text.replace("location: registry.example.com/shop:1", "build: Dockerfile") for name, text in built.items()
    }
    assert "web-sockets" in taken(tmp_path, **built).values["services"]


def test_another_value_of_a_variable_is_reported_because_all_containers_have_the_same(tmp_path: Path) -> None:
    found = taken(tmp_path, sockets=SOCKETS.replace("COLOR: blue", "COLOR: red"))
    assert found.values["extra_env"]["COLOR"] == "blue"
    (line,) = [line for line in found.left if "variables.COLOR" in line]
    assert "every container of Django has one value" in line


@pytest.mark.parametrize(
    ("name", "manifest", "why"),
    [
        (
            "sockets",
            SOCKETS.replace("path: ws", "path: /"),
            "it answers every path, as `web` does: add it to `services` with paths or hosts of its own",
        ),
        (
            "inner",
            "name: inner\ntype: Backend Service\nimage: {location: registry.example.com/shop:1, port: 8000}\n"
            "command: gunicorn shop.inner_wsgi\n",
            "other services call it, and the load balancer of an environment is public: "
            "if all may call it, add it to `services` with paths",
        ),
        (
            "other",
            "name: other\ntype: Backend Service\nimage: {location: registry.example.com/search:1}\ncommand: serve\n",
            "Backend Service with an image that is not Django's: it has no counterpart",
        ),
    ],
)
def test_what_does_not_fit_is_reported_with_the_reason(tmp_path: Path, name: str, manifest: str, why: str) -> None:
    found = taken(tmp_path, **{name: manifest})
    assert "services" not in found.values
    assert [line for line in found.left if line.startswith(f"copilot/{name}/manifest.yml: ")] == [
        f"copilot/{name}/manifest.yml: {why}"
    ]


def test_a_backend_service_that_no_other_calls_is_a_worker_with_its_own_command(tmp_path: Path) -> None:
    manifest = "name: mails\ntype: Backend Service\nimage: {location: registry.example.com/shop:1}\n"
    found = taken(tmp_path, mails=f"{manifest}command: python manage.py send_mails\ncount: 2\n")
    assert found.values["workers"]["mails"]["command"] == ["python", "manage.py", "send_mails"]
    assert found.values["workers"]["mails"]["desired_count"] == 2
    assert any("workers.mails" in line and "a worker runs any command" in line for line in found.changed)


def test_the_second_of_two_frontends_is_reported_and_not_lost(tmp_path: Path) -> None:
    def frontend(name: str) -> str:
        image = f"image: {{location: registry.example.com/{name}:1, port: 3000}}"
        return f"name: {name}\ntype: Load Balanced Web Service\nhttp: {{path: /{name}}}\n{image}\n"

    found = taken(tmp_path, admin=frontend("admin"), ui=frontend("ui"))
    assert found.values["frontend_image"] == "registry.example.com/admin:1"
    assert any(line.startswith("copilot/ui/manifest.yml: a second frontend") for line in found.left)


def test_the_written_environments_have_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"copilot/api/manifest.yml": API, "copilot/sockets/manifest.yml": SOCKETS}
    monkeypatch.chdir(repository(tmp_path / "shop", files))
    monkeypatch.delenv("ORCHESTRATOR_PROJECT_DIR", raising=False)
    assert main(["init", "--yes", "--from", "copilot"]) == 0
    for words in (["alpha", "--base", "dev"], ["live", "--base", "prod", "--allow-prod"]):
        assert main(["create-env", *words, "--yes"]) == 0, capsys.readouterr().err
        assert "services  gunicorn, web-sockets" in capsys.readouterr().out
