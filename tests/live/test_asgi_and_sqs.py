"""`local up` runs a production environment with ASGI, SQS as broker, and a frontend on other paths. A service for websockets uses
Redis with TLS."""

from __future__ import annotations

import json
from collections.abc import Generator

import aiohttp
import pytest

from tests.live.shop import HERE, Shop, missing, running
from tests.support.waiting import until

WHY = missing("daphne")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

CONFIG = """
    command: [daphne, -b, 0.0.0.0, -p, "8000", "shop.asgi:application"]
    paths: [/admin/*, /products/*, /orders/*, /reports/, /health/, /static/*]
    mounts: {media: {path: /app/media}}
  shop-app:volumes: {media: {}}
  shop-app:extra_env: {MEDIA_FOLDER: /app/media}
  shop-app:sqs: {}
  shop-app:workers: {default: {mounts: {media: {path: /app/media}}}, mails: {}}
  shop-app:frontend_image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop-frontend:1.0.0
"""
FRONTEND = f"web-ui=python -m http.server --bind 0.0.0.0 --directory {HERE}/apps/site 3000"


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    with running("live", config=CONFIG, words=["--command", FRONTEND]) as shop:
        yield shop


def order(shop: Shop) -> str:
    """Order a new article; return the address of the order."""
    shop.get("/admin/login/")  # sets the cookie for forms
    assert shop.post("/products/", {"name": "Tea", "price_cents": "300"}).status_code == 302
    placed = shop.post("/products/1/orders/", {})
    assert placed.status_code == 302
    return placed.headers["Location"]


def test_each_path_reaches_its_own_service(shop: Shop) -> None:
    assert "<title>Frontend</title>" in shop.get("/").text
    assert shop.get("/health/").json()["status"] == "ok"
    assert shop.get("/static/catalog/shop.css").headers["Content-Type"].startswith("text/css")
    assert shop.get("/health").status_code == 404


def test_every_container_of_the_environment_runs(shop: Shop) -> None:
    status = {name: each["status"] for name, each in shop.ps().items()}
    workers = {"beat": "running", "default": "running", "mails": "running"}
    assert status == {"gunicorn": "healthy", "web-ui": "healthy", "channels": "healthy", **workers}


def test_an_order_goes_through_sqs_to_a_worker_and_back_through_a_websocket(shop: Shop) -> None:
    placed, message = shop.websocket(lambda: order(shop))
    assert placed == f"/orders/{message['packed']}/"
    assert shop.get(placed).json()["packed_at"]
    broker = json.loads(shop.python("import os; print(os.environ['CELERY_BROKER_TRANSPORT_OPTIONS'])"))
    assert set(broker["predefined_queues"]) == {"default", "mails", "celery"}
    urls = shop.python("import boto3; print(*boto3.client('sqs').list_queues()['QueueUrls'])").split()
    known = {each["url"] for each in broker["predefined_queues"].values()}
    others = [url.rsplit("/", 1)[1] for url in urls if url not in known]
    assert len(others) == len(known)
    assert all("dead" in name for name in others), "Celery creates no queue"


def test_a_websocket_of_another_site_is_refused(shop: Shop) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        shop.websocket(lambda: None, origin="http://evil.example")
    assert refused.value.status == 403


def test_workers_do_tasks_with_and_without_the_name_of_a_queue(shop: Shop) -> None:
    shop.python("from waiting.tasks import note; note.delay('unnamed'); note.apply_async(('named',), queue='mails')")
    until(lambda: {"unnamed", "named"} <= {path.name for path in shop.folder.iterdir()})


def test_services_that_mount_a_volume_have_the_same_files(shop: Shop) -> None:
    where = "import os; from pathlib import Path; folder = Path(os.environ['MEDIA_FOLDER'])"
    shop.python(f"{where}; (folder / 'picture').write_text('tea')")
    words = ["--service", "default", "--", "python", "-c", f"{where}; print(folder, (folder / 'picture').read_text())"]
    ran = shop.command("local", "run", shop.name, *words)
    folder, text = ran.stdout.split()
    assert text == "tea"
    assert folder.endswith("/volumes/media")
    other = shop.command("local", "run", shop.name, "--service", "mails", "--", "printenv", "MEDIA_FOLDER")
    assert other.stdout == "/app/media\n"


def test_beat_starts_the_scheduled_task(shop: Shop) -> None:
    until(lambda: shop.get("/reports/").json()["reports"])
