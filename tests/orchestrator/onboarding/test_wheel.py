"""The wheel alone is enough: from `django-admin startproject` to a simulated environment, far from this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.django_repositories import start_project

pytest.importorskip("hatchling")

ROOT = Path(__file__).parents[3]
COMMAND = "from orchestrator.cli.main import run; run()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel, as an installation has them."""
    built, folder = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("installed")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (wheel,) = built.glob("pulumi_django-*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(installed: Path, folder: Path, code: str, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "NO_COLOR": "1", "AWS_CONFIG_FILE": os.devnull}
    ended = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_new_project_becomes_an_environment(installed: Path, tmp_path: Path) -> None:
    start_project(tmp_path, "mysite")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    files = run(
        installed, tmp_path, "import orchestrator, pulumi_django as p; print(orchestrator.__file__, p.__file__)"
    )
    assert all(file.startswith(f"{installed}{os.sep}") for file in files.split())
    assert "created    infrastructure/schemas/app.json" in run(installed, tmp_path, COMMAND, "init", "--yes")
    assert "services  gunicorn\n" in run(installed, tmp_path, COMMAND, "create-env", "alpha", "--base", "dev")
    live = ("create-env", "live", "--base", "prod", "--allow-prod")
    assert "services  gunicorn\n" in run(installed, tmp_path, COMMAND, *live)
    assert "alpha" in run(installed, tmp_path, COMMAND, "cost"), "prices.toml is in the wheel"
    run(installed, tmp_path, COMMAND, "ci", "init", "github")
    assert (tmp_path / ".github/workflows").is_dir()
