"""The shop from a clone to its page in a browser: `init`, `build` with buildah, and `local up`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.live import shop
from tests.live.shop import SHOP, Shop, running
from tests.support import container_registry
from tests.support.container_registry import buildah_environment, copy_programs, own_variables
from tests.support.waiting import LONG

WHY = shop.missing()
NO_BUILDER = container_registry.missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

BASE_IMAGE = "docker.io/library/python:3.13-slim-bookworm"
# The steps of the shop's Dockerfile run. What they install comes from the network, so these programs install nothing.
STAND_INS = {
    "apt-get": "exit 0",
    "useradd": "echo 'shop:x:1000:1000::/home/shop:/bin/sh' >> /etc/passwd",
    "python": 'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp /usr/bin/pip "$3/bin/pip"; else mkdir -p static; fi',
    "pip": "test -s requirements.txt",
}


@pytest.fixture(scope="module")
def clone() -> Generator[Path]:
    """The shop without its stacks, as a repository of its own, after `init`."""
    with tempfile.TemporaryDirectory(prefix="clone-") as name:
        folder = Path(name) / "shop"
        Path(name).chmod(0o755)
        shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns("infrastructure", "__pycache__"))
        for words in (
            ["init", "-q"],
            ["add", "."],
            ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)
        made = command(folder, "init", "--yes")
        assert made.returncode == 0, made.stderr
        assert "missing" not in made.stdout
        yield folder


def command(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", **variables}
    words_ = [sys.executable, "-m", "orchestrator", *words]
    return subprocess.run(words_, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONG)


@pytest.mark.skipif(NO_BUILDER is not None, reason=str(NO_BUILDER))
def test_the_shops_own_dockerfile_is_built_and_not_again(clone: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="buildah-") as storage:
        variables = {**own_variables(), **buildah_environment(Path(storage))}
        rootfs = tmp_path / "rootfs"
        copy_programs(rootfs, "sh", "rm", "mkdir", "cp", "test")
        stand_in(rootfs, variables)
        for status in ("built", "unchanged"):
            built = command(clone, "build", "--json", **variables)
            assert built.returncode == 0, built.stderr
            (image,) = json.loads(built.stdout)["images"]
            assert (image["status"], image["builder"]) == (status, "buildah")
        assert image["reference"].startswith("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:c-")
        script = f'root=$(buildah mount $(buildah from {image["reference"]})); ls "$root/app" "$root/app/shop"'
        listed = subprocess.run(["buildah", "unshare", "sh", "-c", script] if os.geteuid() else ["sh", "-c", script],
                                env=variables, check=True, capture_output=True, text=True)  # fmt: skip
    files = listed.stdout.split()
    assert {"manage.py", "catalog", "settings.py", "static"} <= set(files)
    assert "infrastructure" not in files


def stand_in(rootfs: Path, variables: dict[str, str]) -> None:
    """Store an image under the name of the Dockerfile's base."""
    (rootfs / "etc").mkdir(exist_ok=True)
    (rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (rootfs / "usr/bin").mkdir(parents=True, exist_ok=True)
    for name, line in STAND_INS.items():
        program = rootfs / "usr/bin" / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
    (rootfs.parent / "Dockerfile").write_text("FROM scratch\nCOPY rootfs /\n")
    words = ["buildah", "build", "-q", "-t", BASE_IMAGE, str(rootfs.parent)]
    subprocess.run(words, env=variables, check=True, capture_output=True)


@pytest.fixture(scope="module")
def alpha(clone: Path) -> Generator[Shop]:
    with running("alpha", code=clone, stacks=clone / "infrastructure") as alpha:
        yield alpha


def test_its_page_is_served_and_takes_a_product(alpha: Shop) -> None:
    assert "<h1>Shop</h1>" in alpha.get("/").text
    assert alpha.post("/products/", {"name": "Tea", "price_cents": "300"}).status_code == 302
    assert "Tea" in alpha.get("/").text
    assert alpha.get("/static/catalog/shop.css").status_code == 200


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_shows_the_page_under_the_address_that_is_printed(alpha: Shop, tmp_path: Path) -> None:
    address = next(line.split()[1] for line in alpha.said.splitlines() if line.startswith("url "))
    assert address == f"http://{alpha.host}:{alpha.port}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom", address]
    shown = subprocess.run(["chromium", *options], capture_output=True, text=True, timeout=LONG)
    assert "<title>Shop</title>" in shown.stdout
    assert "Price in cents" in shown.stdout
