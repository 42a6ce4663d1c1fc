"""`local up --reload`: changed files, broken files and killed processes while an environment runs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.shop import SHOP, Shop, missing, running
from tests.support.waiting import until

WHY = missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working copy of the test's own."""
    copy = tmp_path_factory.mktemp("code") / "shop"
    shutil.copytree(SHOP, copy, ignore=shutil.ignore_patterns("infrastructure", "__pycache__"))
    return copy


@pytest.fixture(scope="module")
def shop(code: Path) -> Generator[Shop]:
    with running("alpha", code=code, words=["--reload"]) as shop:
        yield shop


def version(shop: Shop) -> str | None:
    """The version that the health check reports; None while nothing serves."""
    answer = shop.get("/health/")
    return answer.json()["version"] if answer.ok else None


@contextmanager
def started_again(shop: Shop, *names: str) -> Generator[None]:
    """The block changes a file once; then every container has ended and started again.

    A container that still stops for the change before would end without a message when the next test kills it.
    """
    before = shop.ps()
    yield
    until(lambda: all(shop.ps()[name]["restarts"] > before[name]["restarts"] for name in names))


def replace(file: Path, text: str) -> None:
    """Change a file in one step, as editors do, so that it is one change for the watcher and never half a file."""
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def test_a_killed_service_starts_again(shop: Shop) -> None:
    before = shop.ps()["default"]
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: "default ended with signal 9: it starts again in 1 s" in shop.said)
    until(lambda: shop.ps()["default"]["restarts"] > before["restarts"])
    shop.python("from waiting.tasks import note; note.delay('again')")
    until((shop.folder / "again").exists)


def test_a_changed_file_starts_the_services_of_the_working_copy_again(shop: Shop, code: Path) -> None:
    redis = shop.ps()["redis"]["pid"]
    settings = code / "shop" / "settings.py"
    text = settings.read_text(encoding="utf-8")
    with started_again(shop, "gunicorn", "channels", "default", "beat"):
        replace(settings, text.replace('"SHOP_VERSION", "1"', '"SHOP_VERSION", "2"'))
    until(lambda: version(shop) == "2")
    assert shop.ps()["redis"]["pid"] == redis


def test_a_broken_file_ends_nothing_and_its_correction_serves_again(shop: Shop, code: Path) -> None:
    urls = code / "shop" / "urls.py"
    text = urls.read_text(encoding="utf-8")
    with started_again(shop, "default", "beat"):
        replace(urls, f"{text}\nurlpatterns += [broken]\n")
    until(lambda: version(shop) is None)
    until(lambda: "name 'broken' is not defined" in shop.said)
    assert shop.process.poll() is None
    with started_again(shop, "default", "beat"):
        replace(urls, text)
    until(lambda: version(shop) == "2")
