"""`local up` on servers that the user has: a PostgreSQL with TLS whose role is not a superuser, and a Redis with a password."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.local import binaries
from tests.live.shop import Shop, missing, running
from tests.support import postgres
from tests.support.container_registry import wait_for_port
from tests.support.ports import free_port
from tests.support.postgres import MASTER, Server
from tests.support.waiting import until

WHY = missing() or postgres.missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


@contextmanager
def redis(folder: Path) -> Generator[str]:
    """A Redis with a password; its URL."""
    port = free_port()
    words = [str(binaries.redis()), "--bind", "127.0.0.1", "--port", str(port), "--requirepass", "hunter2"]
    with subprocess.Popen([*words, "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port, process)
            yield f"redis://:hunter2@127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def database() -> Generator[Server]:
    with postgres.server(secured=True) as server:
        yield server


@pytest.fixture(scope="module")
def shop(database: Server, tmp_path_factory: pytest.TempPathFactory) -> Generator[Shop]:
    with redis(tmp_path_factory.mktemp("redis")) as redis_url:
        urls = {
            "ORCHESTRATOR_DATABASE_URL": f"postgres://{MASTER}:{database.password}@127.0.0.1:{database.port}/?sslmode=require",
            "ORCHESTRATOR_REDIS_URL": redis_url,
        }
        with running("live", config="  shop-app:release: {extensions: [pg_trgm]}\n", environment=urls) as shop:
            yield shop


def test_no_server_of_its_own_runs(shop: Shop) -> None:
    assert {"gunicorn", "channels", "default", "beat"} == set(shop.ps())
    assert "postgres " not in shop.said
    assert "cache " not in shop.said


def test_the_environment_has_its_own_database_and_role_on_the_given_server(shop: Shop, database: Server) -> None:
    shop.get("/")
    assert shop.post("/products/", {"name": "Tea", "price_cents": "300"}).status_code == 302
    assert database.query("SELECT name FROM catalog_product", "live-db") == ["Tea"]
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'live-db'"
    assert database.query(owner, "live-db") == ["live-db"]
    assert "pg_trgm" in database.query("SELECT extname FROM pg_extension", "live-db")


def test_tasks_go_through_the_given_redis(shop: Shop) -> None:
    placed = shop.post("/products/1/orders/", {})
    until(lambda: shop.get(placed.headers["Location"]).json()["packed_at"])
    urls = shop.python("import os; print(os.environ['REDIS_URL'], os.environ['CELERY_BROKER_URL'])").split()
    assert [url.rpartition("/")[2] for url in urls] == ["0", "1"]


def test_neither_password_is_in_the_output(shop: Shop, database: Server) -> None:
    assert database.password not in shop.said
    assert "hunter2" not in shop.said
