"""`local up` runs the shop on this machine: PostgreSQL, Redis, S3, gunicorn, Celery and beat as real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from orchestrator.errors import RefusedError
from orchestrator.local import binaries
from orchestrator.local.places import OWN_ADDRESSES, free_port

SHOP = Path(__file__).parents[2] / "examples" / "shop"
HOST = "alpha.localhost"
LONG = 120
"""Seconds after which a test that waits fails."""


def missing() -> str | None:
    """Why the shop cannot run here; None when it can."""
    try:
        binaries.postgres()
        binaries.redis()
    except RefusedError as error:
        return error.message
    needed = {name: shutil.which(name, path=str(Path(sys.executable).parent)) for name in ("gunicorn", "celery")}
    absent = [name for name, path in needed.items() if path is None]
    return f"{' and '.join(absent)} is not installed" if absent else None


WHY = missing()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


@dataclass
class Shop:
    """The running shop."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    environment: dict[str, str]
    session: requests.Session = field(default_factory=requests.Session)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the orchestrator."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=SHOP / "infrastructure",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONG,
        )

    def get(self, path: str, host: str = HOST) -> requests.Response:
        return self.session.get(
            f"http://127.0.0.1:{self.port}{path}", headers={"Host": f"{host}:{self.port}"}, timeout=LONG
        )

    def post(self, path: str, data: dict[str, str], files: Any = None) -> requests.Response:
        token = next(iter(self.session.cookies.values()))
        # The cookie belongs to the host in the header, which `requests` does not look at.
        headers = {"Host": f"{HOST}:{self.port}", "Cookie": f"csrftoken={token}", "X-CSRFToken": token}
        url = f"http://127.0.0.1:{self.port}{path}"
        return self.session.post(url, data, headers=headers, files=files, allow_redirects=False, timeout=LONG)


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    # PostgreSQL's own user must be able to enter, when root runs the tests.
    state = Path(tempfile.mkdtemp(prefix="local-"))
    state.chmod(0o755)
    values = state / "values.env"
    values.write_text("SHOP_REPORT_SECONDS=1\n", encoding="utf-8")
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    environment.pop("VIRTUAL_ENV", None)
    port, log = free_port("127.0.0.1"), state / "output"
    words = ["local", "up", "alpha", "--port", str(port), "--python", sys.executable, "--env-file", str(values)]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=SHOP / "infrastructure",
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Shop(process=process, port=port, log=log, environment=environment)
    try:
        until(lambda: "\nurl " in log.read_text(encoding="utf-8") or process.poll() is not None)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield running
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(state, ignore_errors=True)


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.1)


def test_a_page_writes_to_the_database_and_uploads_to_the_bucket(shop: Shop) -> None:
    assert shop.get("/").status_code == 200
    picture = ("tea.txt", b"picture" * 50_000)
    assert shop.post("/products/", {"name": "Tea", "price_cents": "300"}, {"picture": picture}).status_code == 302
    assert "Tea" in shop.get("/").text
    assert shop.get("/products/1/picture/").content == picture[1]


def test_a_worker_does_the_task_of_an_order(shop: Shop) -> None:
    shop.get("/")
    placed = shop.post("/products/1/orders/", {})
    assert placed.status_code == 302
    until(lambda: shop.get(placed.headers["Location"]).json()["packed_at"])


def test_beat_starts_the_scheduled_task(shop: Shop) -> None:
    until(lambda: shop.get("/reports/").json()["reports"])


def test_another_host_gets_the_default_answer_of_the_listener(shop: Shop) -> None:
    answer = shop.get("/", host="beta.localhost")
    assert (answer.status_code, answer.text) == (404, "Not found")


def test_ps_shows_every_service(shop: Shop) -> None:
    found = json.loads(shop.command("local", "ps", "alpha", "--json").stdout)
    status = {each["service"]: each["status"] for each in found["services"]}
    assert status == {"redis": "running", "gunicorn": "healthy", "beat": "running", "default": "running"}
    address = next(each["address"] for each in found["services"] if each["service"] == "gunicorn")
    assert address.endswith(":8000") or not OWN_ADDRESSES


def test_run_has_the_variables_of_the_web_service(shop: Shop) -> None:
    code = "import os, sys; print(os.environ['FRONTEND_URL']); sys.exit(7)"
    ran = shop.command("local", "run", "alpha", "--", "python", "-c", code)
    assert (ran.returncode, ran.stdout) == (7, f"http://{HOST}:{shop.port}\n")


def test_a_second_up_is_refused(shop: Shop) -> None:
    refused = shop.command("local", "up", "alpha", "--port", str(free_port("127.0.0.1")))
    assert refused.returncode == 1
    assert "error: alpha already runs on this machine" in refused.stderr


def test_secrets_are_private(shop: Shop) -> None:
    folder = next(Path(shop.environment["XDG_STATE_HOME"]).rglob("secrets.json")).parent
    for name in ("secrets.json", "running.json", "log.jsonl"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    for secret in json.loads((folder / "secrets.json").read_text(encoding="utf-8")).values():
        assert secret not in shop.log.read_text(encoding="utf-8")


def test_ctrl_c_ends_everything_in_order(shop: Shop) -> None:
    children = [
        int(pid) for pid in Path(f"/proc/{shop.process.pid}/task/{shop.process.pid}/children").read_text().split()
    ]
    shop.process.send_signal(signal.SIGINT)
    assert shop.process.wait(LONG) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    ended = shop.log.read_text(encoding="utf-8").partition("\nstopping\n")[2]
    order = [ended.index(text) for text in ("Shutting down: Master", "Warm shutdown", "Redis is now ready to exit")]
    assert order == sorted(order)
    assert re.search(r"does not run on this machine", shop.command("local", "ps", "alpha").stderr)
