"""`local up` runs an ad-hoc environment of the shop: PostgreSQL, Redis, S3, gunicorn, Celery and beat as real processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.local.addresses import OWN_ADDRESSES
from tests.live.shop import Shop, missing, running
from tests.support.ports import free_port
from tests.support.waiting import LONG, until

WHY = missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


STEPS = """
  shop-app:release: {after_command: [sh, -c, "echo ran >> $SHOP_TEST_FOLDER/after"]}
  shop-app:on_create: [sh, -c, "echo ran >> $SHOP_TEST_FOLDER/created"]
"""


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    with running("alpha", config=STEPS) as shop:
        yield shop


def test_a_page_writes_to_the_database_and_uploads_to_the_bucket(shop: Shop) -> None:
    assert shop.get("/").status_code == 200
    picture = ("tea.txt", b"picture" * 50_000)
    assert shop.post("/products/", {"name": "Tea", "price_cents": "300"}, {"picture": picture}).status_code == 302
    assert "Tea" in shop.get("/").text
    assert shop.get("/products/1/picture/").content == picture[1]


def test_a_form_of_another_site_is_refused(shop: Shop) -> None:
    shop.get("/")
    shop.session.headers["Origin"] = "http://evil.example"
    try:
        assert shop.post("/products/1/orders/", {}).status_code == 403
    finally:
        del shop.session.headers["Origin"]


def test_a_worker_does_the_task_of_an_order(shop: Shop) -> None:
    shop.get("/")
    placed = shop.post("/products/1/orders/", {})
    assert placed.status_code == 302
    until(lambda: shop.get(placed.headers["Location"]).json()["packed_at"])


def test_a_packed_order_arrives_on_the_websocket(shop: Shop) -> None:
    shop.get("/")
    placed, message = shop.websocket(lambda: shop.post("/products/1/orders/", {}))
    assert placed.headers["Location"] == f"/orders/{message['packed']}/"


def test_a_websocket_without_messages_stays_open(shop: Shop) -> None:
    """The channel layer waits 5 s at a time for a message, as long as redis-py waits for an answer by default."""
    shop.get("/")

    def later() -> str:
        time.sleep(7)
        return shop.post("/products/1/orders/", {}).headers["Location"]

    placed, message = shop.websocket(later)
    assert placed == f"/orders/{message['packed']}/"


def test_a_worker_does_tasks_with_and_without_the_name_of_a_queue(shop: Shop) -> None:
    shop.python("from waiting.tasks import note; note.delay('unnamed'); note.apply_async(('named',), queue='default')")
    until(lambda: {"unnamed", "named"} <= {path.name for path in shop.folder.iterdir()})


def test_beat_starts_the_scheduled_task(shop: Shop) -> None:
    until(lambda: shop.get("/reports/").json()["reports"])


def test_another_host_gets_the_default_answer_of_the_listener(shop: Shop) -> None:
    answer = shop.get("/", host="beta.localhost")
    assert (answer.status_code, answer.text) == (404, "Not found")


def test_ps_shows_every_service(shop: Shop) -> None:
    found = json.loads(shop.command("local", "ps", "alpha", "--json").stdout)
    status = {each["service"]: each["status"] for each in found["services"]}
    served = {"gunicorn": "healthy", "channels": "healthy"}
    assert status == {"redis": "running", "beat": "running", "default": "running", **served}
    address = next(each["address"] for each in found["services"] if each["service"] == "gunicorn")
    assert address.endswith(":8000") or not OWN_ADDRESSES


def test_run_has_the_variables_of_the_web_service(shop: Shop) -> None:
    code = "import os, sys; print(os.environ['FRONTEND_URL']); sys.exit(7)"
    ran = shop.command("local", "run", "alpha", "--", "python", "-c", code)
    assert (ran.returncode, ran.stdout) == (7, f"http://{shop.host}:{shop.port}\n")


def test_a_second_up_is_refused(shop: Shop) -> None:
    refused = shop.command("local", "up", "alpha", "--port", str(free_port()))
    assert refused.returncode == 1
    assert "error: alpha already runs on this machine" in refused.stderr


def test_secrets_are_private(shop: Shop) -> None:
    folder = next(Path(shop.environment["XDG_STATE_HOME"]).rglob("secrets.json")).parent
    for name in ("secrets.json", "running.json", "log.jsonl"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    for secret in json.loads((folder / "secrets.json").read_text(encoding="utf-8")).values():
        assert secret not in shop.said


def test_the_end_comes_in_order_and_lets_a_request_and_a_task_finish(shop: Shop) -> None:
    children = [
        int(pid) for pid in Path(f"/proc/{shop.process.pid}/task/{shop.process.pid}/children").read_text().split()
    ]
    shop.python("from waiting.tasks import wait_for_file; wait_for_file.delay()")
    until((shop.folder / "started").exists)
    rest, request = half_of_a_form(shop)

    shop.process.send_signal(signal.SIGINT)
    until(lambda: "Handling signal: term" in shop.said)
    assert shop.process.poll() is None
    with contextlib.closing(request):
        request.send(rest)
        answer = request.getresponse()
        assert (answer.status, answer.headers["Location"]) == (302, "/")

    until(lambda: "Warm shutdown" in shop.said)
    assert not (shop.folder / "done").exists()
    (shop.folder / "go").touch()
    assert shop.process.wait(LONG) == 0
    assert (shop.folder / "done").exists()

    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    ended = shop.said.partition("\nstopping\n")[2]
    order = [ended.index(text) for text in ("Shutting down: Master", "Warm shutdown", "Redis is now ready to exit")]
    assert order == sorted(order)
    assert re.search(r"does not run on this machine", shop.command("local", "ps", "alpha").stderr)


def test_a_failing_migration_stops_the_start_before_any_service_and_keeps_the_data(shop: Shop) -> None:
    before = shop.values.read_text(encoding="utf-8")
    shop.values.write_text(before.replace("APPS=waiting", "APPS=broken"), encoding="utf-8")
    failed = shop.command(*shop.up)
    assert failed.returncode == 1
    assert 'backend_update | psycopg.errors.UndefinedTable: relation "no_such_table" does not exist' in failed.stdout
    assert "Listening at" not in failed.stdout
    assert "error: the release command failed (`python manage.py migrate --no-input`)" in failed.stderr
    shop.values.write_text(before, encoding="utf-8")

    with again(shop):
        assert "Coffee" in shop.get("/").text
        assert ran("after", shop) == 2, "once for each start with a release that succeeded"
        assert ran("created", shop) == 1, "once in the life of the environment"


def test_a_service_that_crashes_at_the_start_ends_everything_with_its_last_line(shop: Shop) -> None:
    crash = "default=python -c \"import sys; print('no broker'); sys.exit(3)\""
    failed = shop.command(*shop.up, "--command", crash)
    assert failed.returncode == 1
    assert failed.stderr.endswith(
        "\nerror: default ended with exit code 3: no broker\n"
        "hint: read its lines: `orchestrator local logs alpha --service default`\n"
    )
    until(lambda: not shop.left)
    assert "no broker" in shop.command("local", "logs", "alpha", "--service", "default").stdout


def test_nothing_runs_on_after_a_kill(shop: Shop) -> None:
    with again(shop) as process:
        assert len(shop.left) >= 6
        process.kill()
        process.wait()
        until(lambda: not shop.left)
    assert "does not run on this machine" in shop.command("local", "ps", "alpha").stderr


DATABASE_READY = "database alpha-db is ready"
"""Comes before the release and the services."""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_start_ends_everything(shop: Shop, sent: signal.Signals) -> None:
    before = shop.said.count(DATABASE_READY)
    with starting(shop) as process:
        until(lambda: shop.said.count(DATABASE_READY) > before)
        process.send_signal(sent)
        assert process.wait(LONG) in (0, 128 + sent)
        until(lambda: not shop.left)


def test_down_stops_everything_in_order_and_removes_the_data_only_when_asked_for(shop: Shop) -> None:
    with again(shop) as process:
        stopped = shop.command("local", "down", "alpha")
        assert stopped.returncode == 0, stopped.stderr
        assert process.wait(LONG) == 0
        until(lambda: not shop.left)
    folder = next(Path(shop.environment["XDG_STATE_HOME"]).rglob("secrets.json")).parent
    refused = shop.command("local", "down", "alpha", "--data")
    assert (refused.returncode, folder.exists()) == (1, True), "without a terminal --yes is needed"
    removed = shop.command("local", "down", "alpha", "--data", "--yes")
    assert (removed.returncode, folder.exists()) == (0, False), removed.stderr
    assert (
        "error: alpha has no data on this machine" in shop.command("local", "down", "alpha", "--data", "--yes").stderr
    )


def ran(name: str, shop: Shop) -> int:
    return len((shop.folder / name).read_text(encoding="utf-8").splitlines())


@contextmanager
def again(shop: Shop) -> Generator[subprocess.Popen[bytes]]:
    """The same environment once more, with its data."""
    ended = shop.said.count("\nurl ")
    with starting(shop) as process:
        until(lambda: shop.said.count("\nurl ") > ended or process.poll() is not None)
        assert process.poll() is None, shop.said
        yield process


@contextmanager
def starting(shop: Shop) -> Generator[subprocess.Popen[bytes]]:
    """The same environment, without waiting for it."""
    with shop.log.open("a", encoding="utf-8") as output:
        words = [sys.executable, "-m", "orchestrator", *shop.up]
        process = subprocess.Popen(
            words, cwd=shop.infrastructure, env=shop.environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def half_of_a_form(shop: Shop) -> tuple[bytes, http.client.HTTPConnection]:
    """Send the first half of a form. Return the other half and the connection, when the application has the request."""
    shop.get("/")
    (shop.folder / "posting").unlink(missing_ok=True)
    body = b"name=Coffee&price_cents=400"
    request = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=LONG)
    request.putrequest("POST", "/products/", skip_host=True)
    type_ = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    for name, value in {**shop.form_headers(), **type_}.items():
        request.putheader(name, value)
    request.endheaders(body[:10])
    until((shop.folder / "posting").exists)
    return body[10:], request
